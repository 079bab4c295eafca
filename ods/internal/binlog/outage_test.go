package binlog

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/testkit/mariadb"
)

// TestOutage has a server of its own, without full row metadata, that goes down and loses binlogs.
func TestOutage(t *testing.T) {
	server := mariadb.Start(t, "--binlog-row-metadata=NO_LOG")
	f := newFixture(t, server)
	f.exec("CREATE TABLE t (id INT PRIMARY KEY, u BIGINT UNSIGNED, e ENUM('a','b''c'), b VARBINARY(5), l VARCHAR(9) CHARACTER SET latin1)", "INSERT INTO t VALUES (1,18446744073709551615,'b''c',NULL,'ü')")
	f.c.Heartbeat = 100 * time.Millisecond
	stop := f.start()
	f.count("t", 1)
	f.exec("INSERT INTO t VALUES (2,18446744073709551615,'b''c',NULL,'ü')")
	f.count("t", 2)
	f.same("t")

	server.Stop(t)
	f.healthy(false)
	server.Restart(t)
	f.exec("INSERT INTO t VALUES (3,0,'a',NULL,'')")
	f.count("t", 3)
	f.healthy(true)

	// Kafka loses commits: nothing is lost, the change comes once.
	refused := make(chan struct{}, 3)
	f.cluster.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		f.cluster.KeepControl()
		select {
		case refused <- struct{}{}:
			return nil, context.DeadlineExceeded, true // the connection is cut
		default:
			return nil, nil, false
		}
	})
	f.exec("INSERT INTO t VALUES (4,0,'a',NULL,'')")
	f.count("t", 4)
	if len(refused) == 0 {
		t.Error("no commit was refused")
	}
	f.exec("INSERT INTO t VALUES (5,0,'a',NULL,'')")
	f.count("t", 5)
	f.same("t")

	if err := stop(); err != nil {
		t.Fatal(err)
	}
	f.exec("INSERT INTO t VALUES (6,0,'a',NULL,'')", "FLUSH BINARY LOGS", "FLUSH BINARY LOGS")
	var file, first string
	for end := time.Now().Add(10 * time.Second); file == "" || file != first; time.Sleep(10 * time.Millisecond) { // a log in use stays
		if err := f.db.QueryRow("SHOW MASTER STATUS").Scan(&file, new(int64), new(string), new(string)); err != nil {
			t.Fatal(err)
		}
		f.exec("PURGE BINARY LOGS TO '" + file + "'")
		logs, err := f.db.Query("SHOW BINARY LOGS")
		if err != nil || !logs.Next() || logs.Scan(&first, new(int64)) != nil || logs.Close() != nil || time.Now().After(end) {
			t.Fatalf("the binlog is not purged: %s, %v", first, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	err := Module(f.d, f.c).Start(ctx, func() {})
	if fault.KindOf(err) != fault.Permanent || !strings.Contains(fault.RemedyOf(err), "new ods.binlog.name") {
		t.Errorf("purged binlog: %v, remedy %s", err, fault.RemedyOf(err))
	}
	// The remedy works.
	f.c.Name = "again"
	f.start()
	f.count("t", 5+6)
	f.same("t")

	f.exec("SET GLOBAL binlog_row_image=MINIMAL")
	err = Module(f.d, f.c).Start(ctx, func() {})
	if fault.KindOf(err) != fault.Config || !strings.Contains(fault.RemedyOf(err), "binlog_row_image=FULL") {
		t.Errorf("row image: %v", err)
	}
}

func (f *fixture) healthy(want bool) {
	f.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if (len(f.d.Health.Check(f.Context())) == 0) == want {
			return
		}
	}
	f.Fatalf("health is not %v: %v", want, f.d.Health.Check(f.Context()))
}
