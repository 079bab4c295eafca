package optimize

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// checkEmit refuses Flink's experimental settings of early and late firing: a window gives its rows once, when it is over. A job that
// counts on the rows of late ones, or on results before the end, must not run without them.
func (r *run) checkEmit(n *plan.WindowAgg) {
	const prefix = "table.exec.emit."
	for _, k := range []string{"early-fire.enabled", "late-fire.enabled"} {
		if strings.EqualFold(r.p.Settings[prefix+k], "true") {
			r.fail(n, "for results before the end take CUMULATE, or a GROUP BY without a window", "SET '%s%s': early and late firing of windows is not supported", prefix, k)
		}
	}
	v := r.p.Settings[prefix+"allow-lateness"]
	if d, err := bind.ParseDuration(v); v != "" && (err != nil || d > 0) {
		r.fail(n, "let the watermark lag so much more, or keep late rows by SET 'freshet.late-rows.topic'", "SET '%sallow-lateness' = '%s': windows take no rows after their end", prefix, v)
	}
}
