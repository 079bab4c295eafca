// Package dim is the dimension layer: SQL jobs build the dimension tables from ODS change streams into the store that each table's policy names, and a lookup
// service answers point queries on them for whoever does not look up in-process.
package dim

import (
	"github.com/freshet-dw/freshet/dim/internal/lookup"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// Config is the layer's section of freshet.yaml.
type Config struct {
	Folder string        `cfg:"folder" default:"dim" help:"Folder of the SQL files that build dimensions, in the warehouse directory."`
	Lookup lookup.Config `cfg:"lookup"`
}

// Modules are the layer's targets.
func Modules(d warehouse.Deps, c Config) []service.Module {
	return []service.Module{
		layer.JobModule(d, "dim-build", "dimension layer: the SQL jobs of dim/", c.Folder),
		lookup.Module(d, c.Lookup, c.Folder),
	}
}
