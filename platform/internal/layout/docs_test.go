package layout

import (
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var top = filepath.Join("..", "..", "..")

// built are paths that the pages may name though they are not in the repository: make writes them.
var built = []string{"bin/", "data/", "platform/ui/dist"}

// pages gives the text of README.md and of all Markdown files under docs/, by path from the top.
func pages(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	add := func(p string) {
		text, err := os.ReadFile(filepath.Join(top, filepath.FromSlash(p)))
		if err != nil {
			t.Fatal(err)
		}
		out[p] = string(text)
	}
	add("README.md")
	err := fs.WalkDir(os.DirFS(top), "docs", func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && path.Ext(p) == ".md" {
			add(p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func exists(p string) bool {
	if slices.ContainsFunc(built, func(b string) bool { return strings.HasPrefix(p+"/", b) || strings.HasPrefix(p, b) }) {
		return true
	}
	_, err := os.Stat(filepath.Join(top, filepath.FromSlash(p)))
	return err == nil
}

var (
	fence   = regexp.MustCompile("(?ms)^```.*?^```")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	quoted  = regexp.MustCompile("`([^`\n]+)`")
	heading = regexp.MustCompile(`(?m)^#+ +(.*)$`)
	isPath  = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_./-]*$`)
)

// anchor is the fragment that a heading gets on the usual hosts.
func anchor(h string) string {
	h = strings.ToLower(strings.ReplaceAll(h, "`", ""))
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r > 127:
			return r
		}
		return -1
	}, h)
}

// brokenLinks are the relative links of a page that lead nowhere.
func brokenLinks(page, text string, all map[string]string) []string {
	var out []string
	for _, m := range link.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
			continue
		}
		file, fragment, _ := strings.Cut(m[1], "#")
		target := page
		if file != "" {
			target = path.Join(path.Dir(page), file)
		}
		if !exists(target) {
			out = append(out, m[1])
			continue
		}
		if to, ok := all[target]; ok && fragment != "" {
			found := false
			for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(to, ""), -1) {
				found = found || anchor(h[1]) == fragment
			}
			if !found {
				out = append(out, m[1])
			}
		}
	}
	return out
}

// brokenPaths are what stands in backquotes and looks like a path of the repository, and is none. A path is one that starts with a folder of
// the top level.
func brokenPaths(text string) []string {
	var out []string
	for _, m := range quoted.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
		p := strings.TrimPrefix(m[1], "./")
		first, _, nested := strings.Cut(p, "/")
		if !nested || !isPath.MatchString(p) || !slices.Contains([]string{".ci", "deploy", "dim", "dm", "docs", "dwd", "ods", "pkg", "platform"}, first) {
			continue
		}
		if !exists(p) {
			out = append(out, p)
		}
	}
	return out
}

func TestDocsNameWhatExists(t *testing.T) {
	all := pages(t)
	for page, text := range all {
		for _, l := range brokenLinks(page, text, all) {
			t.Errorf("%s links to %s, which does not exist", page, l)
		}
		if strings.HasPrefix(page, "docs/reference/") {
			continue // generated: its paths are values, relative to a warehouse directory
		}
		for _, p := range brokenPaths(text) {
			t.Errorf("%s names %s, which does not exist", page, p)
		}
	}
}

func TestBrokenDocsAreSeen(t *testing.T) {
	all := map[string]string{"docs/errors.md": "# Two words\n"}
	text := "[x](errors.md#two-words) [y](none.md) [z](errors.md#none) [w](https://example.com) `pkg/fault` `pkg/none/x.go` `pkg/ is a folder` `either/or`\n```\n`pkg/nowhere`\n```\n"
	if got := brokenLinks("docs/b.md", text, all); !slices.Equal(got, []string{"none.md", "errors.md#none"}) {
		t.Errorf("broken links %q", got)
	}
	if got := brokenPaths(text); !slices.Equal(got, []string{"pkg/none/x.go"}) {
		t.Errorf("broken paths %q", got)
	}
}

// Every target of make that the pages name is there.
func TestDocsNameMakeTargets(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`make ([a-z][a-z-]*)[^`]*`")
	for page, text := range pages(t) {
		for _, m := range named.FindAllStringSubmatch(text, -1) {
			if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
				t.Errorf("%s names make %s, which the Makefile does not have", page, m[1])
			}
		}
	}
}

// docs/dependencies.md says why each module and npm package is there that our code imports or our package.json files name.
func TestDependenciesAreExplained(t *testing.T) {
	text := pages(t)["docs/dependencies.md"]
	for _, m := range modules {
		cmd := exec.Command("go", "list", "-e", "-f", `{{join .Imports "\n"}}{{"\n"}}{{join .TestImports "\n"}}{{"\n"}}{{join .XTestImports "\n"}}`, "./...")
		cmd.Dir = filepath.Join(top, m)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("go list in %s: %v", m, err)
		}
		mod, err := os.ReadFile(filepath.Join(top, m, "go.mod"))
		if err != nil {
			t.Fatal(err)
		}
		required := regexp.MustCompile(`(?m)^\s*(?:require )?([a-z0-9-]+\.[^\s]+) v`).FindAllStringSubmatch(string(mod), -1)
		missing := map[string]bool{}
		for _, imp := range strings.Fields(string(out)) {
			if strings.HasPrefix(imp, root) {
				continue
			}
			best := ""
			for _, r := range required {
				if (imp == r[1] || strings.HasPrefix(imp, r[1]+"/")) && len(r[1]) > len(best) {
					best = r[1]
				}
			}
			if best != "" && !strings.Contains(text, "`"+best+"`") {
				missing[best] = true
			}
		}
		for dep := range missing {
			t.Errorf("docs/dependencies.md does not explain %s, which %s imports", dep, m)
		}
	}
	for _, file := range []string{"platform/ui/package.json", "platform/embed/clickhouse/npm/package.json"} {
		data, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, section := range regexp.MustCompile(`(?s)"(?:devD|d)ependencies":\s*\{(.*?)\}`).FindAllStringSubmatch(string(data), -1) {
			for _, m := range regexp.MustCompile(`"([^"]+)":`).FindAllStringSubmatch(section[1], -1) {
				if !strings.Contains(text, "`"+m[1]+"`") {
					t.Errorf("docs/dependencies.md does not explain %s of %s", m[1], file)
				}
			}
		}
	}
}
