package operator

import (
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// NewSinkMaterializer makes the operator that runs before a sink with Materialize set, whose input has columns of types in. It
// takes a full change stream, routed by n.Keys, and gives an upsert stream by n.Keys.
//
// The stream's rows have another key than the sink's, so that changes of one sink row may come in the wrong order: the row
// of a new owner before the old owner's is taken back. It therefore keeps all rows of a sink key in the order of arrival and
// gives the newest: a row taken back that is not the newest changes nothing, and with the newest gone the one before it comes
// back. At most one change a key and epoch goes out, none if the newest row is the same as before.
func NewSinkMaterializer(n *plan.Sink, in []types.Type, opts Options) (Stateful, error) {
	op, err := NewRank(&plan.Rank{P: plan.Props{Mode: catalog.Upsert, Keys: [][]int{n.Keys}}, PartitionBy: n.Keys, TTL: n.TTL}, in, opts)
	if err != nil {
		return nil, err
	}
	op.(*rank).newest = true
	return op, nil
}
