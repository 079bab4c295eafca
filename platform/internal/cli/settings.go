package cli

import (
	"context"

	"github.com/freshet-dw/freshet/dim"
	"github.com/freshet-dw/freshet/dm"
	"github.com/freshet-dw/freshet/dwd"
	"github.com/freshet-dw/freshet/ods"
	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/layer"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/service"
	"github.com/freshet-dw/freshet/pkg/warehouse"
	"github.com/freshet-dw/freshet/platform"
)

// settings is the whole freshet.yaml: what the layers share and each layer's section.
type settings struct {
	warehouse.Config
	ODS      ods.Config      `cfg:"ods"`
	DIM      dim.Config      `cfg:"dim"`
	DWD      dwd.Config      `cfg:"dwd"`
	DM       dm.Config       `cfg:"dm"`
	Platform platform.Config `cfg:"platform"`
}

// modules are the targets of all layers.
func (s *settings) modules(d warehouse.Deps) []service.Module {
	var out []service.Module
	out = append(out, ods.Modules(d, s.ODS)...)
	out = append(out, dim.Modules(d, s.DIM)...)
	out = append(out, dwd.Modules(d, s.DWD)...)
	out = append(out, dm.Modules(d, s.DM)...)
	return append(out, platform.Modules(d, s.Platform)...)
}

// runTargets runs layers until ctx ends.
func runTargets(ctx context.Context, env Env, s *settings, flags *config.Flags, dir, target string) error {
	if dir == "" {
		dir = "."
	}
	if err := s.load(env, flags, dir); err != nil {
		return err
	}
	tel, err := obs.New(ctx, s.Telemetry, "freshet", Version(), env.Stderr)
	if err != nil {
		return err
	}
	defer func() { _ = tel.Close(context.WithoutCancel(ctx)) }()
	d := warehouse.Deps{Config: s.Config, Dir: dir, Tel: tel, Health: &obs.Health{}, Functions: env.Functions}
	return layer.Serve(ctx, d, s.modules(d), target, nil)
}
