// Command dwd runs the DWD layer alone.
package main

import (
	"os"

	"github.com/freshet-dw/freshet/dwd"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// config is freshet.yaml as this layer reads it; the other sections are left to their owners.
type config struct {
	warehouse.Config
	DWD      dwd.Config `cfg:"dwd"`
	ODS      any        `cfg:"ods"`
	DIM      any        `cfg:"dim"`
	DM       any        `cfg:"dm"`
	Platform any        `cfg:"platform"`
}

func main() {
	c := &config{}
	os.Exit(layer.Main(layer.Layer{
		Name: "dwd", Config: c, Shared: func() *warehouse.Config { return &c.Config },
		Modules: func(d warehouse.Deps) []service.Module { return dwd.Modules(d, c.DWD) },
	}, os.Args[1:], os.Stderr))
}
