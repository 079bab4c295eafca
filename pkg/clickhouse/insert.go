package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// InsertColumns stores the record's columns in the table's columns of the given names (the record's own when
// columns is nil) and returns when the server has stored them.
//
// token names the batch: the same token stores the same rows once, however often it is sent. With a token the
// call repeats retryable errors as Config.Retry says; without one it repeats only what cannot have been stored.
// Rows go as one block; keep them below about a million.
//
// Integers may be narrower or wider than the column and decimals of a smaller scale; what does not fit is a
// fault.Data error naming column and row. A missing table or column is fault.Permanent.
func (c *Client) InsertColumns(ctx context.Context, table string, columns []string, rec arrow.Record, token string) error {
	if columns == nil {
		for _, f := range rec.Schema().Fields() {
			columns = append(columns, f.Name)
		}
	}
	if len(columns) != int(rec.NumCols()) || len(columns) == 0 {
		return fault.Newf(fault.Internal, "insert into %s: %d column names for %d columns", table, len(columns), rec.NumCols())
	}
	if rec.NumRows() == 0 {
		return nil
	}
	err := fault.Retry(ctx, c.cfg.Retry, func(ctx context.Context) error { return c.tryInsert(ctx, table, columns, rec, token) })
	return wrap(err, "insert into %s", table)
}

func (c *Client) tryInsert(ctx context.Context, table string, columns []string, rec arrow.Record, token string) error {
	input, err := c.encode(ctx, table, columns, rec)
	if err != nil {
		return err
	}
	quoted := make([]string, len(columns))
	for i, name := range columns {
		quoted[i] = QuoteName(name)
	}
	q := ch.Query{
		Body:     "INSERT INTO " + quoteTable(table) + " (" + strings.Join(quoted, ", ") + ") VALUES",
		Input:    input,
		Settings: []ch.Setting{{Key: "async_insert", Value: "0", Important: true}},
	}
	if token != "" {
		q.Settings = append(q.Settings,
			ch.Setting{Key: "insert_deduplicate", Value: "1", Important: true},
			ch.Setting{Key: "insert_deduplication_token", Value: token, Important: true},
			// Views must not see twice what their table stored once.
			ch.Setting{Key: "deduplicate_blocks_in_dependent_materialized_views", Value: "1", Important: true})
	}
	conn, err := c.pool.get(ctx, token == "")
	if err != nil {
		return wrap(err, "connect to %s", c.cfg.Addr)
	}
	if err := conn.Do(ctx, q); err != nil {
		_ = conn.Close() // what stands on the wire is unknown
		if ctx.Err() != nil {
			return ctx.Err()
		}
		kind := classify(err)
		if code := Code(err); code == codeNoSuchColumn || code == codeUnknownTable || code == codeTypeMismatch {
			c.forget(table)
		}
		if token == "" && kind.Retryable() {
			return &notRepeated{err}
		}
		return fault.Wrap(kind, err, "")
	}
	c.pool.put(conn)
	return nil
}

const (
	codeNoSuchColumn = 16
	codeTypeMismatch = 53
	codeUnknownTable = 60
)

// notRepeated hides a retryable kind from the retry: without a token the rows may be there already.
type notRepeated struct{ cause error }

func (e *notRepeated) Error() string { return e.cause.Error() }
func (e *notRepeated) Unwrap() error { return e.cause }

// encode writes the record in the layout of the table's columns. Columns that are remembered wrongly are
// looked up anew once.
func (c *Client) encode(ctx context.Context, table string, columns []string, rec arrow.Record) (proto.Input, error) {
	known, cached, err := c.columns(ctx, table)
	if err != nil {
		return nil, err
	}
	input, err := encodeRecord(known, columns, rec)
	if err != nil && cached {
		c.forget(table)
		if known, _, err = c.columns(ctx, table); err != nil {
			return nil, err
		}
		input, err = encodeRecord(known, columns, rec)
	}
	return input, err
}

func encodeRecord(table []Column, columns []string, rec arrow.Record) (proto.Input, error) {
	types := make(map[string]string, len(table))
	for _, c := range table {
		types[c.Name] = c.Type
	}
	input := make(proto.Input, len(columns))
	for i, name := range columns {
		typeName, ok := types[name]
		if !ok {
			return nil, fault.Newf(fault.Permanent, "the table has no column %s", name)
		}
		t, err := parseType(typeName)
		if err != nil {
			return nil, fault.Wrap(fault.Permanent, err, "column %s", name)
		}
		e, err := newEncoder(t)
		if err != nil {
			return nil, fault.Wrap(fault.Permanent, err, "column %s", name)
		}
		col := &column{typ: proto.ColumnType(typeName), n: int(rec.NumRows())}
		col.data = e.state(make([]byte, 0, sizeHint(rec.Column(i))))
		if col.data, err = strict(e, t).rows(col.data, rec.Column(i)); err != nil {
			kind := fault.Data
			var m *mismatch
			if errors.As(err, &m) {
				kind = fault.Permanent
			}
			return nil, fault.Wrap(kind, err, "column %s %s", name, typeName)
		}
		input[i] = proto.InputColumn{Name: name, Data: col}
	}
	return input, nil
}

// sizeHint is about how many bytes a column takes when written.
func sizeHint(a arrow.Array) int {
	n := a.Len() * 2
	for _, b := range a.Data().Buffers() {
		if b != nil {
			n += b.Len()
		}
	}
	return n + 64
}

// column is an encoded column as ch-go sends it.
type column struct {
	typ  proto.ColumnType
	n    int
	data []byte
}

func (c *column) Type() proto.ColumnType       { return c.typ }
func (c *column) Rows() int                    { return c.n }
func (c *column) EncodeColumn(b *proto.Buffer) { b.PutRaw(c.data) }
func (c *column) WriteColumn(w *proto.Writer)  { w.ChainWrite(c.data) }

var _ proto.ColInput = (*column)(nil)

// QuoteName quotes a table's or column's name for SQL.
func QuoteName(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}

// quoteTable quotes "table" and "database.table". Names with a dot inside are given in their own quotes.
func quoteTable(table string) string {
	if strings.Contains(table, "`") {
		return table
	}
	if db, name, ok := strings.Cut(table, "."); ok {
		return QuoteName(db) + "." + QuoteName(name)
	}
	return QuoteName(table)
}

// mismatch is an Arrow type that no value of could be written to the column.
type mismatch struct{ from, to string }

func (m *mismatch) Error() string {
	return fmt.Sprintf("arrow type %s cannot be written as %s", m.from, m.to)
}
