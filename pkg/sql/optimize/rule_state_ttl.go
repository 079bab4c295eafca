package optimize

import (
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// TTLSetting is how long state that no window bounds is kept.
const TTLSetting = "table.exec.state.ttl"

// stateTTL gives the time to live to the stateful nodes that have none of their own.
func stateTTL(r *run) {
	text := r.p.Settings[TTLSetting]
	if text == "" {
		return
	}
	d, err := bind.ParseDuration(text)
	if err != nil {
		r.errs = append(r.errs, fault.Wrap(fault.Config, err, "setting %s", TTLSetting))
		return
	}
	set := func(ttl *int64) {
		if *ttl == 0 {
			*ttl = d.Milliseconds()
		}
	}
	for _, n := range r.p.Nodes {
		switch n := n.(type) {
		case *plan.GroupAgg:
			set(&n.TTL)
		case *plan.Join:
			if n.Win == nil { // windows end by themselves
				set(&n.LeftTTL)
				set(&n.RightTTL)
			}
		case *plan.Rank:
			if n.Win == nil {
				set(&n.TTL)
			}
		case *plan.OverAgg:
			set(&n.TTL)
		case *plan.Deduplicate:
			set(&n.TTL)
		case *plan.ChangelogNormalize:
			set(&n.TTL)
		case *plan.Sink:
			if n.Materialize {
				set(&n.TTL)
			}
		}
	}
}
