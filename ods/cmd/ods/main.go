// Command ods runs the ODS layer alone.
package main

import (
	"os"

	"github.com/freshet-dw/freshet/ods"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// config is freshet.yaml as this layer reads it; the other sections are left to their owners.
type config struct {
	warehouse.Config
	ODS      ods.Config `cfg:"ods"`
	DWD      any        `cfg:"dwd"`
	DIM      any        `cfg:"dim"`
	DM       any        `cfg:"dm"`
	Platform any        `cfg:"platform"`
}

func main() {
	c := &config{}
	os.Exit(layer.Main(layer.Layer{
		Name: "ods", Config: c, Shared: func() *warehouse.Config { return &c.Config },
		Modules: func(d warehouse.Deps) []service.Module { return ods.Modules(d, c.ODS) },
	}, os.Args[1:], os.Stderr))
}
