package binlog

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
)

// copyTables copies the tables that were not copied before, all as of one moment, and notes their position.
//
// Rows of a copy that a crash cut are visible, and some of them may have been deleted before the table is copied again. So that table gets all of
// its changes since the first attempt after the second copy: they end at the same rows, and take the deleted ones away.
func (s *source) copyTables(ctx context.Context, db *sql.DB, tables []*table) error {
	var todo []*table
	for _, t := range tables {
		if _, done := s.state.Tables[t.full()]; !done {
			todo = append(todo, t)
		}
	}
	first := s.state.At == position{}
	if len(todo) == 0 && !first {
		return nil
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return classify(err, "connect for the copy")
	}
	defer conn.Close()
	at, err := s.snapshot(ctx, conn)
	if err != nil {
		return err
	}
	if first {
		s.state.At = at
	}
	for _, t := range todo {
		again := s.state.Copying == t.full()
		if !s.cfg.SkipCopy {
			began := time.Now()
			s.state.Copying = t.full()
			rows, err := s.copyTable(ctx, conn, t)
			if err != nil {
				return err
			}
			s.log.Info("table copied", "table", t.full(), "rows", rows, "elapsed", time.Since(began).Round(time.Millisecond))
		}
		s.state.Copying = ""
		s.state.Tables[t.full()] = nil
		if s.state.At != at && !again {
			s.state.Tables[t.full()] = &position{File: at.File, Pos: at.Pos, GTID: at.GTID}
		}
		if err := s.commit(ctx); err != nil {
			return err
		}
	}
	if len(todo) == 0 { // an empty database: its position counts all the same
		if err := s.commit(ctx); err != nil {
			return err
		}
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	return classify(err, "end the copy")
}

// snapshot opens a consistent view and gives its position in the binlog.
func (s *source) snapshot(ctx context.Context, conn *sql.Conn) (position, error) {
	exec := func(queries ...string) error {
		for _, q := range queries {
			if _, err := conn.ExecContext(ctx, q); err != nil {
				return classify(err, "open a snapshot")
			}
		}
		return nil
	}
	// Reading may pause for as long as Kafka does.
	if err := exec("SET SESSION net_write_timeout=86400", "SET SESSION wait_timeout=86400", "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"); err != nil {
		return position{}, err
	}
	const begin = "START TRANSACTION WITH CONSISTENT SNAPSHOT"
	if s.flavor == gomysql.MariaDBFlavor {
		if err := exec(begin); err != nil {
			return position{}, err
		}
		return mariadbPosition(ctx, conn)
	}
	at, err := mysqlPosition(ctx, conn)
	if err != nil {
		return position{}, err
	}
	if at.GTID == "" {
		// Without GTIDs the position of the log runs ahead of what snapshots see; a short lock makes them one.
		if err := exec("FLUSH TABLES WITH READ LOCK", begin); err != nil {
			return position{}, fault.WithRemedy(err, "grant RELOAD to the MySQL user, or switch GTIDs on")
		}
		at, err = mysqlPosition(ctx, conn)
		return at, errors.Join(err, exec("UNLOCK TABLES"))
	}
	// gtid_executed names only what snapshots see; a few tries find a moment without a commit between, else some changes come after the
	// rows that have them already.
	for range 5 {
		if err := exec(begin); err != nil {
			return position{}, err
		}
		after, err := mysqlPosition(ctx, conn)
		if err != nil || after.GTID == at.GTID {
			return at, err
		}
		if err := exec("COMMIT"); err != nil {
			return position{}, err
		}
		at = after
	}
	return at, exec(begin)
}

func mariadbPosition(ctx context.Context, conn *sql.Conn) (position, error) {
	var at position
	err := each(ctx, conn, "SHOW SESSION STATUS LIKE 'binlog_snapshot_%'", func(scan func(...any) error) error {
		var name string
		var value sql.RawBytes
		if err := scan(&name, &value); err != nil {
			return err
		}
		switch strings.ToLower(name) {
		case "binlog_snapshot_file":
			at.File = string(value)
		case "binlog_snapshot_position":
			for _, c := range value {
				at.Pos = at.Pos*10 + uint32(c-'0')
			}
		}
		return nil
	})
	if err != nil {
		return at, classify(err, "read the snapshot's position")
	}
	var gtid sql.NullString
	if err := conn.QueryRowContext(ctx, "SELECT BINLOG_GTID_POS(?, ?)", at.File, at.Pos).Scan(&gtid); err != nil {
		return at, classify(err, "read the snapshot's GTID")
	}
	at.GTID = gtid.String
	if at.File == "" {
		return at, fault.WithRemedy(fault.New(fault.Config, "the server does not tell the position of a snapshot"), "start the server with --log-bin")
	}
	return at, nil
}

func mysqlPosition(ctx context.Context, conn *sql.Conn) (position, error) {
	var at position
	read := func(query string) error {
		return each(ctx, conn, query, func(scan func(...any) error) error {
			var ignore, gtid sql.RawBytes
			var file string
			if err := scan(&file, &at.Pos, &ignore, &ignore, &gtid); err != nil {
				return err
			}
			at.File, at.GTID = file, strings.ReplaceAll(string(gtid), "\n", "")
			return nil
		})
	}
	err := read("SHOW BINARY LOG STATUS")
	if err != nil {
		err = read("SHOW MASTER STATUS") // before 8.4
	}
	if err != nil {
		return at, classify(err, "read the binlog's position")
	}
	err = conn.QueryRowContext(ctx, "SELECT REPLACE(@@GLOBAL.gtid_executed, '\n', '')").Scan(&at.GTID)
	return at, classify(err, "read the executed GTIDs")
}

// copyTable writes all rows of the snapshot as INSERTs. The position names the table only when it is complete: a crash repeats it.
func (s *source) copyTable(ctx context.Context, conn *sql.Conn, t *table) (int, error) {
	if len(t.pk) == 0 {
		s.log.Warn("table has no primary key: its records have no key, and a crash during its copy repeats rows", "table", t.full())
	}
	var list []string
	for i := range t.columns {
		name := mysql.Quote(strings.ReplaceAll(t.columns[i].name, ".", "\x00"))
		name = strings.ReplaceAll(name, "\x00", ".")
		switch t.columns[i].kind {
		case kindFloat: // the text of a FLOAT is rounded
			name = "(" + name + " + 0e0)"
		case kindBit:
			name = "(" + name + " + 0)"
		}
		list = append(list, name)
	}
	rows, err := conn.QueryContext(ctx, "SELECT "+strings.Join(list, ", ")+" FROM `"+strings.ReplaceAll(t.database, "`", "``")+"`.`"+strings.ReplaceAll(t.name, "`", "``")+"`")
	if err != nil {
		return 0, classify(err, "copy %s", t.full())
	}
	defer rows.Close()
	raw := make([]sql.RawBytes, len(t.columns))
	values, to := make([][]byte, len(raw)), make([]any, len(raw))
	for i := range raw {
		to[i] = &raw[i]
	}
	var o origin
	n := 0
	var r row
	for rows.Next() {
		if err := rows.Scan(to...); err != nil {
			return n, classify(err, "copy %s", t.full())
		}
		for i := range raw {
			values[i] = raw[i]
		}
		if err := r.copied(t, values); err != nil {
			return n, fault.Wrap(fault.Permanent, err, "copy %s", t.full())
		}
		n++
		o.ts = time.Now().UnixMilli()
		o.es, o.id = o.ts, n
		if err := t.changes(nil, &r, o, func(typ string, rec *kgo.Record) error { return s.send(ctx, t, typ, rec) }); err != nil {
			return n, err
		}
		if s.pending >= s.cfg.Batch {
			if err := s.commit(ctx); err != nil {
				return n, err
			}
		}
	}
	return n, classify(rows.Err(), "copy %s", t.full())
}
