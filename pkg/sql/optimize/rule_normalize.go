package optimize

import (
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// normalize completes the change stream of upsert sources, which give no −U and deletes with a key only.
func normalize(r *run) {
	r.transform(func(n plan.Node) plan.Node {
		s, ok := n.(*plan.Source)
		if !ok || !s.P.Mode.Has(catalog.HasUpdateAfter) || s.P.Mode.Has(catalog.HasUpdateBefore) {
			return n
		}
		if s.P.UpsertKey == nil {
			r.fail(n, "declare PRIMARY KEY (…) NOT ENFORCED", "table %s gives upserts but has no primary key", s.Table.Name)
			return n
		}
		return plan.New(&plan.ChangelogNormalize{Input: s, Keys: s.P.UpsertKey}, s.P.Pos)
	})
}
