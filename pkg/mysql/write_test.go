package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
	gomysql "github.com/go-sql-driver/mysql"
)

func TestStatements(t *testing.T) {
	u := Upsert{Table: "shop.t`x", Columns: []string{"k", "v", "w"}, Keys: []string{"k"}}
	if got, want := u.SQL(2), "INSERT INTO `shop`.`t``x` (`k`, `v`, `w`) VALUES (?, ?, ?), (?, ?, ?) ON DUPLICATE KEY UPDATE `v` = VALUES(`v`), `w` = VALUES(`w`)"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	u = Upsert{Table: "t", Columns: []string{"k"}, Keys: []string{"k"}}
	if got, want := u.SQL(1), "INSERT INTO `t` (`k`) VALUES (?) ON DUPLICATE KEY UPDATE `k` = `k`"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := (Delete{Table: "t", Keys: []string{"a", "b"}}).SQL(2), "DELETE FROM `t` WHERE (`a`, `b`) IN ((?, ?), (?, ?))"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

type recorder struct{ params []int }

func (r *recorder) ExecContext(_ context.Context, q string, args ...any) (sql.Result, error) {
	if strings.Count(q, "?") != len(args) {
		return nil, fmt.Errorf("%d placeholders, %d values", strings.Count(q, "?"), len(args))
	}
	r.params = append(r.params, len(args))
	return driver.RowsAffected(1), nil
}

func TestChunks(t *testing.T) {
	r := &recorder{}
	rows := make([][]any, 2300)
	for i := range rows {
		rows[i] = []any{i, i}
	}
	u := Upsert{Table: "t", Columns: []string{"a", "b"}, Keys: []string{"a"}}
	if err := u.Exec(t.Context(), r, rows); err != nil || fmt.Sprint(r.params) != "[2000 2000 600]" {
		t.Fatalf("%v %v", r.params, err)
	}
	if err := u.Exec(t.Context(), r, [][]any{{1}}); fault.KindOf(err) != fault.Internal {
		t.Fatalf("short row: %v", err)
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{&gomysql.MySQLError{Number: 1213}, fault.Transient},
		{&gomysql.MySQLError{Number: 1062}, fault.Data},
		{&gomysql.MySQLError{Number: 1045}, fault.Config},
		{&gomysql.MySQLError{Number: 1040}, fault.Unavailable},
		{&gomysql.MySQLError{Number: 9999}, fault.Permanent},
		{driver.ErrBadConn, fault.Unavailable},
		{context.Canceled, fault.Canceled},
		{context.DeadlineExceeded, fault.Transient},
		{fault.New(fault.Fenced, "x"), fault.Fenced},
	} {
		if got := fault.KindOf(Classify(c.err, "write %s", "t")); got != c.want {
			t.Errorf("%v: %v, want %v", c.err, got, c.want)
		}
	}
}
