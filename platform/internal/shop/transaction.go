package shop

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// trade writes the order stream. feed ends with the wish to stop, work a while later.
func (s *Simulator) trade(feed, work context.Context, g *orders, began time.Time) error {
	for n := s.first.mark + 1; ; n++ {
		b, ok := g.transaction()
		if !ok {
			return nil
		}
		if err := g.pace.wait(feed, began, b.offset); err != nil {
			return mysql.Classify(err, "simulate orders")
		}
		if err := s.write(work, n, b.changes); err != nil {
			return err
		}
		s.account.Commit(b.changes)
		s.count.orders.Add(b.created)
		s.count.transactions.Add(1)
		s.count.changes.Add(int64(len(b.changes)))
		if s.cfg.afterCommit != nil {
			s.cfg.afterCommit()
		}
	}
}

// transaction is the n-th transaction of its name. Its mark is moved from n-1 to n in the transaction itself: where the mark already is at n, the
// transaction was committed by an attempt whose answer was lost, and is not done again. A rest of that attempt that still
// runs in the server holds the mark's row, so that the next attempt waits for its outcome.
type transaction struct {
	db   *sql.DB
	shop string // database
	mark string // table
	name string
	n    int64
}

// write commits the n-th transaction, however often it takes.
func (s *Simulator) write(ctx context.Context, n int64, changes []account.Change) error {
	t := transaction{db: s.db, shop: s.cfg.Database, mark: mysql.Quote(s.marks()) + ".mark", name: "transaction", n: n}
	err := fault.Retry(ctx, s.patience(), func(ctx context.Context) error { return t.run(ctx, changes) })
	if err != nil {
		return mysql.Classify(err, "write transaction %d", n)
	}
	return nil
}

func (t transaction) run(ctx context.Context, changes []account.Change) (err error) {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return mysql.Classify(err, "begin")
	}
	defer func() {
		if err != nil {
			_ = tx.Rollback() // the first error says more
		}
	}()
	res, err := tx.ExecContext(ctx, "UPDATE "+t.mark+" SET n = ? WHERE name = ? AND n = ?", t.n, t.name, t.n-1)
	if err != nil {
		return mysql.Classify(err, "set the mark")
	}
	moved, err := res.RowsAffected()
	if err != nil {
		return mysql.Classify(err, "set the mark")
	}
	if moved == 0 {
		return t.was(ctx, tx)
	}
	for _, statement := range statements(t.shop, changes) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return mysql.Classify(err, "execute %.80s", statement)
		}
	}
	return mysql.Classify(tx.Commit(), "commit")
}

// was confirms that the transaction is the last one that was committed.
func (t transaction) was(ctx context.Context, tx *sql.Tx) error {
	var n int64
	if err := tx.QueryRowContext(ctx, "SELECT n FROM "+t.mark+" WHERE name = ?", t.name).Scan(&n); err != nil {
		return mysql.Classify(err, "read the mark")
	}
	if n != t.n {
		return fault.Newf(fault.Fenced, "transaction %s %d: the mark is at %d: another simulator writes into the database", t.name, t.n, n)
	}
	return mysql.Classify(tx.Rollback(), "leave the mark")
}

// statements are the SQL of the changes: inserts of a table in one statement, then updates and deletions. No key is used again after its deletion
// and updates follow the insertion of their row, so that this order gives the same rows.
func statements(shop string, changes []account.Change) []string {
	var out []string
	tables := []string{"region", "product", "user", "orders", "order_item", "payment", "audit_log"}
	for _, table := range tables {
		var b strings.Builder
		n := 0
		for _, c := range changes {
			if c.Op != account.Insert || c.Table() != table {
				continue
			}
			if n%500 == 0 {
				if n > 0 {
					out = append(out, b.String())
					b.Reset()
				}
				fmt.Fprintf(&b, "INSERT INTO %s VALUES ", name(shop, table))
			} else {
				b.WriteByte(',')
			}
			values(&b, c.Row)
			n++
		}
		if n > 0 {
			out = append(out, b.String())
		}
	}
	for _, c := range changes {
		if c.Op == account.Update {
			out = append(out, update(shop, c))
		}
	}
	for _, c := range changes {
		if c.Op == account.Delete {
			column, id := keyOf(c.Row)
			out = append(out, fmt.Sprintf("DELETE FROM %s WHERE %s = %d", name(shop, c.Table()), column, id))
		}
	}
	return out
}

func name(shop, table string) string { return mysql.Quote(shop) + "." + mysql.Quote(table) }

// values writes the row's columns in the table's order.
func values(b *strings.Builder, row any) {
	switch r := row.(type) {
	case account.User:
		fmt.Fprintf(b, "(%d,%s,%s,%d,%s,%d,%s,%s,%s)", r.ID, text(r.Name), text(r.Gender), r.BirthYear, text(r.Province), r.Level, text(r.Phone), stamp(r.CreatedAt), stamp(r.UpdatedAt))
	case account.Product:
		fmt.Fprintf(b, "(%d,%s,%s,%s,%s,%s,%s)", r.ID, text(r.Name), text(r.Category), text(r.Brand), money(r.Price), text(r.Status), stamp(r.UpdatedAt))
	case account.Region:
		fmt.Fprintf(b, "(%d,%s,%s)", r.ID, text(r.Province), text(r.Area))
	case account.Order:
		fmt.Fprintf(b, "(%d,%d,%d,%s,%s,%s,%s)", r.ID, r.User, r.Region, text(r.Status), money(r.Total), stamp(r.CreatedAt), stamp(r.UpdatedAt))
	case account.Item:
		fmt.Fprintf(b, "(%d,%d,%d,%d,%s)", r.ID, r.Order, r.Product, r.Quantity, money(r.Price))
	case account.Payment:
		fmt.Fprintf(b, "(%d,%d,%s,%s,%s,%s)", r.ID, r.Order, money(r.Amount), text(r.Method), text(r.Status), stamp(r.PaidAt))
	case account.Audit:
		fmt.Fprintf(b, "(%s,%s,%s)", text(r.Actor), text(r.Action), stamp(r.At))
	}
}

// update sets the columns that a life may change.
func update(shop string, c account.Change) string {
	set := ""
	switch r := c.Row.(type) {
	case account.User:
		set = fmt.Sprintf("level = %d, phone = %s, updated_at = %s", r.Level, text(r.Phone), stamp(r.UpdatedAt))
	case account.Product:
		set = fmt.Sprintf("price = %s, status = %s, updated_at = %s", money(r.Price), text(r.Status), stamp(r.UpdatedAt))
	case account.Order:
		set = fmt.Sprintf("status = %s, updated_at = %s", text(r.Status), stamp(r.UpdatedAt))
	case account.Payment:
		set = "status = " + text(r.Status)
	}
	column, id := keyOf(c.Row)
	return fmt.Sprintf("UPDATE %s SET %s WHERE %s = %d", name(shop, c.Table()), set, column, id)
}

func keyOf(row any) (column string, id int64) {
	switch r := row.(type) {
	case account.User:
		return "user_id", r.ID
	case account.Product:
		return "product_id", r.ID
	case account.Order:
		return "order_id", r.ID
	case account.Item:
		return "item_id", r.ID
	case account.Payment:
		return "payment_id", r.ID
	}
	return "", 0
}

func text(s string) string {
	if !strings.ContainsAny(s, `\'`) {
		return "'" + s + "'"
	}
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}

func stamp(t time.Time) string { return t.UTC().Format("'2006-01-02 15:04:05.000'") }

func money(c account.Cents) string {
	return strconv.FormatInt(int64(c/100), 10) + fmt.Sprintf(".%02d", c%100)
}
