// Package ods is the ingestion layer: it brings what happens in the business databases, the browsers and the web servers into Kafka, as it is and completely,
// and lands it as files every five minutes.
package ods

import (
	"github.com/freshet-dw/freshet/ods/internal/binlog"
	"github.com/freshet-dw/freshet/ods/internal/collect"
	"github.com/freshet-dw/freshet/ods/internal/logs"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// Config is the layer's section of freshet.yaml.
type Config struct {
	Binlog  binlog.Config  `cfg:"binlog"`
	Collect collect.Config `cfg:"collect"`
	Logs    logs.Config    `cfg:"logs"`
	Folder  string         `cfg:"folder" default:"ods" help:"Folder of the landing jobs in the warehouse directory."`
}

// Modules are the layer's targets.
func Modules(d warehouse.Deps, c Config) []service.Module {
	return []service.Module{
		binlog.Module(d, c.Binlog),
		collect.Module(d, c.Collect),
		logs.Module(d, c.Logs),
		layer.JobModule(d, "ods-land", "landing: the SQL jobs of ods/, five-minute files", c.Folder),
	}
}
