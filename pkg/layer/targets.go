package layer

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/service"
)

// Targets splits a -target flag.
func Targets(s string) []string {
	var out []string
	for t := range strings.SplitSeq(s, ",") {
		if t = strings.TrimSpace(t); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// WithAll adds the group "all" of the modules.
func WithAll(modules []service.Module) []service.Module {
	all := service.Module{Name: "all", Help: "every target"}
	for _, m := range modules {
		all.Deps = append(all.Deps, m.Name)
	}
	return append(modules[:len(modules):len(modules)], all)
}
