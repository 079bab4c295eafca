package hbase

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/connector/connectortest"
	"github.com/freshet-dw/freshet/pkg/connector/internal/cell"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// The bytes are those of org.apache.hadoop.hbase.util.Bytes.toBytes of the same value.
func TestEncoding(t *testing.T) {
	for _, c := range []struct {
		typ        types.Type
		text, want string
	}{
		{types.String(), "aü", "61c3bc"},
		{types.String(), "", ""},
		{types.Bytes(), "\x00\x01", "0001"},
		{types.Of(types.Boolean), "true", "ff"},
		{types.Of(types.Boolean), "false", "00"},
		{types.Of(types.TinyInt), "-2", "fe"},
		{types.Of(types.SmallInt), "258", "0102"},
		{types.Of(types.Int), "-2", "fffffffe"},
		{types.Of(types.BigInt), "258", "0000000000000102"},
		{types.Of(types.Float), "1.5", "3fc00000"},
		{types.Of(types.Double), "-2.5", "c004000000000000"},
		{types.Of(types.Date), "1970-01-03", "00000002"},
		{types.Of(types.Date), "1969-12-31", "ffffffff"},
		{types.Of(types.Time), "00:00:01", "000003e8"},
		{types.TimestampOf(3), "1970-01-01 00:00:01.5", "00000000000005dc"},
		{types.TimestampOf(3), "1969-12-31 23:59:59.999", "ffffffffffffffff"},
		{types.DecimalOf(10, 2), "1.28", "000000020080"}, // 128 needs a sign bit of its own
		{types.DecimalOf(10, 2), "1.27", "000000027f"},
		{types.DecimalOf(10, 2), "-1.28", "0000000280"},
		{types.DecimalOf(10, 2), "-1.29", "00000002ff7f"},
		{types.DecimalOf(10, 2), "0", "0000000200"},
		{types.DecimalOf(38, 0), "99999999999999999999999999999999999999", "000000004b3b4ca85a86c47a098a223fffffffff"},
	} {
		b := array.NewBuilder(memory.DefaultAllocator, batch.ArrowType(c.typ))
		if err := cell.Parse(b, c.text); err != nil {
			t.Fatal(c.typ, err)
		}
		a := b.NewArray()
		enc := appendValue(nil, a, 0)
		if got := hex.EncodeToString(enc); got != c.want {
			t.Errorf("%s %s is %s, want %s", c.typ, c.text, got, c.want)
		}
		if err := decodeValue(b, enc); err != nil {
			t.Errorf("%s %s: %v", c.typ, c.text, err)
			continue
		}
		if back := b.NewArray(); batch.ValueString(back, 0) != batch.ValueString(a, 0) {
			t.Errorf("%s %s comes back as %s", c.typ, c.text, batch.ValueString(back, 0))
		}
	}
}

func TestDecimalsOfOtherScales(t *testing.T) {
	dt := &arrow.Decimal128Type{Precision: 5, Scale: 2}
	for _, c := range []struct {
		unscaled int64
		scale    int32
		want     string
	}{{15, 1, "1.50"}, {1005, 3, "1.01"}, {-1005, 3, "-1.01"}, {1004, 3, "1.00"}, {1, -2, "100.00"}, {1, -3, "error"}, {99999, 3, "100.00"}, {1, 101, "error"}} {
		data := appendDecimal(nil, decimal128.FromI64(c.unscaled))
		v, err := decodeDecimal(data, c.scale, dt)
		got := "error"
		if err == nil {
			b := array.NewDecimal128Builder(memory.DefaultAllocator, dt)
			b.Append(v)
			got = batch.ValueString(b.NewArray(), 0)
		}
		if got != c.want {
			t.Errorf("%de-%d is %s (%v), want %s", c.unscaled, c.scale, got, err, c.want)
		}
	}
}

