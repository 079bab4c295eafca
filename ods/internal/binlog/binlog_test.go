package binlog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/testkit/mariadb"
)

// TestServer shares one server, which takes seconds to make.
func TestServer(t *testing.T) {
	all(t, mariadb.Start(t))
}

func all(t *testing.T, server server) {
	for name, test := range map[string]func(*fixture){
		"types": testTypes, "mariadb": testMariaDBTypes, "changes": testChanges, "crashes": testCrashes, "cut": testCut, "alter": testAlter, "large": testLarge, "charsets": testCharsets,
	} {
		t.Run(name, func(t *testing.T) { test(newFixture(t, server)) })
	}
}

const typesTable = `CREATE TABLE t (
	id INT PRIMARY KEY, i8 TINYINT, u8 TINYINT UNSIGNED, i16 SMALLINT, u16 SMALLINT UNSIGNED, i24 MEDIUMINT, u24 MEDIUMINT UNSIGNED, u32 INT UNSIGNED,
	i64 BIGINT, u64 BIGINT UNSIGNED, z INT(6) ZEROFILL, d DECIMAL(30,10), d0 DECIMAL(10,0), f FLOAT, g DOUBLE, b BIT(12), b64 BIT(64),
	dt DATE, tm TIME, tm3 TIME(3), dtm DATETIME, dtm6 DATETIME(6), ts TIMESTAMP NULL, ts3 TIMESTAMP(3) NULL, y YEAR,
	c CHAR(5), v VARCHAR(50), tx LONGTEXT, bin BINARY(6), vb VARBINARY(10), bl BLOB, e ENUM('a','b''c','ü'), s SET('x','y','z'), j JSON, p POINT,
	u CHAR(36), i6 VARCHAR(40), gv INT AS (i16 + 1) VIRTUAL, gs INT AS (i16 + 2) STORED)`

const typesColumns = "(id,i8,u8,i16,u16,i24,u24,u32,i64,u64,z,d,d0,f,g,b,b64,dt,tm,tm3,dtm,dtm6,ts,ts3,y,c,v,tx,bin,vb,bl,e,s,j,p,u,i6)"

var typesRows = []string{
	`-128,255,-32768,65535,-8388608,16777215,4294967295,-9223372036854775808,18446744073709551615,42,'-12345678901234567890.0123456789',7,0.1,1e-9,b'101010101010',b'1111111111111111111111111111111111111111111111111111111111111111',
	'2024-02-29','-838:59:59','01:02:03.040','2024-02-29 23:59:59','2024-02-29 23:59:59.000001','2024-02-29 12:00:00','2024-02-29 12:00:00.120',2024,
	'ab','grüße 漢字 😀 "q" \\ \n','long','a\0\0',X'0001',X'FFFE','b''c','x,z','{"b": 1, "a": [1.50, null]}',POINT(1,2),'123e4567-e89b-12d3-a456-426655440000','2001:db8::ff00:42:8329'`,
	`NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL`,
	`0,0,0,0,0,0,0,0,0,0,0,0,16777216,1.7976931348623157e308,0,0,'0000-00-00','00:00:00','-00:00:00.500','0000-00-00 00:00:00','0000-00-00 00:00:00.000000','0000-00-00 00:00:00','0000-00-00 00:00:00.000',0,
	'','','','','','','a','','{}',NULL,'00000000-0000-0000-0000-000000000000','::'`,
}

