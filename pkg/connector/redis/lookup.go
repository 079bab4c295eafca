package redis

import (
	"context"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	goredis "github.com/redis/go-redis/v9"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/cell"
	"github.com/freshet-dw/freshet/pkg/connector/internal/point"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/redis"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

type fetcher struct {
	env     *connector.Env
	tb      *table
	client  *goredis.Client
	pattern []part // columns of the keys
	cols    []int
	keyAt   []int // per looked-up column its place among the keys, or -1
	value   format.Decoder
	decoded []int // per looked-up column its place among the decoder's, or -1
	fields  []format.Field
	types   []arrow.DataType // of fields
}

// NewLookup implements connector.Lookuper: by exactly the columns of the key pattern.
func (c *Connector) NewLookup(_ context.Context, env *connector.Env, j *plan.LookupJoin, _ int) (endpoint.Lookup, error) {
	tb, err := c.parse(j.Table)
	if err != nil {
		return nil, err
	}
	want, have := slices.Sorted(slices.Values(tb.keyCols)), slices.Sorted(slices.Values(j.TableKeys))
	if !slices.Equal(want, have) {
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "a lookup in Redis goes by the columns of 'key', all of them and no other"), "put other conditions into WHERE")
	}
	f := &fetcher{env: env, tb: tb, cols: j.Columns}
	for _, p := range tb.pattern {
		if p.col >= 0 {
			p.col = slices.Index(j.TableKeys, p.col)
		}
		f.pattern = append(f.pattern, p)
	}
	for _, col := range j.Columns {
		key := slices.Index(j.TableKeys, col)
		f.keyAt = append(f.keyAt, key)
		at := -1
		if key < 0 {
			at = len(f.fields)
			f.fields = append(f.fields, format.Field{Name: tb.t.Columns[col].Name, Type: tb.t.Columns[col].Type})
			f.types = append(f.types, batch.ArrowType(tb.t.Columns[col].Type))
		}
		f.decoded = append(f.decoded, at)
	}
	if tb.kind == stringType {
		if f.value, err = formats.NewDecoder("json", f.fields, nil); err != nil {
			return nil, err
		}
	}
	if f.client, err = tb.open(env); err != nil {
		return nil, err
	}
	return point.New(j, tb.cache, f.fetch), nil
}

func (f *fetcher) fetch(ctx context.Context, keys *batch.Batch, out *batch.Builder) error {
	names := make([]string, keys.N)
	var buf []byte
	for i := range keys.N {
		buf, _ = appendKey(buf[:0], f.pattern, keys, i)
		names[i] = string(buf)
	}
	hashes := make([]*goredis.MapStringStringCmd, keys.N)
	texts := make([]*goredis.StringCmd, keys.N)
	err := remote.Do(ctx, f.env, "look up Redis keys of table "+f.tb.t.Name, func(ctx context.Context) error {
		return redis.Batch(ctx, f.client, fault.Policy{Attempts: 1}, keys.N, func(p goredis.Pipeliner, i int) {
			if f.value != nil {
				texts[i] = p.Get(ctx, names[i])
			} else {
				hashes[i] = p.HGetAll(ctx, names[i])
			}
		})
	})
	if err != nil {
		return err
	}
	if f.value != nil {
		return f.strings(keys, names, texts, out)
	}
	for i, h := range hashes {
		m := h.Val()
		if len(m) == 0 {
			continue
		}
		for c, col := range f.cols {
			if f.keyAt[c] >= 0 {
				batch.AppendFrom(out.Cols[c], keys.Cols[f.keyAt[c]], i)
				continue
			}
			def := f.tb.t.Columns[col]
			s, ok := m[def.Name]
			if !ok {
				out.Cols[c].AppendNull()
				continue
			}
			if err := cell.Parse(out.Cols[c], s); err != nil {
				return fault.Wrap(fault.Permanent, err, "read field %s of Redis key %s as %s", def.Name, names[i], def.Type)
			}
		}
		out.RowDone(batch.Insert, int32(i))
	}
	return nil
}

// strings decodes JSON values. A value that is no JSON stops the job: nothing tells which row of the other side is to blame.
func (f *fetcher) strings(keys *batch.Batch, names []string, texts []*goredis.StringCmd, out *batch.Builder) error {
	var msgs []format.Message
	var at []int
	for i, t := range texts {
		if t.Err() == nil {
			msgs, at = append(msgs, format.Message{Value: []byte(t.Val())}), append(at, i)
		}
	}
	b := batch.NewBuilder(f.types...)
	var first error
	f.value.Decode(msgs, b, func(i int, err error) {
		if first == nil {
			first = fault.Wrap(fault.Permanent, err, "read Redis key %s", names[at[i]])
		}
	})
	if first != nil {
		return first
	}
	msg := slices.Clone(b.Msg)
	rows := b.Build()
	for r, m := range msg {
		for c := range f.cols {
			if f.keyAt[c] >= 0 {
				batch.AppendFrom(out.Cols[c], keys.Cols[f.keyAt[c]], at[m])
			} else {
				batch.AppendFrom(out.Cols[c], rows.Cols[f.decoded[c]], r)
			}
		}
		out.RowDone(batch.Insert, int32(at[m]))
	}
	return nil
}
