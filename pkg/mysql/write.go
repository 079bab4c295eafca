package mysql

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Execer is what writes need: a *sql.DB, *sql.Conn or *sql.Tx.
type Execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// maxParams keeps a statement below the protocol's 65,535 parameters and a
// usual max_allowed_packet; maxRows bounds parse time and lock time.
const (
	maxParams = 30_000
	maxRows   = 1000
)

// Quote quotes an identifier; a dot separates database and table.
func Quote(name string) string {
	parts := strings.Split(name, ".")
	for i, p := range parts {
		parts[i] = "`" + strings.ReplaceAll(p, "`", "``") + "`"
	}
	return strings.Join(parts, ".")
}

// Upsert writes rows by primary or unique key: a new key is inserted, an
// existing one gets the new values of all other columns.
type Upsert struct {
	Table   string
	Columns []string
	Keys    []string // those of Columns that are the key; they are never updated
}

// SQL returns the statement for a number of rows, with a placeholder for each
// value in row order.
func (u Upsert) SQL(rows int) string {
	var b strings.Builder
	b.WriteString("INSERT INTO ")
	b.WriteString(Quote(u.Table))
	b.WriteString(" (")
	for i, c := range u.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoteColumn(c))
	}
	b.WriteString(") VALUES ")
	tuples(&b, rows, len(u.Columns))
	b.WriteString(" ON DUPLICATE KEY UPDATE ")
	n := 0
	for _, c := range u.Columns {
		if slices.Contains(u.Keys, c) {
			continue
		}
		if n++; n > 1 {
			b.WriteString(", ")
		}
		// VALUES() is the only form that MySQL 5.7, 8 and MariaDB all take.
		q := quoteColumn(c)
		b.WriteString(q + " = VALUES(" + q + ")")
	}
	if n == 0 {
		q := quoteColumn(u.Keys[0])
		b.WriteString(q + " = " + q)
	}
	return b.String()
}

// Exec writes the rows in as few statements as limits allow, in order, so that
// of rows with the same key the last one stays. Each row has a value per
// column. The error is classified.
func (u Upsert) Exec(ctx context.Context, e Execer, rows [][]any) error {
	if len(u.Columns) == 0 || len(u.Keys) == 0 {
		return fault.Newf(fault.Internal, "upsert into %s without columns or keys", u.Table)
	}
	return inChunks(ctx, e, rows, len(u.Columns), u.SQL, "upsert into "+u.Table)
}

// Delete removes rows by key.
type Delete struct {
	Table string
	Keys  []string
}

// SQL returns the statement for a number of keys.
func (d Delete) SQL(rows int) string {
	var b strings.Builder
	b.WriteString("DELETE FROM " + Quote(d.Table) + " WHERE (")
	for i, k := range d.Keys {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoteColumn(k))
	}
	b.WriteString(") IN (")
	tuples(&b, rows, len(d.Keys))
	b.WriteString(")")
	return b.String()
}

// Exec deletes by keys, each with a value per key column; keys that do not
// exist are no error.
func (d Delete) Exec(ctx context.Context, e Execer, keys [][]any) error {
	if len(d.Keys) == 0 {
		return fault.Newf(fault.Internal, "delete from %s without keys", d.Table)
	}
	return inChunks(ctx, e, keys, len(d.Keys), d.SQL, "delete from "+d.Table)
}

func inChunks(ctx context.Context, e Execer, rows [][]any, width int, statement func(int) string, deed string) error {
	size := max(1, min(maxRows, maxParams/width))
	text, textRows := "", 0
	args := make([]any, 0, min(size, len(rows))*width)
	for chunk := range slices.Chunk(rows, size) {
		args = args[:0]
		for i, r := range chunk {
			if len(r) != width {
				return fault.Newf(fault.Internal, "%s: row %d has %d values, not %d", deed, i, len(r), width)
			}
			args = append(args, r...)
		}
		if len(chunk) != textRows {
			text, textRows = statement(len(chunk)), len(chunk)
		}
		if _, err := e.ExecContext(ctx, text, args...); err != nil {
			return Classify(err, "%s", deed)
		}
	}
	return nil
}

func tuples(b *strings.Builder, rows, width int) {
	tuple := "(?" + strings.Repeat(", ?", width-1) + ")"
	for i := range rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(tuple)
	}
}

func quoteColumn(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// WithTx runs fn in a transaction and commits it; on error or panic it rolls
// back. Deadlocks, lost connections and the like repeat the whole by the
// policy, also when the commit's own answer was lost: fn must be safe to
// repeat after a commit that happened, as upserts by key are.
func WithTx(ctx context.Context, db *sql.DB, policy fault.Policy, fn func(ctx context.Context, tx *sql.Tx) error) error {
	return fault.Retry(ctx, policy, func(ctx context.Context) error { return once(ctx, db, fn) })
}

func once(ctx context.Context, db *sql.DB, fn func(context.Context, *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return Classify(err, "begin transaction")
	}
	committed := false
	defer func() {
		if !committed {
			// The cause is on its way already; a failed rollback ends the
			// connection, which rolls back too.
			_ = tx.Rollback()
		}
	}()
	if err := fn(ctx, tx); err != nil {
		return Classify(err, "")
	}
	if err := tx.Commit(); err != nil {
		return Classify(err, "commit transaction")
	}
	committed = true
	return nil
}
