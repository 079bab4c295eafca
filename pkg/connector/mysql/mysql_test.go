package mysql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/connector/connectortest"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/mysql"
)

func rig(t testing.TB) *connectortest.Rig {
	return connectortest.New(t, &Connector{Client: mysql.Config{Addr: "127.0.0.1:1", User: "root", Database: "home"}})
}

func TestCreateSQL(t *testing.T) {
	r := rig(t)
	tab := r.Table("CREATE TABLE t (id BIGINT, s STRING, `a``b` VARCHAR(20) NOT NULL, n DECIMAL(20,4), ts TIMESTAMP(3), z TIMESTAMP_LTZ(9), tm TIME, b BOOLEAN, bin BYTES, big VARCHAR(100000), PRIMARY KEY (s, id) NOT ENFORCED) WITH ('connector' = 'jdbc', 'table-name' = 'x')")
	tb, err := (&Connector{Client: mysql.Config{Addr: "h:1", Database: "home"}}).parse(tab)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tb.createSQL()
	want := "CREATE TABLE IF NOT EXISTS `home`.`x` (`id` BIGINT NOT NULL, `s` VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, `a``b` VARCHAR(20) NOT NULL, `n` DECIMAL(20,4) NULL, " +
		"`ts` DATETIME(3) NULL, `z` DATETIME(6) NULL, `tm` TIME NULL, `b` BOOLEAN NULL, `bin` LONGBLOB NULL, `big` LONGTEXT NULL, PRIMARY KEY (`s`, `id`)) CHARACTER SET utf8mb4"
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestAddress(t *testing.T) {
	r := rig(t)
	for _, c := range []struct{ opts, want string }{
		{`'table-name' = 'x'`, "root@127.0.0.1:1 home.x"},
		{`'table-name' = 'd.x'`, "root@127.0.0.1:1 d.x"},
		{`'table-name' = 'x', 'database' = 'e'`, "root@127.0.0.1:1 e.x"},
		{`'table-name' = 'x', 'url' = 'jdbc:mysql://h/d?user=u&useSSL=false'`, "u@h:3306 d.x"},
		{`'table-name' = 'x', 'url' = 'jdbc:mysql://h:33/d', 'username' = 'v'`, "v@h:33 d.x"},
	} {
		tb, err := (&Connector{Client: mysql.Config{Addr: "127.0.0.1:1", User: "root", Database: "home"}}).parse(r.Table(`CREATE TABLE t (a INT) WITH ('connector' = 'mysql', ` + c.opts + `)`))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := tb.cfg.User + "@" + tb.cfg.Addr + " " + tb.full(); got != c.want {
			t.Errorf("%s: %s, want %s", c.opts, got, c.want)
		}
	}
}

func TestFaults(t *testing.T) {
	r := connectortest.New(t, &Connector{})
	for _, c := range []struct{ ddl, want string }{
		{`CREATE TABLE t (a INT) WITH ('connector' = 'jdbc', 'table-name' = 'x')`, "no MySQL server is configured"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h:1/d')`, "option 'table-name' is required"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'jdbc', 'url' = 'jdbc:postgresql://h:1/d', 'table-name' = 'x')`, "write jdbc:mysql://host:3306/database"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h:1', 'table-name' = 'x')`, "the database is not named"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h:1/d', 'table-name' = 'x', 'user-name' = 'u')`, "username"},
		{`CREATE TABLE t (a ARRAY<INT>) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h:1/d', 'table-name' = 'x')`, "column a: type ARRAY<INT> cannot be kept in MySQL"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'jdbc', 'url' = 'jdbc:mysql://h:1/d', 'table-name' = 'x', 'table.create' = 'maybe')`, "must be true or false"},
	} {
		if got := r.Faults(c.ddl); !strings.Contains(got, c.want) {
			t.Errorf("%s\n  says %s\n  want %s", c.ddl, got, c.want)
		}
	}
}

func BenchmarkValues(b *testing.B) {
	r := rig(b)
	tab := r.Table(`CREATE TABLE t (id BIGINT, name STRING, n DECIMAL(10,2), ts TIMESTAMP(3)) WITH ('connector' = 'mysql', 'table-name' = 'x')`)
	rows := make([]string, batch.TargetRows)
	size := 0
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"id":%d,"name":"name %d","n":"1.25","ts":"2024-05-01 10:00:00"}`, i, i)
		size += len(rows[i])
	}
	src := r.Rows(tab, rows...)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if v := values(src); v[0][2] != "1.25" {
			b.Fatal(v[0])
		}
	}
}
