package layer

import (
	"os"
	"testing"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// TestShopCompiles plans every job of the demo warehouse.
func TestShopCompiles(t *testing.T) {
	var c struct {
		warehouse.Config
		ODS any `cfg:"ods"`
	}
	if err := config.Load(&c, config.Sources{File: "../../deploy/shop/" + warehouse.FileName}); err != nil {
		t.Fatal(err)
	}
	c.Data = t.TempDir()
	d := warehouse.Deps{Config: c.Config, Dir: "../../deploy/shop", Tel: obs.Discard(), Health: &obs.Health{}}
	files, err := d.Files("ods", "dim", "dwd", "dm/light", "dm/heavy")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 12 {
		t.Fatalf("only %d files", len(files))
	}
	rt, err := Runtime(d)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range files {
		j, err := rt.Compile(f.Path, f.Job)
		if err != nil {
			src, _ := os.ReadFile(f.Path)
			t.Errorf("%s", fault.Render(err, string(src)))
			continue
		}
		if names[j.Name] {
			t.Errorf("two jobs are called %s", j.Name)
		}
		names[j.Name] = true
	}
}
