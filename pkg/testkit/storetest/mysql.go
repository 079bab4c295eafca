package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	gomysql "github.com/go-sql-driver/mysql"
)

// MySQL checks what Freshet relies on of the server behind dsn (in
// go-sql-driver's form; the account must be able to create databases and to
// read the binlog). It works in a database of its own.
func MySQL(t *testing.T, dsn string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	d, err := gomysql.ParseDSN(dsn)
	check(t, err)
	d.ParseTime, d.Loc, d.DBName = true, time.UTC, ""
	admin, err := sql.Open("mysql", d.FormatDSN())
	check(t, err)
	t.Cleanup(func() { _ = admin.Close() })
	name := fmt.Sprintf("storetest_%d", time.Now().UnixNano())
	exec(t, ctx, admin, "CREATE DATABASE "+name+" CHARACTER SET utf8mb4")
	t.Cleanup(func() { _, _ = admin.ExecContext(context.Background(), "DROP DATABASE "+name) })
	d.DBName = name
	db, err := sql.Open("mysql", d.FormatDSN())
	check(t, err)
	t.Cleanup(func() { _ = db.Close() })
	for _, tc := range []struct {
		name string
		run  func(*testing.T, context.Context, *sql.DB)
	}{
		{"transactions", mysqlTransactions}, {"upserts", mysqlUpserts}, {"types", mysqlTypes},
		{"deadlock", mysqlDeadlock}, {"errors", mysqlErrors}, {"row binlog", mysqlBinlog},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, ctx, db) })
	}
}

