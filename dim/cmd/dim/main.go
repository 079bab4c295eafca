// Command dim runs the DIM layer alone.
package main

import (
	"os"

	"github.com/freshet-dw/freshet/dim"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// config is freshet.yaml as this layer reads it; the other sections are left to their owners.
type config struct {
	warehouse.Config
	DIM      dim.Config `cfg:"dim"`
	ODS      any        `cfg:"ods"`
	DWD      any        `cfg:"dwd"`
	DM       any        `cfg:"dm"`
	Platform any        `cfg:"platform"`
}

func main() {
	c := &config{}
	os.Exit(layer.Main(layer.Layer{
		Name: "dim", Config: c, Shared: func() *warehouse.Config { return &c.Config },
		Modules: func(d warehouse.Deps) []service.Module { return dim.Modules(d, c.DIM) },
	}, os.Args[1:], os.Stderr))
}
