// Package layout checks that the tree keeps to the architecture: who may import whom, and that nothing else lies at the top.
package layout

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const root = "github.com/freshet-dw/freshet/"

var modules = []string{"pkg", "ods", "dwd", "dim", "dm", "platform"}

// order ranks the folders of pkg: a package imports only folders of a lower rank, or its own. Folders of one rank do not know each other.
var order = [][]string{
	{"fault"},
	{"obs", "config", "blob"},
	{"service", "contract"},
	{"kafka", "clickhouse", "redis", "hbase", "mysql"},
	{"sql/types", "sql/javaregexp"}, {"sql/catalog", "sql/jsonpath"}, {"sql/ast", "sql/plan"}, {"sql/parse", "sql/function"}, {"sql/bind"}, {"sql/optimize"}, {"sql"},
	{"engine/kernel"}, {"engine/batch"}, {"format"},
	{"engine/state", "engine/udf", "engine/endpoint"}, {"engine/expr", "engine/wasm"}, {"engine/operator"}, {"engine/exec"},
	{"connector"}, {"job"}, {"warehouse"}, {"layer"}, {"testkit"},
}

func rank(pkg string) (int, string) {
	best, at := "", -1
	for i, tier := range order {
		for _, f := range tier {
			if (pkg == f || strings.HasPrefix(pkg, f+"/")) && len(f) > len(best) {
				best, at = f, i
			}
		}
	}
	return at, best
}

type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T, module string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = filepath.Join("..", "..", "..", module)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list in %s: %v", module, err)
	}
	var ps []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

func TestImports(t *testing.T) {
	for _, m := range modules {
		for _, p := range list(t, m) {
			for _, imp := range p.Imports {
				if why := forbidden(m, strings.TrimPrefix(p.ImportPath, root), imp); why != "" {
					t.Errorf("%s imports %s: %s", p.ImportPath, imp, why)
				}
			}
		}
	}
}

// forbidden says why package p (below root) of module m must not import imp.
func forbidden(m, p, imp string) string {
	if strings.HasPrefix(p, "pkg/engine/kernel") && strings.Contains(strings.Split(imp, "/")[0], ".") &&
		!strings.HasPrefix(imp, "github.com/apache/arrow/") && !strings.HasPrefix(imp, root+"pkg/engine/kernel") {
		return "kernels see Arrow and the standard library only"
	}
	ours, ok := strings.CutPrefix(imp, root)
	if !ok {
		return ""
	}
	target := strings.Split(ours, "/")[0]
	switch {
	case target == "platform" && m != "platform":
		return "nothing imports platform"
	case m == "pkg" && target != "pkg":
		return "pkg imports nothing of ours outside itself"
	case m != "platform" && target != m && target != "pkg":
		return "layers meet in Kafka topics, not in imports"
	case strings.HasPrefix(ours, "platform/embed") && !strings.HasPrefix(p, "platform/embed") && !strings.HasPrefix(p, "platform/internal/cli") && !strings.HasPrefix(p, "platform/e2e"):
		return "the embedded stack belongs to the freshet program and the end-to-end tests"
	}
	if m != "pkg" {
		return ""
	}
	from, folder := rank(strings.TrimPrefix(p, "pkg/"))
	to, other := rank(strings.TrimPrefix(ours, "pkg/"))
	switch {
	case from < 0:
		return "its folder has no place in the order of pkg"
	case to < 0:
		return "the imported folder has no place in the order of pkg"
	case folder != other && to >= from:
		return "pkg's folders import downwards only: " + folder + " is not above " + other
	}
	return ""
}

func TestForbiddenSeesViolations(t *testing.T) {
	for _, c := range [][3]string{
		{"dwd", "dwd", root + "ods"}, {"pkg", "pkg/fault", root + "dm"}, {"ods", "ods", root + "platform/embed"},
		{"pkg", "pkg/sql/bind", root + "pkg/engine/expr"}, {"pkg", "pkg/engine/kernel", root + "pkg/sql/types"},
		{"pkg", "pkg/engine/kernel", "github.com/twmb/franz-go/pkg/kgo"}, {"pkg", "pkg/kafka", root + "pkg/redis"}, {"platform", "platform/ui", root + "platform/embed"},
	} {
		if forbidden(c[0], c[1], c[2]) == "" {
			t.Errorf("%s may import %s", c[1], c[2])
		}
	}
}

func TestTopLevel(t *testing.T) {
	want := []string{"LICENSE", "Makefile", "README.md", "deploy", "dim", "dm", "docs", "dwd", "go.work", "go.work.sum", "ods", "pkg", "platform"}
	out, err := exec.Command("git", "-C", filepath.Join("..", "..", ".."), "ls-files").Output()
	if err != nil {
		t.Skip("not a git checkout: the list of files is unknown") // an exported archive
	}
	seen := map[string]bool{}
	for _, f := range strings.Fields(string(out)) {
		seen[strings.Split(f, "/")[0]] = true
	}
	for f := range seen {
		if !strings.HasPrefix(f, ".") && !slices.Contains(want, f) {
			t.Errorf("%s does not belong at the top level", f)
		}
	}
}
