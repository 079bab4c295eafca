package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"strings"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/point"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// scan reads a table once, as it is when the scan starts. Its position is the number of rows read, in primary key order.
type scan struct {
	ctx  context.Context // of the job: a poll's own is often over at once
	env  *connector.Env
	tb   *table
	db   *remote.Lazy[*sql.DB]
	cols []int
	rows *sql.Rows
	pos  int64
	done bool
}

const split = "all"

// NewScan implements connector.Scanner.
func (c *Connector) NewScan(ctx context.Context, env *connector.Env, s *plan.Source) (connector.Scan, error) {
	tb, err := c.parse(s.Table)
	if err != nil {
		return nil, err
	}
	db, err := tb.open(env)
	return &scan{ctx: ctx, env: env, tb: tb, db: db, cols: s.Columns}, err
}

// Splits implements connector.Scan.
func (s *scan) Splits() []string { return []string{split} }

// Seek implements connector.Scan.
func (s *scan) Seek(positions map[string]int64) error { s.pos = positions[split]; return nil }

func (s *scan) open() error {
	var cols, keys []string
	for _, c := range s.cols {
		cols = append(cols, quote(s.tb.t.Columns[c].Name))
	}
	for _, k := range s.tb.t.PrimaryKey {
		keys = append(keys, quote(s.tb.t.Columns[k].Name))
	}
	if len(cols) == 0 {
		cols = []string{"1"}
	}
	query := "SELECT " + strings.Join(cols, ", ") + " FROM " + mysql.Quote(s.tb.full())
	if len(keys) > 0 {
		query += " ORDER BY " + strings.Join(keys, ", ")
	}
	if s.pos > 0 {
		query += fmt.Sprintf(" LIMIT 18446744073709551615 OFFSET %d", s.pos)
	}
	return remote.Do(s.ctx, s.env, "read MySQL table "+s.tb.full(), func(ctx context.Context) error {
		db, err := s.db.Get(ctx)
		if err != nil {
			return err
		}
		s.rows, err = db.QueryContext(ctx, query)
		return mysql.Classify(err, "read %s", s.tb.full())
	})
}

// Poll implements connector.Scan.
func (s *scan) Poll(context.Context) ([]*endpoint.Chunk, error) {
	if s.done {
		return nil, io.EOF
	}
	if s.rows == nil {
		if err := s.open(); err != nil {
			return nil, err
		}
	}
	out := batch.NewBuilder(point.Types(s.tb.t, s.cols)...)
	vals, ptrs := slots(max(1, len(s.cols)))
	for out.Len() < batch.TargetRows {
		if !s.rows.Next() {
			s.done = true
			break
		}
		if err := s.rows.Scan(ptrs...); err != nil {
			return nil, mysql.Classify(err, "read %s", s.tb.full())
		}
		for i, c := range s.cols {
			if err := appendValue(out.Cols[i], vals[i]); err != nil {
				def := s.tb.t.Columns[c]
				return nil, fault.Wrap(fault.Permanent, err, "read column %s of MySQL table %s as %s", def.Name, s.tb.full(), def.Type)
			}
		}
		out.RowDone(batch.Insert, -1)
	}
	if s.done {
		if err := s.rows.Err(); err != nil {
			return nil, mysql.Classify(err, "read %s", s.tb.full())
		}
	}
	var chunks []*endpoint.Chunk
	if b := out.Build(); b.N > 0 {
		chunks = append(chunks, chunk(b, s.pos))
		s.pos += int64(b.N)
	}
	if s.done {
		return chunks, io.EOF
	}
	return chunks, nil
}

func chunk(b *batch.Batch, from int64) *endpoint.Chunk {
	c := &endpoint.Chunk{Split: endpoint.Split{ID: split}, From: from, Next: from + int64(b.N), Rows: b.N, Bytes: b.N * 16 * max(1, len(b.Cols)), Payload: b}
	c.Cut = func(at int64) (*endpoint.Chunk, *endpoint.Chunk) {
		n := int(at - from)
		return chunk(batch.Slice(b, 0, n), from), chunk(batch.Slice(b, n, b.N), at)
	}
	return c
}

type reader struct{}

func (reader) Decode(c *endpoint.Chunk, out func(*batch.Batch) error) error {
	return out(c.Payload.(*batch.Batch))
}

// NewReader implements connector.Scan.
func (s *scan) NewReader(int) (endpoint.Reader, error) { return reader{}, nil }

// Close implements connector.Scan.
func (s *scan) Close() error {
	if s.rows == nil {
		return nil
	}
	return s.rows.Close()
}
