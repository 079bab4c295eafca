package function

import (
	"strings"
	"testing"
)

// Every name has an entry, and every entry says what the page needs. Package sqlcase runs the examples.
func TestEveryFunctionIsDocumented(t *testing.T) {
	for _, name := range Undocumented() {
		t.Errorf("function %s has no entry for the reference page: add it to the list of its group (string_docs.go, time_docs.go, …) and run make generate", name)
	}
	seen := map[string]bool{}
	for _, g := range Docs() {
		for _, d := range g.Docs {
			if seen[d.Name] {
				t.Errorf("%s has two entries", d.Name)
			}
			seen[d.Name] = true
			if d.Call == "" || !strings.HasSuffix(d.Text, ".") || d.Example == "" || d.Result == "" && !d.NotYet {
				t.Errorf("the entry of %s lacks its call, its text (a sentence), its example or the result", d.Name)
			}
		}
	}
}
