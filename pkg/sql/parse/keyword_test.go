package parse

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestVocabulary guards against a keyword that the grammar asks for but the lexer does not know, which could never match.
func TestVocabulary(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`p\.(?:is|isSeq|accept|acceptSeq|acceptAny|expect|expectAny)\(([^)]*)\)`)
	word := regexp.MustCompile(`"([A-Z_]+)"`)
	found := 0
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		for _, c := range call.FindAllStringSubmatch(string(src), -1) {
			for _, w := range word.FindAllStringSubmatch(c[1], -1) {
				found++
				if keyword(w[1]) == "" {
					t.Errorf("%s asks for %s, which is not in the vocabulary", f, w[1])
				}
			}
		}
	}
	if found < 200 {
		t.Fatalf("only %d keywords found", found)
	}
	for u := range pluralUnits {
		if keyword(u) == "" {
			t.Errorf("%s is not in the vocabulary", u)
		}
	}
}
