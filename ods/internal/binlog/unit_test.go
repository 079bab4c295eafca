package binlog

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/canal"
	sqltypes "github.com/freshet-dw/freshet/pkg/sql/types"
)

func orders() *table {
	var c Config
	if err := config.Load(&c, config.Sources{}); err != nil {
		panic(err)
	}
	t := &table{database: "shop", name: "orders", pk: []int{0}, columns: []column{
		{name: "order_id", kind: kindInt, bits: 64, typ: "bigint(20)", sqlType: -5}, {name: "amount", kind: kindDecimal, typ: "decimal(12,2)", sqlType: 3},
		{name: "note", kind: kindText, typ: "varchar(16)", sqlType: 12}, {name: "bytes", kind: kindBinary, typ: "blob", sqlType: 2004}}}
	t.prepare(&c)
	return t
}

// change makes the records of a change of the orders table.
func change(tb testing.TB, t *table, before, after []any) []*kgo.Record {
	tb.Helper()
	read := func(v []any) *row {
		if v == nil {
			return nil
		}
		r := &row{}
		if err := r.logged(t, v); err != nil {
			tb.Fatal(err)
		}
		return r
	}
	var out []*kgo.Record
	if err := t.changes(read(before), read(after), origin{es: 1000, ts: 1001, id: 1, gtid: "0-1-2"}, func(_ string, r *kgo.Record) error {
		out = append(out, r)
		return nil
	}); err != nil {
		tb.Fatal(err)
	}
	return out
}

