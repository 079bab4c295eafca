package hbase

import (
	"context"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/changes"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

type sink struct {
	env    *connector.Env
	tb     *table
	client *remote.Lazy[*hbase.Client]
	key    int // input columns
	family []family
	rows   *changes.Buffer
	stamp  int64
	enc    encoder
}

type family struct {
	name   string
	input  int
	fields []types.Field
}

// NewSink implements connector.Sinker.
func (c *Connector) NewSink(ctx context.Context, env *connector.Env, s *plan.Sink, _ int) (endpoint.Sink, error) {
	tb, err := c.parse(s.Table)
	if err != nil {
		return nil, err
	}
	k := &sink{env: env, tb: tb, key: slices.Index(s.Columns, tb.rowKey)}
	if k.key < 0 {
		return nil, fault.Newf(fault.Config, "an INSERT into HBase must write the row key %s", tb.t.Columns[tb.rowKey].Name)
	}
	for _, f := range tb.families {
		if i := slices.Index(s.Columns, f); i >= 0 {
			k.family = append(k.family, family{tb.t.Columns[f].Name, i, tb.t.Columns[f].Type.Fields})
		}
	}
	k.rows = changes.New([]int{k.key})
	k.enc = encoder{null: []byte(tb.null), ignore: tb.ignore}
	if k.client, err = tb.open(env); err != nil {
		return nil, err
	}
	return k, remote.Warm(ctx, env, k.client, "open HBase table "+tb.name)
}

// Begin implements endpoint.Sink. Cell timestamps are milliseconds of the epoch's clock, so that HBase's TTL counts right. Two epochs within one
// millisecond must not share a stamp: a deletion hides puts of its own stamp.
func (k *sink) Begin(e endpoint.Epoch) error {
	k.stamp = max(e.Now.UnixMilli(), k.stamp+1)
	k.rows.Reset()
	return nil
}

// Write implements endpoint.Sink.
func (k *sink) Write(_ context.Context, b *batch.Batch) error { return k.rows.Add(b) }

// Flush implements endpoint.Sink.
func (k *sink) Flush(ctx context.Context) error {
	b := k.rows.Rows()
	if b == nil {
		return nil
	}
	muts, empty := k.enc.mutations(b, k.key, k.family, uint64(k.stamp))
	if empty > 0 {
		k.env.Metrics.CountBad(k.tb.t.Name, "empty row key", empty)
		remote.Log(k.env).Warn("rows without row key are left out", "table", k.tb.t.Name, "rows", empty)
	}
	if len(muts) == 0 {
		return nil
	}
	return remote.Do(ctx, k.env, "write HBase table "+k.tb.name, func(ctx context.Context) error {
		client, err := k.client.Get(ctx)
		if err != nil {
			return err
		}
		return client.Apply(ctx, k.tb.name, muts)
	})
}

// Commit implements endpoint.Sink.
func (k *sink) Commit(context.Context, endpoint.Epoch) error { return nil }

// Close implements endpoint.Sink.
func (k *sink) Close() error { return nil }

// encoder turns rows into mutations. Values lie in one slab, cells in another.
type encoder struct {
	null   []byte
	ignore bool
}

func (x encoder) mutations(b *batch.Batch, key int, families []family, stamp uint64) (muts []hbase.Mutation, empty int) {
	width := 0
	for _, f := range families {
		width += len(f.fields)
	}
	var slab []byte
	value := func(a arrow.Array, i int) []byte {
		if cap(slab)-len(slab) < 64 {
			slab = make([]byte, 0, 64<<10)
		}
		at := len(slab)
		slab = appendValue(slab, a, i)
		return slab[at:len(slab):len(slab)]
	}
	muts = make([]hbase.Mutation, 0, b.N)
	cells := make([]hbase.Cell, 0, b.N*width)
	keys := b.Cols[key]
	for i := range b.N {
		if keys.IsNull(i) {
			empty++
			continue
		}
		m := hbase.Mutation{Row: value(keys, i), Version: stamp, Delete: b.Kind(i) == batch.Delete}
		if len(m.Row) == 0 {
			empty++
			continue
		}
		from := len(cells)
		for _, f := range families {
			row := b.Cols[f.input].(*array.Struct)
			for c, field := range f.fields {
				cell := hbase.Cell{Family: f.name, Qualifier: field.Name}
				if a := row.Field(c); !m.Delete {
					switch {
					case row.IsValid(i) && a.IsValid(i):
						cell.Value = value(a, i)
					case x.ignore:
						continue
					case isText(field.Type):
						cell.Value = x.null
					default:
						cell.Value = []byte{}
					}
				}
				cells = append(cells, cell)
			}
		}
		m.Cells = cells[from:len(cells):len(cells)]
		if len(m.Cells) == 0 && !m.Delete {
			continue // all values are null and left out
		}
		muts = append(muts, m)
	}
	return muts, empty
}
