// Package dwd is the detail layer: SQL jobs that join the change streams of ODS into fact tables at the finest grain, clean traffic events and give both their generic
// dimensions. Its jobs are the files under dwd/ of the warehouse directory; this package only says which target runs them.
package dwd

import (
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// Config is the layer's section of freshet.yaml.
type Config struct {
	Folder string `cfg:"folder" default:"dwd" help:"Folder of the layer's SQL files in the warehouse directory."`
}

// Modules are the layer's targets.
func Modules(d warehouse.Deps, c Config) []service.Module {
	return []service.Module{
		layer.JobModule(d, "dwd", "detail layer: the SQL jobs of dwd/", c.Folder),
	}
}