// TestRecords compares records with their text, and decodes them as the detail layer does.
func TestRecords(t *testing.T) {
	tab := orders()
	a, b := []any{int64(1), "10.50", "a\"\n", []byte{0, 255}}, []any{int64(1), "11.00", nil, []byte{0, 255}}
	up := change(t, tab, a, b)
	want := `{"data":[{"order_id":"1","amount":"11.00","note":null,"bytes":"AP8="}],"old":[{"amount":"10.50","note":"a\"\n"}],"type":"UPDATE","database":"shop","table":"orders","pkNames":["order_id"],` +
		`"mysqlType":{"order_id":"bigint(20)","amount":"decimal(12,2)","note":"varchar(16)","bytes":"blob"},"sqlType":{"order_id":-5,"amount":3,"note":12,"bytes":2004},"isDdl":false,"es":1000,"ts":1001,"id":1,"gtid":"0-1-2"}`
	if len(up) != 1 || string(up[0].Value) != want || string(up[0].Key) != `{"order_id":1}` || up[0].Topic != "ods_shop_orders" {
		t.Errorf("%s %s\n%s\nwant\n%s", up[0].Topic, up[0].Key, up[0].Value, want)
	}
	moved := change(t, tab, b, []any{int64(2), "11.00", nil, nil})
	if len(moved) != 2 || string(moved[0].Key) != `{"order_id":1}` || !strings.Contains(string(moved[0].Value), typeDelete) || string(moved[1].Key) != `{"order_id":2}` {
		t.Errorf("change of the key: %v", moved)
	}
	fields := []format.Field{{Name: "order_id", Type: sqltypes.Of(sqltypes.BigInt)}, {Name: "amount", Type: sqltypes.DecimalOf(12, 2)}, {Name: "note", Type: sqltypes.String()}, {Name: "bytes", Type: sqltypes.Bytes()}}
	opts, err := canal.ParseOptions(nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := canal.NewDecoder(fields, nil, opts)
	if err != nil {
		t.Fatal(err)
	}
	var msgs []format.Message
	for _, r := range slices.Concat(change(t, tab, nil, a), up, moved) {
		msgs = append(msgs, format.Message{Value: r.Value})
	}
	var kinds []sqltypes.Type
	for _, f := range fields {
		kinds = append(kinds, f.Type)
	}
	out := batch.NewBuilder(batch.ArrowTypes(kinds)...)
	d.Decode(msgs, out, func(i int, err error) { t.Errorf("record %d: %v", i, err) })
	got := out.Build().String()
	for _, kind := range []string{"+I[1, 10.50,", "-U[1, 10.50,", "+U[1, 11.00, NULL", "-D[1, 11.00, NULL", "+I[2, 11.00, NULL, NULL]"} {
		if !strings.Contains(got, kind) {
			t.Errorf("no %s in\n%s", kind, got)
		}
	}
}

func TestEnumValues(t *testing.T) {
	for typ, want := range map[string]string{"enum('a','b''c','','d,e')": "a|b'c||d,e", "set('x')": "x", "int": "", "enum('a": ""} {
		if got := strings.Join(enumValues(typ), "|"); got != want {
			t.Errorf("%s: %q", typ, got)
		}
	}
}

func TestFloats(t *testing.T) {
	for f, want := range map[float64]string{0.1: "0.1", 1e6: "1000000", -1e-7: "-1e-07", math.MaxFloat64: "1.7976931348623157e+308", 0: "0"} {
		if got := string(appendFloat(nil, f, 64)); got != want {
			t.Errorf("%v: %s", f, got)
		}
	}
	if got := string(appendFloat(nil, float64(float32(0.1)), 32)); got != "0.1" {
		t.Error(got)
	}
}

func TestState(t *testing.T) {
	st, err := readState(nil, "mariadb")
	if err != nil || len(st.Tables) != 0 {
		t.Fatal(st, err)
	}
	st.At, st.Rows, st.Partial = position{"b.000009", 4, "0-1-5"}, 7, "0-1-6"
	st.Tables["a.b"] = &position{GTID: "0-1-9"}
	again, err := readState(st.encode(), "mariadb")
	if err != nil || again.Rows != 7 || again.At != st.At || *again.Tables["a.b"] != *st.Tables["a.b"] {
		t.Error(again, err)
	}
	if _, err := readState(st.encode(), "mysql"); fault.KindOf(err) != fault.Config || fault.RemedyOf(err) == "" {
		t.Error(err)
	}
	if !st.At.covers("b.000009", 4) || st.At.covers("b.000009", 5) || !st.At.covers("b.000008", 900) || st.At.covers("b.000010", 1) {
		t.Error("order of positions")
	}
	g, err := parseGTIDs("mariadb", "0-1-5,1-1-3")
	if err != nil || !g.contains("0-2-5") || g.contains("0-1-6") || g.contains("2-1-1") {
		t.Error(g, err)
	}
	if err := g.add("0-2-6"); err != nil || g.String() != "0-2-6,1-1-3" {
		t.Error(g, err)
	}
	m, err := parseGTIDs("mysql", "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5")
	if err != nil || !m.contains("3e11fa47-71ca-11e1-9e33-c80aa9429562:5") || m.contains("3e11fa47-71ca-11e1-9e33-c80aa9429562:6") {
		t.Error(m, err)
	}
	if err := m.add("3e11fa47-71ca-11e1-9e33-c80aa9429562:6"); err != nil || m.String() != "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-6" {
		t.Error(m, err)
	}
}

func TestConfig(t *testing.T) {
	for text, key := range map[string]string{"name: a/b": "name", "databases: ['[']": "databases", "include: [orders]": "include", "partitions: -1": "partitions", "interval: -1s": "interval",
		"heartbeat: 1ms": "heartbeat", "max_record: 1KiB": "max_record"} {
		var c Config
		err := config.Load(&c, config.Sources{Text: []byte(text), File: "f.yaml"})
		if fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", text, err)
		}
	}
	c := Config{Databases: []string{"shop*"}, Exclude: []string{"*._*"}, Prefix: "ods_"}
	if !c.wanted("shop2", "t") || c.wanted("dm", "t") || c.wanted("shop", "_t_gho") {
		t.Error("patterns")
	}
	if got := c.topic("shop", "größe t"); got != "ods_shop_gr__e_t" {
		t.Error(got)
	}
}

func BenchmarkRecord(b *testing.B) {
	t := orders()
	var x, y row
	if err := x.logged(t, []any{int64(1), "10.50", "a", []byte("bytes")}); err != nil {
		b.Fatal(err)
	}
	if err := y.logged(t, []any{int64(1), "11.50", "b", []byte("bytes")}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(t.record(typeUpdate, &y, &x, origin{}).Value)))
	b.ReportAllocs()
	for b.Loop() {
		t.record(typeUpdate, &y, &x, origin{es: 1717230000000, ts: 1717230000000, gtid: "0-1-123456"})
	}
}
