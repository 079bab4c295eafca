package mysql

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/point"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// lookupKeys is how many keys one query asks for.
const lookupKeys = 500

// NewLookup implements connector.Lookuper: by any columns, many keys a query.
func (c *Connector) NewLookup(ctx context.Context, env *connector.Env, j *plan.LookupJoin, _ int) (endpoint.Lookup, error) {
	tb, err := c.parse(j.Table)
	if err != nil {
		return nil, err
	}
	db, err := tb.ensured(env, false)
	if err != nil {
		return nil, err
	}
	f := &fetcher{env: env, tb: tb, db: db, keys: j.TableKeys, cols: j.Columns}
	f.types = point.Types(j.Table, j.TableKeys)
	f.codec = state.NewCodec(f.types)
	return point.New(j, tb.cache, f.fetch), remote.Warm(ctx, env, db, "open MySQL table "+tb.full())
}

type fetcher struct {
	env   *connector.Env
	tb    *table
	db    *remote.Lazy[*sql.DB]
	keys  []int
	cols  []int
	types []arrow.DataType
	codec *state.Codec
}

// query asks for n keys; it selects the key columns, then the others.
func (f *fetcher) query(n int) string {
	names := func(cols []int) []string {
		out := make([]string, len(cols))
		for i, c := range cols {
			out[i] = quote(f.tb.t.Columns[c].Name)
		}
		return out
	}
	tuple := "(?" + strings.Repeat(", ?", len(f.keys)-1) + ")"
	return "SELECT " + strings.Join(append(names(f.keys), names(f.cols)...), ", ") + " FROM " + mysql.Quote(f.tb.full()) +
		" WHERE (" + strings.Join(names(f.keys), ", ") + ") IN (" + tuple + strings.Repeat(", "+tuple, n-1) + ")"
}

func (f *fetcher) fetch(ctx context.Context, keys *batch.Batch, out *batch.Builder) error {
	at := make(map[string]int32, keys.N)
	var enc []byte
	for i := range keys.N {
		enc = f.codec.AppendRow(enc[:0], keys.Cols, i)
		at[string(enc)] = int32(i)
	}
	start := out.Len()
	return remote.Do(ctx, f.env, "look up in MySQL table "+f.tb.full(), func(ctx context.Context) error {
		out.RollbackTo(start)
		db, err := f.db.Get(ctx)
		if err != nil {
			return err
		}
		for chunk := range slices.Chunk(values(keys), lookupKeys) {
			var args []any
			for _, r := range chunk {
				args = append(args, r...)
			}
			if err := f.ask(ctx, db, f.query(len(chunk)), args, at, out); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fetcher) ask(ctx context.Context, db *sql.DB, query string, args []any, at map[string]int32, out *batch.Builder) error {
	deed := "look up in " + f.tb.full()
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return mysql.Classify(err, "%s", deed)
	}
	defer func() { _ = rows.Close() }()
	vals, ptrs := slots(len(f.keys) + len(f.cols))
	kb := batch.NewBuilder(f.types...)
	var enc []byte
	for rows.Next() {
		if err := rows.Scan(ptrs...); err != nil {
			return mysql.Classify(err, "%s", deed)
		}
		for i := range f.keys {
			if err := appendValue(kb.Cols[i], vals[i]); err != nil {
				return f.bad(f.keys[i], err)
			}
		}
		kb.RowDone(batch.Insert, -1)
		enc = f.codec.AppendRow(enc[:0], kb.Build().Cols, 0)
		m, ok := at[string(enc)]
		if !ok {
			continue // equal by the collation only
		}
		for i, c := range f.cols {
			if err := appendValue(out.Cols[i], vals[len(f.keys)+i]); err != nil {
				return f.bad(c, err)
			}
		}
		out.RowDone(batch.Insert, m)
	}
	return mysql.Classify(rows.Err(), "%s", deed)
}

func (f *fetcher) bad(col int, err error) error {
	return fault.Wrap(fault.Permanent, err, "read column %s of MySQL table %s as %s", f.tb.t.Columns[col].Name, f.tb.full(), f.tb.t.Columns[col].Type)
}

func slots(n int) ([]any, []any) {
	vals := make([]any, n)
	ptrs := make([]any, n)
	for i := range vals {
		ptrs[i] = &vals[i]
	}
	return vals, ptrs
}