// Any bytes may stand in a cell: they are read or refused.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(0), []byte("x"))
	f.Add(uint8(8), []byte{0, 0, 0, 2, 0x80})
	f.Add(uint8(8), []byte{0x80, 0, 0, 0, 1})
	all := []types.Type{types.String(), types.Bytes(), types.Of(types.Boolean), types.Of(types.TinyInt), types.Of(types.SmallInt), types.Of(types.Int), types.Of(types.BigInt),
		types.Of(types.Double), types.DecimalOf(20, 4), types.Of(types.Date), types.Of(types.Time), types.TimestampOf(3)}
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		b := array.NewBuilder(memory.DefaultAllocator, batch.ArrowType(all[int(kind)%len(all)]))
		if err := decodeValue(b, data); err == nil && b.Len() != 1 || err != nil && b.Len() != 0 {
			t.Fatalf("%d values and error %v", b.Len(), err)
		}
	})
}

func rig(t testing.TB) *connectortest.Rig {
	return connectortest.New(t, &Connector{Client: hbase.Config{ZooKeeper: "127.0.0.1:1"}})
}

func TestFaults(t *testing.T) {
	r := rig(t)
	for _, c := range []struct{ ddl, want string }{
		{`CREATE TABLE t (k STRING, f ROW<a INT>) WITH ('connector' = 'hbase-2.2')`, "option 'table-name' is required"},
		{`CREATE TABLE t (k STRING, v INT) WITH ('connector' = 'hbase-2.2', 'table-name' = 't')`, "f ROW<v INT>"},
		{`CREATE TABLE t (f ROW<a INT>) WITH ('connector' = 'hbase-2.2', 'table-name' = 't')`, "there is no row key"},
		{`CREATE TABLE t (k STRING) WITH ('connector' = 'hbase-2.2', 'table-name' = 't')`, "there is no column family"},
		{`CREATE TABLE t (k STRING, f ROW<a TIMESTAMP(6)>) WITH ('connector' = 'hbase-2.2', 'table-name' = 't')`, "declare TIMESTAMP(3)"},
		{`CREATE TABLE t (k STRING, f ROW<a ARRAY<INT>>) WITH ('connector' = 'hbase-2.2', 'table-name' = 't')`, "column f.a: type ARRAY<INT> cannot be kept in a cell"},
		{`CREATE TABLE t (k STRING, f ROW<a INT>) WITH ('connector' = 'hbase-2.2', 'table-name' = 't', 'zookeeper.quorum' = 'zk1,zk2:2181')`, `ZooKeeper address "zk1" has no port`},
		{`CREATE TABLE t (k STRING, f ROW<a INT>) WITH ('connector' = 'hbase-2.2', 'table-nam' = 't')`, "table-name"},
		{`CREATE TABLE t (k STRING, f ROW<a INT>) WITH ('connector' = 'hbase-2.2', 'table-name' = 't', 'lookup.cache' = 'FULL')`, "must be one of NONE, PARTIAL"},
	} {
		if got := r.Faults(c.ddl); !strings.Contains(got, c.want) {
			t.Errorf("%s\n  says %s\n  want %s", c.ddl, got, c.want)
		}
	}
}

func BenchmarkMutations(b *testing.B) {
	r := rig(b)
	tab := r.Table(`CREATE TABLE u (user_id STRING, f ROW<name STRING, n BIGINT, d DECIMAL(10,2)>, PRIMARY KEY (user_id) NOT ENFORCED) WITH ('connector' = 'hbase-2.2', 'table-name' = 'u')`)
	rows := make([]string, batch.TargetRows)
	size := 0
	for i := range rows {
		rows[i] = fmt.Sprintf(`{"user_id":"%d","f":{"name":"user %d","n":%d,"d":"1.25"}}`, i, i, i)
		size += len(rows[i])
	}
	src := r.Rows(tab, rows...)
	families := []family{{"f", 1, tab.Columns[1].Type.Fields}}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if m, empty := (encoder{null: []byte("null")}).mutations(src, 0, families, 1); len(m) != src.N || empty != 0 {
			b.Fatal(len(m), empty)
		}
	}
}
