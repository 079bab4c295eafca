package bind

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// lookupOptions are the options of the hint LOOKUP with how their values look; those that are one word list them.
var lookupOptions = map[string]string{"table": "", "async": "true|false", "output-mode": "ordered|allow_unordered", "capacity": "number", "timeout": "duration",
	"retry-predicate": "lookup_miss", "retry-strategy": "fixed_delay", "fixed-delay": "duration", "max-attempts": "number"}

// lookupHint checks a hint LOOKUP('table' = 't', …) and gives it to the look-up below node that it means. The options of asynchronous lookups
// say how Flink keeps several requests under way; here the rows of a batch are asked for together, in order, so that they change nothing.
func (b *Binder) lookupHint(node plan.Node, h *ast.Hint) {
	opts := map[string]string{}
	for _, o := range h.Options {
		key, v := o.Key.Value, o.Value.Value
		want, known := lookupOptions[key]
		switch {
		case !known:
			b.remedy(o.Key.Pos(), fault.DidYouMean(key, slices.Sorted(maps.Keys(lookupOptions))), "LOOKUP has no option '%s'", key)
		case want == "number":
			if n, err := strconv.Atoi(v); err != nil || n <= 0 {
				b.errorf(o.Value.Pos(), "LOOKUP: '%s' = '%s' must be a number above 0", key, v)
			}
		case want == "duration":
			if d, err := ParseDuration(v); err != nil || d <= 0 {
				b.remedy(o.Value.Pos(), "write it as '10 s'", "LOOKUP: '%s' = '%s' must be a duration above 0", key, v)
			}
		case want != "" && !slices.Contains(strings.Split(want, "|"), strings.ToLower(v)):
			b.remedy(o.Value.Pos(), "it takes "+strings.ReplaceAll(want, "|", " or "), "LOOKUP: '%s' cannot be '%s'", key, v)
		}
		opts[key] = v
	}
	if opts["table"] == "" {
		b.remedy(h.Pos(), "write LOOKUP('table' = 't', …)", "LOOKUP does not name its table")
		return
	}
	l := findLookup(node, opts["table"])
	if l == nil {
		b.errorf(h.Pos(), "LOOKUP: %s is not looked up in this SELECT", opts["table"])
		return
	}
	l.Hints = opts
	retry := []string{"retry-predicate", "retry-strategy", "fixed-delay", "max-attempts"}
	missing := slices.DeleteFunc(slices.Clone(retry), func(k string) bool { return opts[k] != "" })
	switch len(missing) {
	case 0:
		// Checked above; a fault leaves zeros, and the plan is not used.
		d, _ := ParseDuration(opts["fixed-delay"])
		n, _ := strconv.Atoi(opts["max-attempts"])
		l.Retry = &plan.LookupRetry{Attempts: n, Delay: time.Duration(d)}
	case len(retry):
	default:
		b.remedy(h.Pos(), "give all of "+strings.Join(retry, ", "), "LOOKUP: a retry needs '%s' too", strings.Join(missing, "', '"))
	}
}

// findLookup gives the look-up of a table, by its alias or name, among the joins below node.
func findLookup(node plan.Node, name string) *plan.LookupJoin {
	for node != nil {
		if l, ok := node.(*plan.LookupJoin); ok && (name == l.Alias || name == l.Table.Name) {
			return l
		}
		if len(node.Inputs()) == 0 {
			return nil
		}
		node = node.Inputs()[0]
	}
	return nil
}
