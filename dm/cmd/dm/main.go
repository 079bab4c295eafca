// Command dm runs the DM layer alone.
package main

import (
	"os"

	"github.com/freshet-dw/freshet/dm"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// config is freshet.yaml as this layer reads it; the other sections are left to their owners.
type config struct {
	warehouse.Config
	DM       dm.Config `cfg:"dm"`
	ODS      any       `cfg:"ods"`
	DWD      any       `cfg:"dwd"`
	DIM      any       `cfg:"dim"`
	Platform any       `cfg:"platform"`
}

func main() {
	c := &config{}
	os.Exit(layer.Main(layer.Layer{
		Name: "dm", Config: c, Shared: func() *warehouse.Config { return &c.Config },
		Modules: func(d warehouse.Deps) []service.Module { return dm.Modules(d, c.DM) },
	}, os.Args[1:], os.Stderr))
}