// testTypes writes the same rows before and after the start: copy and binlog must agree on every value, and on what is expected.
func testTypes(f *fixture) {
	mode := "SET SESSION sql_mode='ALLOW_INVALID_DATES'"
	conn, err := f.db.Conn(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	defer conn.Close()
	run := func(q string) {
		f.Helper()
		if _, err := conn.ExecContext(f.Context(), q); err != nil {
			f.Fatalf("%s: %v", q, err)
		}
	}
	run(mode)
	run("SET time_zone='+00:00'")
	run(typesTable)
	for i, r := range typesRows {
		run(fmt.Sprintf("INSERT INTO t %s VALUES (%d,%s)", typesColumns, i, r))
	}
	f.start()
	f.count("t", len(typesRows))
	for i, r := range typesRows {
		run(fmt.Sprintf("INSERT INTO t %s VALUES (%d,%s)", typesColumns, 100+i, r))
	}
	ms := f.count("t", 2*len(typesRows))
	byID := map[string]map[string]*string{}
	for _, m := range ms {
		byID[*m.Data[0]["id"]] = m.Data[0]
		delete(m.Data[0], "id")
	}
	for i := range typesRows {
		copied, streamed := byID[fmt.Sprint(i)], byID[fmt.Sprint(100+i)]
		if len(copied) != 38 {
			f.Errorf("%d columns", len(copied))
		}
		for name := range copied {
			if a, b := line(map[string]*string{name: copied[name]}), line(map[string]*string{name: streamed[name]}); a != b {
				f.Errorf("row %d: copy %s, binlog %s", i, a, b)
			}
		}
	}
	want := map[string]string{"i8": "-128", "u8": "255", "u16": "65535", "i24": "-8388608", "u24": "16777215", "u32": "4294967295", "u64": "18446744073709551615", "i64": "-9223372036854775808",
		"z": "42", "d": "-12345678901234567890.0123456789", "f": "0.1", "g": "1e-09", "b": "2730", "b64": "18446744073709551615", "dt": "2024-02-29", "tm": "-838:59:59", "tm3": "01:02:03.040",
		"dtm6": "2024-02-29 23:59:59.000001", "ts": "2024-02-29 12:00:00", "ts3": "2024-02-29 12:00:00.120", "y": "2024", "v": "grüße 漢字 😀 \"q\" \\ \n", "bin": "YQAAAAAA", "vb": "AAE=", "bl": "//4=",
		"e": "b'c", "s": "x,z", "j": `{"b": 1, "a": [1.50, null]}`, "u": "123e4567-e89b-12d3-a456-426655440000", "i6": "2001:db8::ff00:42:8329", "gv": "-32767", "gs": "-32766"}
	for name, v := range want {
		if got := byID["100"][name]; name == "j" && got != nil && *got == `{"a":[1.5,null],"b":1}` { // as MySQL keeps it
			continue
		} else if got == nil || *got != v {
			f.Errorf("%s is %s, want %s", name, line(map[string]*string{name: got}), v)
		}
	}
	if got := *byID["102"]["dtm"]; got != "0000-00-00 00:00:00" {
		f.Errorf("zero date %q", got)
	}
	if got := ms[len(ms)-1].MySQLType["u64"]; got != "bigint(20) unsigned" {
		f.Errorf("mysqlType %q", got)
	}
}

// testChanges covers the kinds of changes one by one.
func testChanges(f *fixture) {
	f.exec("CREATE TABLE t (id INT, part VARCHAR(10), v INT, w INT, PRIMARY KEY (part, id))", "CREATE TABLE free (a INT, b VARCHAR(5))", "CREATE TABLE other_log (id INT PRIMARY KEY)",
		"INSERT INTO t VALUES (1,'x',10,0),(2,'x',20,NULL)", "INSERT INTO free VALUES (1,'a'),(1,'a')")
	f.c.Exclude = []string{f.name + ".other*"}
	stop := f.start()
	f.count("t", 2)
	f.count("free", 2)
	f.exec("UPDATE t SET v=v+1, w=1", "UPDATE t SET id=9 WHERE id=2", "DELETE FROM t WHERE id=1", "INSERT INTO other_log VALUES (1)",
		"UPDATE free SET b='z' LIMIT 1", "DELETE FROM free WHERE b='a'", "CREATE TABLE fresh (id INT PRIMARY KEY)", "INSERT INTO fresh VALUES (5),(6)")
	ms := f.count("t", 2+2+2+1)[2:]
	f.count("free", 2+2+1)
	f.count("fresh", 2)
	byKey := map[string]string{} // partitions come in any order
	for _, m := range ms {
		byKey[m.key] += m.Type
		if m.Old != nil {
			byKey[m.key] += " " + line(m.Old[0])
		}
		byKey[m.key] += ";"
	}
	for id, want := range map[int]string{1: "UPDATE v=10 w=0;DELETE;", 2: "UPDATE v=20 w=NULL;DELETE;", 9: "INSERT;"} {
		if got := byKey[fmt.Sprintf(`{"part":"x","id":%d}`, id)]; got != want {
			f.Errorf("changes of %d: %s, want %s", id, got, want)
		}
	}
	if m := ms[0]; !strings.HasPrefix(m.key, `{"part":"x","id":`) || strings.Join(m.PK, ",") != "part,id" || m.GTID == "" || m.ES == 0 {
		f.Errorf("key %s of %v, gtid %q", m.key, m.PK, m.GTID)
	}
	if !f.messages["free"][0].keyless || f.messages["free"][0].PK != nil {
		f.Error("a table without a primary key has a key")
	}
	if f.messages["other_log"] != nil {
		f.Error("an excluded table was read")
	}
	for _, table := range []string{"t", "free", "fresh"} {
		f.same(table)
	}
	// A restart repeats nothing, and reads what happened between.
	if err := stop(); err != nil {
		f.Fatal(err)
	}
	f.exec("INSERT INTO fresh VALUES (7)", "CREATE TABLE between_ (id INT PRIMARY KEY)", "INSERT INTO between_ VALUES (1)", "UPDATE t SET v=0")
	f.start()
	f.exec("INSERT INTO between_ VALUES (2)")
	f.count("fresh", 3)
	f.count("between_", 2)
	f.count("t", 8)
	for _, table := range []string{"t", "free", "fresh", "between_"} {
		f.same(table)
	}
}

// testAlter changes a table while it is read: no column is lost, rows before and after have theirs.
func testAlter(f *fixture) {
	f.exec("CREATE TABLE t (id INT PRIMARY KEY, a INT)", "INSERT INTO t VALUES (1,1)")
	stop := f.start()
	f.count("t", 1)
	if err := stop(); err != nil {
		f.Fatal(err)
	}
	// All of this is read when the table has its last form.
	f.exec("INSERT INTO t VALUES (2,2)", "ALTER TABLE t ADD COLUMN b VARCHAR(5) DEFAULT 'x' AFTER id", "INSERT INTO t VALUES (3,'y',3)", "ALTER TABLE t DROP COLUMN a, CHANGE b c VARCHAR(9)",
		"INSERT INTO t VALUES (4,'z')", "RENAME TABLE t TO r", "INSERT INTO r VALUES (5,'r')", "DROP TABLE r", "CREATE TABLE t (id BIGINT UNSIGNED PRIMARY KEY)", "INSERT INTO t VALUES (6)")
	f.start()
	ms := f.count("t", 5)
	f.count("r", 1)
	var got []string
	for i := 1; i < len(ms); i++ {
		got = append(got, line(ms[i].Data[0]))
	}
	seen := strings.Join(got, ";")
	for _, want := range []string{"a=2 id=2", "a=3 b=y id=3", "c=z id=4", "id=6"} {
		if !strings.Contains(";"+seen+";", ";"+want+";") {
			f.Errorf("no row %q in %s", want, seen)
		}
	}
	f.exec("ALTER TABLE t ADD COLUMN n INT", "INSERT INTO t VALUES (7,1)")
	if got := line(f.count("t", 6)[5].Data[0]); got != "id=7 n=1" {
		f.Errorf("after ALTER: %s", got)
	}
}

// testLarge has a transaction of many batches, and a row that is too large.
func testLarge(f *fixture) {
	f.exec("CREATE TABLE t (id INT PRIMARY KEY, v INT)", "CREATE TABLE l (id INT PRIMARY KEY, v LONGTEXT)")
	f.c.Batch, f.c.MaxRecord = 500, 1<<20
	f.start()
	f.exec("INSERT INTO t SELECT seq, seq FROM "+numbers(20000), "UPDATE t SET v=v+1 WHERE id<=5000", "INSERT INTO l VALUES (1,REPEAT('x',2000000)),(2,REPEAT('y',900000))")
	f.count("t", 25000)
	f.count("l", 1)
	d := f.count("dead", 1)[0]
	if d.key != `{"id":1}` || !strings.Contains(d.Type, "topic=ods_"+f.name+"_l") || !strings.Contains(d.Type, "reason=the row has more than") {
		f.Errorf("dead letter %+v", d)
	}
	f.same("t")
}

// testCharsets has text that is not stored as UTF-8.
func testCharsets(f *fixture) {
	f.exec("CREATE TABLE t (id INT PRIMARY KEY, y YEAR, un BIGINT, l VARCHAR(20) CHARACTER SET latin1, g VARCHAR(20) CHARACTER SET gbk, p POINT, u VARCHAR(20) CHARACTER SET utf16, e ENUM('é','ö') CHARACTER SET latin1, x INT UNSIGNED)",
		"INSERT INTO t VALUES (1,1999,-5,'grüße €','漢字',NULL,'😀x','ö',4000000000)")
	f.start()
	f.count("t", 1)
	f.exec("INSERT INTO t SELECT id+1,y,un,l,g,p,u,e,x FROM t")
	f.count("t", 2)
	f.same("t")
}

// testMariaDBTypes has types that MySQL does not have, among columns whose description in the binlog depends on them.
func testMariaDBTypes(f *fixture) {
	var version string
	if err := f.db.QueryRow("SELECT VERSION()").Scan(&version); err != nil || !strings.Contains(version, "MariaDB") {
		return
	}
	f.exec("CREATE TABLE t (id INT PRIMARY KEY, i INET6, y YEAR, un BIGINT, uu UUID, l VARCHAR(20) CHARACTER SET latin1, p POINT, i4 INET4, x INT UNSIGNED)",
		"INSERT INTO t VALUES (1,'2001:db8::ff00:42:8329',1999,-5,'123e4567-e89b-12d3-a456-426655440000','grüße €',NULL,'1.2.3.0',4000000000),(2,'::',1999,-5,'00000000-0000-0000-0000-000000000000','',NULL,'0.0.0.0',0)")
	f.start()
	f.count("t", 2)
	f.exec("INSERT INTO t SELECT id+2,i,y,un,uu,l,p,i4,x FROM t")
	f.count("t", 4)
	f.same("t")
}
