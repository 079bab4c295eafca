package hbase

import (
	"bytes"
	"context"
	"slices"

	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/point"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// NewLookup implements connector.Lookuper: by row key, in batches.
func (c *Connector) NewLookup(ctx context.Context, env *connector.Env, j *plan.LookupJoin, _ int) (endpoint.Lookup, error) {
	tb, err := c.parse(j.Table)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(j.TableKeys, []int{tb.rowKey}) {
		key := tb.t.Columns[tb.rowKey].Name
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "a lookup in HBase goes by the row key alone"), "join ON … = "+tb.t.Name+"."+key)
	}
	client, err := tb.open(env)
	if err != nil {
		return nil, err
	}
	f := &fetcher{env: env, tb: tb, client: client, cols: j.Columns, want: hbase.Columns{}}
	for _, col := range tb.families {
		// A row is there when any declared cell is: ask for all of them.
		def := tb.t.Columns[col]
		for _, q := range def.Type.Fields {
			f.want[def.Name] = append(f.want[def.Name], q.Name)
		}
	}
	return point.New(j, tb.cache, f.fetch), remote.Warm(ctx, env, client, "open HBase table "+tb.name)
}

type fetcher struct {
	env    *connector.Env
	tb     *table
	client *remote.Lazy[*hbase.Client]
	cols   []int
	want   hbase.Columns
}

func (f *fetcher) fetch(ctx context.Context, keys *batch.Batch, out *batch.Builder) error {
	raw := make([][]byte, 0, keys.N)
	at := make([]int32, 0, keys.N)
	for i := range keys.N {
		if k := appendValue(nil, keys.Cols[0], i); len(k) > 0 {
			raw, at = append(raw, k), append(at, int32(i))
		}
	}
	if len(raw) == 0 {
		return nil
	}
	var rows []hbase.Row
	err := remote.Do(ctx, f.env, "look up in HBase table "+f.tb.name, func(ctx context.Context) error {
		client, err := f.client.Get(ctx)
		if err == nil {
			rows, err = client.MultiGet(ctx, f.tb.name, raw, f.want)
		}
		return err
	})
	if err != nil {
		return err
	}
	for r, row := range rows {
		if len(row.Cells) == 0 {
			continue
		}
		for c, col := range f.cols {
			def := f.tb.t.Columns[col]
			if col == f.tb.rowKey {
				batch.AppendFrom(out.Cols[c], keys.Cols[0], int(at[r]))
				continue
			}
			family := out.Cols[c].(*array.StructBuilder)
			family.Append(true)
			for q, field := range def.Type.Fields {
				if err := f.value(family.FieldBuilder(q), row, def.Name, field); err != nil {
					return fault.Wrap(fault.Permanent, err, "read cell %s:%s of row %q in HBase table %s", def.Name, field.Name, raw[r], f.tb.name)
				}
			}
		}
		out.RowDone(batch.Insert, at[r])
	}
	return nil
}

func (f *fetcher) value(dst array.Builder, row hbase.Row, family string, field types.Field) error {
	v, ok := row.Value(family, field.Name)
	if !ok || isText(field.Type) && bytes.Equal(v, []byte(f.tb.null)) || !isText(field.Type) && len(v) == 0 {
		dst.AppendNull()
		return nil
	}
	return decodeValue(dst, v)
}
