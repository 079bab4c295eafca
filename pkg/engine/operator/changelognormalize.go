package operator

import (
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// NewChangelogNormalize makes the operator of a ChangelogNormalize node whose input has columns of types in. It keeps the last
// row of every key and gives one change a key and epoch: an unknown key's row is an insert whatever its kind says, an
// unknown key's delete is dropped, and a delete needs to hold the key only.
func NewChangelogNormalize(n *plan.ChangelogNormalize, in []types.Type, opts Options) (Stateful, error) {
	return newBestRow(&plan.Deduplicate{P: n.P, Input: n.Input, Keys: n.Keys, KeepLast: true, TimeCol: -1, TTL: n.TTL}, in, opts), nil
}
