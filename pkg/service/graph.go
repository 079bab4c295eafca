package service

import (
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// All is the target that means every module; it needs no declaration.
const All = "all"

// Plan returns the modules that the targets need, dependencies first. Targets
// may be comma-separated lists. The order is the same at every call: among
// modules whose dependencies are placed, the one declared first goes first.
//
// All problems are reported together, as Config errors: duplicate names,
// unknown dependencies, cycles, unknown targets.
func Plan(modules []Module, targets ...string) ([]Module, error) {
	byName := map[string]int{}
	var names []string
	var errs []error
	for i, m := range modules {
		if m.Name == "" || strings.ContainsAny(m.Name, ", ") {
			errs = append(errs, fault.Newf(fault.Internal, "module %d has the unusable name %q", i, m.Name))
		}
		if _, taken := byName[m.Name]; taken {
			errs = append(errs, fault.Newf(fault.Internal, "module %s is declared twice", m.Name))
			continue
		}
		byName[m.Name] = i
		names = append(names, m.Name)
	}
	for _, m := range modules {
		for _, d := range m.Deps {
			if _, ok := byName[d]; !ok {
				errs = append(errs, unknown("module "+m.Name+" depends on the unknown module", d, names))
			}
		}
	}

	known := append(slices.Clone(names), All)
	needed := map[string]bool{}
	var need func(string)
	need = func(name string) {
		i, ok := byName[name]
		if !ok || needed[name] {
			return
		}
		needed[name] = true
		for _, d := range modules[i].Deps {
			need(d)
		}
	}
	some := false
	for _, list := range targets {
		for _, t := range strings.Split(list, ",") {
			t = strings.TrimSpace(t)
			if t == "" {
				continue
			}
			some = true
			switch _, declared := byName[t]; {
			case declared:
				need(t)
			case t == All:
				for _, n := range names {
					need(n)
				}
			default:
				errs = append(errs, unknown("unknown target", t, known))
			}
		}
	}
	if !some {
		errs = append(errs, fault.WithRemedy(fault.New(fault.Config, "no target named"), "name some of: "+strings.Join(known, ", ")))
	}
	if len(errs) > 0 {
		return nil, fault.Join(errs...)
	}

	var order []Module
	placed := map[string]bool{}
	for len(placed) < len(needed) {
		next := slices.IndexFunc(modules, func(m Module) bool {
			return needed[m.Name] && !placed[m.Name] &&
				!slices.ContainsFunc(m.Deps, func(d string) bool { return !placed[d] })
		})
		if next < 0 {
			return nil, fault.Newf(fault.Internal, "modules depend on each other in a circle: %s", cycle(modules, byName, needed, placed))
		}
		placed[modules[next].Name] = true
		order = append(order, modules[next])
	}
	return order, nil
}

func unknown(what, name string, names []string) error {
	err := fault.Newf(fault.Config, "%s %q", what, name)
	if remedy := fault.DidYouMean(name, names); remedy != "" {
		return fault.WithRemedy(err, remedy)
	}
	sorted := slices.Sorted(slices.Values(names))
	return fault.WithRemedy(err, "known are: "+strings.Join(sorted, ", "))
}

// cycle walks unplaced dependencies until a name repeats.
func cycle(modules []Module, byName map[string]int, needed, placed map[string]bool) string {
	var at string
	for _, m := range modules {
		if needed[m.Name] && !placed[m.Name] {
			at = m.Name
			break
		}
	}
	var path []string
	for !slices.Contains(path, at) {
		path = append(path, at)
		deps := modules[byName[at]].Deps
		at = deps[slices.IndexFunc(deps, func(d string) bool { return !placed[d] })]
	}
	return strings.Join(append(path[slices.Index(path, at):], at), " → ")
}
