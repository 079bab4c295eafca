package redis_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/freshet-dw/freshet/pkg/connector/connectortest"
	redistable "github.com/freshet-dw/freshet/pkg/connector/redis"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/redis"
)

func rig(t testing.TB) (*connectortest.Rig, *miniredis.Miniredis) {
	m := miniredis.RunT(t)
	return connectortest.New(t, &redistable.Connector{Client: redis.Config{Addr: m.Addr(), Timeout: 2 * time.Second, Pool: 4}}), m
}

// dump shows all keys but those of the versions.
func dump(t *testing.T, m *miniredis.Miniredis) string {
	t.Helper()
	var lines []string
	for _, k := range m.Keys() {
		if strings.HasPrefix(k, "freshet:version:") {
			continue
		}
		switch m.Type(k) {
		case "hash":
			fields, _ := m.HKeys(k)
			for _, f := range fields {
				lines = append(lines, k+"."+f+"="+m.HGet(k, f))
			}
		case "string":
			v, _ := m.Get(k)
			lines = append(lines, k+"="+v)
		case "zset":
			set, _ := m.SortedSet(k)
			for _, member := range slices.Sorted(maps.Keys(set)) {
				lines = append(lines, fmt.Sprintf("%s %s=%g", k, member, set[member]))
			}
		}
	}
	return strings.Join(lines, "\n")
}

