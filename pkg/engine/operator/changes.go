package operator

import (
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// changes turns rows taken back and rows added, part by part (a partition's rows of one epoch), into the kinds that a node
// gives.
//
// With -U in the node's mode a row taken back and a row added that agree in the upsert key become -U and +U, others -D and +I; all
// that a part takes back comes before what it adds. Without -U the row taken back is left out, but only when for each of the node's keys
// an added row replaces it: whichever key a reader writes by, nothing stale stays.
type changes struct {
	rows    *batch.Builder
	retract []bool
	parts   []int // where each part ends
	before  bool
	keys    [][]int
	codecs  []*state.Codec

	encoded []state.Keys
	added   []map[string]bool
	gone    map[string]bool
	idx     []int32
}

func newChanges(p *plan.Props, out []arrow.DataType) *changes {
	c := &changes{rows: batch.NewBuilder(out...), before: p.Mode.Has(catalog.HasUpdateBefore), keys: p.Keys, gone: map[string]bool{}}
	if len(c.keys) == 0 && p.UpsertKey != nil {
		c.keys = [][]int{p.UpsertKey}
	}
	if c.before && len(c.keys) > 1 {
		c.keys = c.keys[:1]
	}
	for _, k := range c.keys {
		var ts []arrow.DataType
		for _, i := range k {
			ts = append(ts, out[i])
		}
		c.codecs = append(c.codecs, state.NewCodec(ts))
		c.added = append(c.added, map[string]bool{})
	}
	c.encoded = make([]state.Keys, len(c.keys))
	return c
}

// cols are the builders to which the next row's values go.
func (c *changes) cols() []array.Builder { return c.rows.Cols }

// add ends a row. A part's rows that are taken back come first.
func (c *changes) add(retract bool) {
	c.rows.RowDone(batch.Insert, -1)
	c.retract = append(c.retract, retract)
}

// end ends a part, and gives a batch when there are enough rows.
func (c *changes) end(out Output) error {
	n := c.rows.Len()
	if len(c.parts) == 0 && n > 0 || len(c.parts) > 0 && c.parts[len(c.parts)-1] < n {
		c.parts = append(c.parts, n)
	}
	if n < batch.TargetRows {
		return nil
	}
	return c.flush(out)
}

func (c *changes) flush(out Output) error {
	if c.rows.Len() == 0 {
		return nil
	}
	b := c.rows.Build()
	for i, k := range c.keys {
		cols := make([]arrow.Array, len(k))
		for j, col := range k {
			cols[j] = b.Cols[col]
		}
		c.codecs[i].Encode(&c.encoded[i], cols, b.N)
	}
	c.idx = c.idx[:0]
	kinds := make([]batch.Kind, 0, b.N)
	from := 0
	for _, to := range c.parts {
		kinds = c.part(kinds, from, to)
		from = to
	}
	c.parts, c.retract = c.parts[:0], c.retract[:0]
	if len(c.idx) == 0 {
		return nil
	}
	if len(c.idx) < b.N {
		cols := make([]arrow.Array, len(b.Cols))
		for i := range cols {
			cols[i] = kernel.Take(b.Cols[i], c.idx)
		}
		b = &batch.Batch{N: len(c.idx), Cols: cols}
	}
	b.Kinds = kinds
	return out(b)
}

// part decides the kinds of the rows of one part.
func (c *changes) part(kinds []batch.Kind, from, to int) []batch.Kind {
	cut := from
	for cut < to && c.retract[cut] {
		cut++
	}
	both := cut > from && cut < to && len(c.keys) > 0
	if both {
		for k := range c.keys {
			clear(c.added[k])
			for i := cut; i < to; i++ {
				c.added[k][string(c.encoded[k].At(i))] = true
			}
		}
		clear(c.gone)
	}
	for i := from; i < cut; i++ {
		kind := batch.Delete
		if both {
			replaced := true
			for k := range c.keys {
				replaced = replaced && c.added[k][string(c.encoded[k].At(i))]
			}
			if replaced {
				c.gone[string(c.encoded[0].At(i))] = true
				if !c.before {
					continue
				}
				kind = batch.UpdateBefore
			}
		}
		c.idx, kinds = append(c.idx, int32(i)), append(kinds, kind)
	}
	for i := cut; i < to; i++ {
		kind := batch.Insert
		if both && c.gone[string(c.encoded[0].At(i))] {
			kind = batch.UpdateAfter
		}
		c.idx, kinds = append(c.idx, int32(i)), append(kinds, kind)
	}
	return kinds
}