func exec(t *testing.T, ctx context.Context, db mysql.Execer, query string, args ...any) {
	t.Helper()
	if _, err := db.ExecContext(ctx, query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func scalar[T any](t *testing.T, ctx context.Context, db *sql.DB, query string, args ...any) T {
	t.Helper()
	var v T
	if err := db.QueryRowContext(ctx, query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func mysqlTransactions(t *testing.T, ctx context.Context, db *sql.DB) {
	exec(t, ctx, db, "CREATE TABLE tx (id BIGINT PRIMARY KEY, v INT) ENGINE=InnoDB")
	failed := errors.New("changed my mind")
	err := mysql.WithTx(ctx, db, fault.Policy{}, func(ctx context.Context, tx *sql.Tx) error {
		exec(t, ctx, tx, "INSERT INTO tx VALUES (1, 1)")
		return failed
	})
	expect(t, "cause kept", errors.Is(err, failed), true, nil)
	expect(t, "rows after rollback", scalar[int](t, ctx, db, "SELECT COUNT(*) FROM tx"), 0, nil)
	check(t, mysql.WithTx(ctx, db, fault.Policy{}, func(ctx context.Context, tx *sql.Tx) error {
		exec(t, ctx, tx, "INSERT INTO tx VALUES (1, 1), (2, 2)")
		// Nobody else sees it yet.
		expect(t, "rows seen outside", scalar[int](t, ctx, db, "SELECT COUNT(*) FROM tx"), 0, nil)
		return nil
	}))
	expect(t, "rows after commit", scalar[int](t, ctx, db, "SELECT COUNT(*) FROM tx"), 2, nil)
}

func mysqlUpserts(t *testing.T, ctx context.Context, db *sql.DB) {
	exec(t, ctx, db, "CREATE TABLE gmv (minute DATETIME, province VARCHAR(20), `sum` DECIMAL(20,2), n BIGINT, PRIMARY KEY (minute, province))")
	u := mysql.Upsert{Table: "gmv", Columns: []string{"minute", "province", "sum", "n"}, Keys: []string{"minute", "province"}}
	minute := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	var rows [][]any
	for i := range 2500 {
		rows = append(rows, []any{minute.Add(time.Duration(i%100) * time.Minute), "浙江", fmt.Sprintf("%d.50", i), i})
	}
	check(t, u.Exec(ctx, db, rows))
	check(t, u.Exec(ctx, db, rows)) // the same again changes nothing
	expect(t, "rows", scalar[int](t, ctx, db, "SELECT COUNT(*) FROM gmv"), 100, nil)
	expect(t, "last value", scalar[string](t, ctx, db, "SELECT `sum` FROM gmv WHERE minute = ? AND province = '浙江'", minute), "2400.50", nil)
	del := mysql.Delete{Table: "gmv", Keys: u.Keys}
	check(t, del.Exec(ctx, db, [][]any{{minute, "浙江"}, {minute, "nowhere"}}))
	expect(t, "rows after delete", scalar[int](t, ctx, db, "SELECT COUNT(*) FROM gmv"), 99, nil)
}

func mysqlTypes(t *testing.T, ctx context.Context, db *sql.DB) {
	exec(t, ctx, db, `CREATE TABLE types (id BIGINT UNSIGNED PRIMARY KEY, d DECIMAL(30,10), f DOUBLE, s VARCHAR(50), b VARBINARY(50),
		e ENUM('new','paid'), j JSON, dt DATETIME(6), day DATE, flag BOOLEAN, nothing INT NULL)`)
	at := time.Date(2026, 2, 28, 23, 59, 59, 123456000, time.UTC)
	exec(t, ctx, db, "INSERT INTO types VALUES (?,?,?,?,?,?,?,?,?,?,NULL)", uint64(18446744073709551615), "12345678901234567890.0123456789", 0.1,
		"emoji 😀 '\"\\", []byte{0, 1, 255}, "paid", `{"a": [1]}`, at, at, true)
	var (
		id         uint64
		d, s, e, j string
		f          float64
		b          []byte
		dt, day    time.Time
		flag       bool
		nothing    sql.NullInt64
	)
	check(t, db.QueryRowContext(ctx, "SELECT * FROM types").Scan(&id, &d, &f, &s, &b, &e, &j, &dt, &day, &flag, &nothing))
	got := fmt.Sprint(id, d, f, s, b, e, strings.ReplaceAll(j, " ", ""), dt.UTC().Format(time.RFC3339Nano), day.Format(time.DateOnly), flag, nothing.Valid)
	expect(t, "row", got, fmt.Sprint(uint64(18446744073709551615), "12345678901234567890.0123456789", 0.1, "emoji 😀 '\"\\", []byte{0, 1, 255}, "paid",
		`{"a":[1]}`, "2026-02-28T23:59:59.123456Z", "2026-02-28", true, false), nil)
}

// mysqlDeadlock makes two transactions lock two rows crosswise; both must come
// through by repetition.
func mysqlDeadlock(t *testing.T, ctx context.Context, db *sql.DB) {
	exec(t, ctx, db, "CREATE TABLE dl (id INT PRIMARY KEY, v INT)")
	exec(t, ctx, db, "INSERT INTO dl VALUES (1, 0), (2, 0)")
	locked := make(chan struct{}, 2)
	both := make(chan struct{})
	go func() { <-locked; <-locked; close(both) }()
	errs := make(chan error, 2)
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		go func() {
			first := true
			errs <- mysql.WithTx(ctx, db, fault.Policy{Initial: 10 * time.Millisecond}, func(ctx context.Context, tx *sql.Tx) error {
				if _, err := tx.ExecContext(ctx, "UPDATE dl SET v = v + 1 WHERE id = ?", order[0]); err != nil {
					return err
				}
				if first {
					first = false
					locked <- struct{}{}
					<-both
				}
				_, err := tx.ExecContext(ctx, "UPDATE dl SET v = v + 1 WHERE id = ?", order[1])
				return err
			})
		}()
	}
	check(t, <-errs)
	check(t, <-errs)
	expect(t, "sum", scalar[int](t, ctx, db, "SELECT SUM(v) FROM dl"), 4, nil)
}

func mysqlErrors(t *testing.T, ctx context.Context, db *sql.DB) {
	exec(t, ctx, db, "CREATE TABLE er (id INT PRIMARY KEY, v VARCHAR(3) NOT NULL)")
	exec(t, ctx, db, "INSERT INTO er VALUES (1, 'a')")
	for query, kind := range map[string]fault.Kind{
		"INSERT INTO er VALUES (1, 'b')":    fault.Data,
		"INSERT INTO er VALUES (2, NULL)":   fault.Data,
		"INSERT INTO er VALUES (2, 'long')": fault.Data,
		"INSERT INTO nowhere VALUES (1)":    fault.Permanent,
		"SELECT nothing FROM er":            fault.Permanent,
		"NOT SQL":                           fault.Permanent,
		"USE nowhere":                       fault.Config,
	} {
		_, err := db.ExecContext(ctx, query)
		expect(t, query, fault.KindOf(mysql.Classify(err, "run")), kind, nil)
	}
	down, err := mysql.Open(mysql.Config{Addr: "127.0.0.1:1", Timeout: time.Second})
	check(t, err)
	defer down.Close()
	expect(t, "no server", fault.KindOf(mysql.Ping(ctx, down)), fault.Unavailable, nil)
}

// mysqlBinlog checks that changes are logged as full rows and can be read.
func mysqlBinlog(t *testing.T, ctx context.Context, db *sql.DB) {
	for name, value := range map[string]string{"log_bin": "1", "binlog_format": "ROW", "binlog_row_image": "FULL"} {
		expect(t, name, scalar[string](t, ctx, db, "SELECT @@GLOBAL."+name), value, nil)
	}
	exec(t, ctx, db, "CREATE TABLE bl (id INT PRIMARY KEY, v INT)")
	exec(t, ctx, db, "INSERT INTO bl VALUES (1, 1)")
	exec(t, ctx, db, "UPDATE bl SET v = 2")
	exec(t, ctx, db, "DELETE FROM bl")
	var file string
	logs, err := db.QueryContext(ctx, "SHOW BINARY LOGS")
	check(t, err)
	columns, err := logs.Columns()
	check(t, err)
	for logs.Next() {
		values := make([]any, len(columns))
		values[0] = &file
		for i := 1; i < len(values); i++ {
			values[i] = new(sql.RawBytes)
		}
		check(t, logs.Scan(values...))
	}
	check(t, logs.Err())
	events, err := db.QueryContext(ctx, "SHOW BINLOG EVENTS IN '"+file+"'")
	check(t, err)
	defer events.Close()
	seen := map[string]int{}
	inTable := false
	for events.Next() {
		var log, kind, info string
		var pos, server, end int64
		check(t, events.Scan(&log, &pos, &kind, &server, &end, &info))
		if kind == "Table_map" {
			inTable = strings.HasSuffix(info, ".bl)")
		}
		for _, deed := range []string{"Write_rows", "Update_rows", "Delete_rows"} {
			if inTable && strings.HasPrefix(kind, deed) {
				seen[deed]++
			}
		}
	}
	check(t, events.Err())
	expect(t, "row events", fmt.Sprint(seen), "map[Delete_rows:1 Update_rows:1 Write_rows:1]", nil)
}