func want(t *testing.T, m *miniredis.Miniredis, lines ...string) {
	t.Helper()
	if got := dump(t, m); got != strings.Join(lines, "\n") {
		t.Fatalf("Redis has\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
	}
}

const product = `CREATE TABLE dim_product (product_id BIGINT, name STRING, price DECIMAL(10,2), PRIMARY KEY (product_id) NOT ENFORCED)
WITH ('connector' = 'redis', 'key' = 'dim:product:{product_id}'`

func TestHash(t *testing.T) {
	r, m := rig(t)
	tab := r.Table(product + `)`)
	s := r.Sink(tab, 0)
	r.Write(s, connectortest.Epoch(1), r.Rows(tab,
		`{"product_id":1,"name":"a","price":"1.50"}`, `{"product_id":2,"name":"b","price":2}`, `{"product_id":3,"name":"c"}`,
		`-U{"product_id":1,"name":"a","price":"1.50"}`, `+U{"product_id":1,"name":"A","price":"1.55"}`,
		`-D{"product_id":2,"name":"b","price":2}`, `{"product_id":2,"name":"again","price":3}`))
	want(t, m, "dim:product:1.name=A", "dim:product:1.price=1.55", "dim:product:2.name=again", "dim:product:2.price=3.00", "dim:product:3.name=c")
	r.Write(s, connectortest.Epoch(2), r.Rows(tab, `{"product_id":1,"name":null,"price":9}`, `-D{"product_id":2}`))
	want(t, m, "dim:product:1.price=9.00", "dim:product:3.name=c")
}

func TestReplayAndZombie(t *testing.T) {
	r, m := rig(t)
	tab := r.Table(product + `, 'ttl' = '1 h')`)
	first := r.Rows(tab, `{"product_id":1,"name":"one","price":1}`, `{"product_id":2,"name":"two","price":2}`)
	second := r.Rows(tab, `{"product_id":1,"name":"eins","price":1}`, `-D{"product_id":2}`)
	s := r.Sink(tab, 0)
	r.Write(s, connectortest.Epoch(1), first)
	r.Write(s, connectortest.Epoch(1), first)
	r.Write(r.Restart().Sink(tab, 0), connectortest.Epoch(2), second)
	after := []string{"dim:product:1.name=eins", "dim:product:1.price=1.00"}
	want(t, m, after...)
	r.Write(s, connectortest.Epoch(1), first) // comes late: neither overwrites nor brings back
	want(t, m, after...)
	if ttl := m.TTL("dim:product:1"); ttl != time.Hour {
		t.Errorf("ttl %s", ttl)
	}
	// A job that starts anew counts epochs from 1 again, later by the clock.
	e := connectortest.Epoch(1)
	e.Now = connectortest.Epoch(30).Now
	r.Write(r.Restart().Sink(tab, 0), e, first)
	want(t, m, "dim:product:1.name=one", "dim:product:1.price=1.00", "dim:product:2.name=two", "dim:product:2.price=2.00")
}

func TestString(t *testing.T) {
	r, m := rig(t)
	tab := r.Table(`CREATE TABLE v (a STRING, b INT, tags ARRAY<STRING>, PRIMARY KEY (a, b) NOT ENFORCED) WITH ('connector' = 'redis', 'redis.type' = 'string', 'key' = '{a}/{b}')`)
	s := r.Sink(tab, 0)
	r.Write(s, connectortest.Epoch(1), r.Rows(tab, `{"a":"x","b":1,"tags":["p","q"]}`, `{"a":"x","b":2,"tags":null}`, `{"a":null,"b":2}`))
	want(t, m, `x/1={"tags":["p","q"]}`, `x/2={"tags":null}`)
	l := r.Lookup(tab, "b", "a")
	got := r.Ask(l, tab, []string{"b", "a"}, `{"a":"x","b":1}`, `{"a":"x","b":3}`, `{"a":null,"b":2}`, `{"a":"x","b":2}`, `{"a":"x","b":1}`)
	if fmt.Sprint(got) != "[+I[x, 1, [p, q]]   +I[x, 2, NULL] +I[x, 1, [p, q]]]" {
		t.Errorf("looked up %q", got)
	}
	r.Write(s, connectortest.Epoch(2), r.Rows(tab, `-D{"a":"x","b":1}`))
	want(t, m, `x/2={"tags":null}`)
}

func TestSortedSet(t *testing.T) {
	r, m := rig(t)
	tab := r.Table(`CREATE TABLE top (h STRING, id BIGINT, gmv DOUBLE, PRIMARY KEY (h, id) NOT ENFORCED)
		WITH ('connector' = 'redis', 'redis.type' = 'zset', 'key' = 'top:{h}', 'member' = 'id', 'score' = 'gmv', 'max-members' = '3')`)
	s := r.Sink(tab, 0)
	first := r.Rows(tab, `{"h":"10","id":1,"gmv":1.5}`, `{"h":"10","id":2,"gmv":2}`, `{"h":"10","id":3,"gmv":3}`, `{"h":"10","id":4,"gmv":4}`, `{"h":"11","id":1,"gmv":7}`)
	r.Write(s, connectortest.Epoch(1), first)
	want(t, m, "top:10 2=2", "top:10 3=3", "top:10 4=4", "top:11 1=7")
	r.Write(s, connectortest.Epoch(2), r.Rows(tab, `-D{"h":"10","id":3,"gmv":3}`, `+U{"h":"11","id":1,"gmv":8}`))
	want(t, m, "top:10 2=2", "top:10 4=4", "top:11 1=8")
	r.Write(s, connectortest.Epoch(1), first)
	want(t, m, "top:10 1=1.5", "top:10 2=2", "top:10 4=4", "top:11 1=8")
}

func TestServerDownDuringFlush(t *testing.T) {
	r, m := rig(t)
	tab := r.Table(product + `)`)
	s := r.Sink(tab, 0)
	r.Write(s, connectortest.Epoch(1), r.Rows(tab, `{"product_id":1,"name":"a","price":1}`))
	m.Close()
	up := make(chan error, 1)
	time.AfterFunc(400*time.Millisecond, func() { up <- m.Restart() })
	r.Write(s, connectortest.Epoch(2), r.Rows(tab, `{"product_id":2,"name":"b","price":2}`)) // also the script is forgotten
	if err := <-up; err != nil {
		t.Fatal(err)
	}
	want(t, m, "dim:product:1.name=a", "dim:product:1.price=1.00", "dim:product:2.name=b", "dim:product:2.price=2.00")
}

func TestLookupTypesAndCache(t *testing.T) {
	r, m := rig(t)
	tab := r.Table(`CREATE TABLE d (id INT, s STRING, b BOOLEAN, i TINYINT, l BIGINT, f FLOAT, d DOUBLE, n DECIMAL(20,4), dt DATE, tm TIME, ts TIMESTAMP(6), z TIMESTAMP_LTZ(3), PRIMARY KEY (id) NOT ENFORCED)
		WITH ('connector' = 'redis', 'key' = 'd:{id}', 'lookup.cache' = 'PARTIAL', 'lookup.partial-cache.max-rows' = '10', 'lookup.partial-cache.expire-after-write' = '1 h')`)
	row := `{"id":1,"s":"ü","b":true,"i":-5,"l":-9007199254740993,"f":0.1,"d":1e300,"n":"-1234567890123456.7891","dt":"2024-02-29","tm":"23:59:59","ts":"1969-12-31 23:59:59.999999","z":"2024-01-01 00:00:00.5Z"}`
	src := r.Rows(tab, row, `{"id":2,"s":""}`)
	r.Write(r.Sink(tab, 0), connectortest.Epoch(1), src)
	l := r.Lookup(tab, "id")
	keys := []string{`{"id":1}`, `{"id":2}`, `{"id":3}`}
	got := r.Ask(l, tab, []string{"id"}, keys...)
	if got[0] != src.RowString(0) || got[1] != src.RowString(1) || got[2] != "" {
		t.Fatalf("looked up %q, want %s", got, src)
	}
	m.FlushAll()
	m.HSet("d:3", "s", "new")
	if again := r.Ask(l, tab, []string{"id"}, keys...); !slices.Equal(again, got) {
		t.Errorf("not from the cache: %q", again)
	}
	m.HSet("d:4", "l", "12x")
	if _, _, err := l.Lookup(t.Context(), r.Rows(r.Table(`CREATE TABLE k (id INT) WITH ('connector' = 'redis', 'key' = '{id}', 'redis.type' = 'zset', 'member' = 'id', 'score' = 'id')`), `{"id":4}`)); err == nil || !strings.Contains(err.Error(), "field l of Redis key d:4 as BIGINT") {
		t.Errorf("a field that is no number: %v", err)
	}
}

func TestFaults(t *testing.T) {
	r, _ := rig(t)
	for _, c := range []struct{ ddl, want string }{
		{`CREATE TABLE t (a INT) WITH ('connector' = 'redis', 'key' = 'x')`, "'key' names no column"},
		{`CREATE TABLE t (a INT, b INT) WITH ('connector' = 'redis', 'key' = 'x:{c}')`, `names "c", which is no column`},
		{`CREATE TABLE t (a INT, b INT) WITH ('connector' = 'redis', 'key' = 'x:{a')`, `a '{' without '}'`},
		{`CREATE TABLE t (a INT, b INT) WITH ('connector' = 'redis')`, `option 'key' is required`},
		{`CREATE TABLE t (a INT, b INT) WITH ('connector' = 'redis', 'key' = '{a}', 'redis.typ' = 'hash')`, `redis.type`},
		{`CREATE TABLE t (a INT, b INT) WITH ('connector' = 'redis', 'key' = '{a}', 'score' = 'b')`, `for sorted sets`},
		{`CREATE TABLE t (a INT, b STRING) WITH ('connector' = 'redis', 'key' = 'x', 'redis.type' = 'zset', 'member' = 'a', 'score' = 'b')`, `is no number`},
		{`CREATE TABLE t (a INT, b ROW<c INT>) WITH ('connector' = 'redis', 'key' = '{a}')`, `cannot be a hash field`},
		{`CREATE TABLE t (a INT, b INT, PRIMARY KEY (b) NOT ENFORCED) WITH ('connector' = 'redis', 'key' = '{a}')`, `declare PRIMARY KEY (a) NOT ENFORCED`},
		{`CREATE TABLE t (a INT, b INT) WITH ('connector' = 'redis', 'key' = '{a}', 'lookup.partial-cache.max-rows' = '5')`, `'lookup.cache' = 'PARTIAL'`},
		{`CREATE TABLE t (a INT, b INT) WITH ('connector' = 'redis', 'key' = '{a}', 'address' = 'nowhere')`, `must be host:port`},
	} {
		if got := r.Faults(c.ddl); !strings.Contains(got, c.want) {
			t.Errorf("%s\n  says %s\n  want %s", c.ddl, got, c.want)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	r, _ := rig(b)
	tab := r.Table(product + `)`)
	rows := make([]string, batch.TargetRows)
	size := 0
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"product_id":%d,"name":"product %d","price":12.5}`, i, i)
		size += len(rows[i])
	}
	src := r.Rows(tab, rows...)
	s := r.Sink(tab, 0)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r.Write(s, connectortest.Epoch(int64(i)), src)
	}
}

// More rows than one call of the script writes, with every shape of row among them.
func TestManyRows(t *testing.T) {
	r, m := rig(t)
	tab := r.Table(product + `)`)
	s := r.Sink(tab, 0)
	var rows, gone []string
	for i := range 2500 {
		rows = append(rows, fmt.Sprintf(`{"product_id":%d,"name":"n%d","price":%d}`, i, i, i))
		if i%7 != 0 {
			gone = append(gone, fmt.Sprintf(`-D{"product_id":%d}`, i))
		} else {
			gone = append(gone, fmt.Sprintf(`+U{"product_id":%d,"name":null,"price":%d}`, i, 2*i))
		}
	}
	r.Write(s, connectortest.Epoch(1), r.Rows(tab, rows...))
	r.Write(s, connectortest.Epoch(2), r.Rows(tab, gone...))
	n := 0
	for i := range 2500 {
		key := fmt.Sprint("dim:product:", i)
		if i%7 != 0 {
			if m.Exists(key) {
				t.Fatalf("%s is there", key)
			}
			continue
		}
		if got := m.HGet(key, "price"); got != fmt.Sprintf("%d.00", 2*i) || m.HGet(key, "name") != "" {
			t.Fatalf("%s has price %q", key, got)
		}
		n++
	}
	if n != 358 {
		t.Fatalf("%d keys", n)
	}
}
