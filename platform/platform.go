// Package platform is the control layer: it sees every layer and carries no rows. Its first service is the big screen, a web page with the API behind it.
package platform

import (
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
	"github.com/freshet-dw/freshet/platform/internal/api"
)

// Config is the layer's section of freshet.yaml.
type Config struct {
	api.Config
}

// Modules are the layer's targets.
func Modules(d warehouse.Deps, c Config) []service.Module {
	return []service.Module{api.Module(d, c.Config)}
}
