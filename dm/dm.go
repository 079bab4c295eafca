// Package dm is the mart layer. Its light part builds wide tables for ClickHouse, Parquet and downstream topics; its heavy part keeps second-level metrics, TopN lists and
// features in MySQL, HBase and Redis. Both are SQL jobs of the warehouse directory, in targets of their own, so that they scale apart.
package dm

import (
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// Config is the layer's section of freshet.yaml.
type Config struct {
	Light string `cfg:"light" default:"dm/light" help:"Folder of the wide-table jobs in the warehouse directory."`
	Heavy string `cfg:"heavy" default:"dm/heavy" help:"Folder of the metric jobs in the warehouse directory."`
}

// Modules are the layer's targets.
func Modules(d warehouse.Deps, c Config) []service.Module {
	return []service.Module{
		layer.JobModule(d, "dm-light", "mart layer, wide tables: the SQL jobs of dm/light/", c.Light),
		layer.JobModule(d, "dm-heavy", "mart layer, metrics and features: the SQL jobs of dm/heavy/", c.Heavy),
	}
}
