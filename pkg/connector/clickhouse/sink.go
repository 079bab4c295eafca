package clickhouse

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/changes"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

type sink struct {
	env     *connector.Env
	tb      *table
	client  *remote.Lazy[*clickhouse.Client]
	id      string
	columns []string
	schema  *arrow.Schema
	filled  []bool // input columns that must not be null, outside of the key
	rows    *changes.Buffer
	epoch   endpoint.Epoch
}

// NewSink implements connector.Sinker.
func (c *Connector) NewSink(ctx context.Context, env *connector.Env, s *plan.Sink, worker int) (endpoint.Sink, error) {
	tb, err := c.parse(s.Table)
	if err != nil {
		return nil, err
	}
	keys, err := changes.Keys(s)
	if err != nil {
		return nil, err
	}
	k := &sink{env: env, tb: tb, id: fmt.Sprintf("%s/%d/%d", s.Table.Name, s.P.ID, worker), rows: changes.New(keys)}
	var fields []arrow.Field
	for _, col := range s.Columns {
		def := tb.t.Columns[col]
		k.columns = append(k.columns, def.Name)
		k.filled = append(k.filled, def.Type.NotNull)
		fields = append(fields, arrow.Field{Name: def.Name, Type: batch.ArrowType(def.Type), Nullable: true})
	}
	if tb.upsert {
		k.columns = append(k.columns, versionColumn, deletedColumn)
		fields = append(fields, arrow.Field{Name: versionColumn, Type: arrow.PrimitiveTypes.Uint64}, arrow.Field{Name: deletedColumn, Type: arrow.PrimitiveTypes.Uint8})
	}
	k.schema = arrow.NewSchema(fields, nil)
	if k.client, err = tb.open(env); err != nil {
		return nil, err
	}
	return k, remote.Warm(ctx, env, k.client, "open ClickHouse table "+tb.def.Name)
}

// Begin implements endpoint.Sink.
func (k *sink) Begin(e endpoint.Epoch) error { k.epoch = e; k.rows.Reset(); return nil }

// Write implements endpoint.Sink.
func (k *sink) Write(_ context.Context, b *batch.Batch) error { return k.rows.Add(b) }

// Flush implements endpoint.Sink. The block goes whole whatever its size: where it would be cut depends on the order of rows, which a replay need not repeat.
func (k *sink) Flush(ctx context.Context) error {
	b := k.rows.Rows()
	if b == nil {
		return nil
	}
	rec := k.record(b)
	// The clock tells apart the epochs of a job whose progress was thrown away and that counts from 1 again.
	token := fmt.Sprintf("%s/%d/%s", k.epoch.Token, changes.Clock(k.epoch), k.id)
	return remote.Do(ctx, k.env, "insert into ClickHouse table "+k.tb.def.Name, func(ctx context.Context) error {
		client, err := k.client.Get(ctx)
		if err != nil {
			return err
		}
		return client.InsertColumns(ctx, k.tb.def.Name, k.columns, rec, token)
	})
}

func (k *sink) record(b *batch.Batch) arrow.Record {
	cols := append(make([]arrow.Array, 0, len(k.columns)), b.Cols...)
	if k.tb.upsert {
		version := array.NewUint64Builder(memory.DefaultAllocator)
		deleted := array.NewUint8Builder(memory.DefaultAllocator)
		version.Reserve(b.N)
		deleted.Reserve(b.N)
		v := uint64(changes.Clock(k.epoch))
		for i := range b.N {
			version.UnsafeAppend(v)
			if b.Kind(i) == batch.Delete {
				deleted.UnsafeAppend(1)
			} else {
				deleted.UnsafeAppend(0)
			}
		}
		if b.Kinds != nil {
			// A deletion may carry the key only; ClickHouse wants values where the table has no nulls.
			for c, must := range k.filled {
				if must && cols[c].NullN() > 0 {
					cols[c] = filled(cols[c], b.Kinds)
				}
			}
		}
		cols = append(cols, version.NewArray(), deleted.NewArray())
	}
	return array.NewRecord(k.schema, cols, int64(b.N))
}

// filled puts the type's empty value for the nulls of deleted rows.
func filled(a arrow.Array, kinds []batch.Kind) arrow.Array {
	bl := array.NewBuilder(memory.DefaultAllocator, a.DataType())
	for i := range a.Len() {
		if a.IsNull(i) && kinds[i] == batch.Delete {
			bl.AppendEmptyValue()
		} else {
			batch.AppendFrom(bl, a, i)
		}
	}
	return bl.NewArray()
}

// Commit implements endpoint.Sink.
func (k *sink) Commit(context.Context, endpoint.Epoch) error { return nil }

// Close implements endpoint.Sink.
func (k *sink) Close() error { return nil }
