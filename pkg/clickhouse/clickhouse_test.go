package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Behaviour against a server is in testkit/storetest, which the embedded and the real ClickHouse run.

func TestParseType(t *testing.T) {
	for _, c := range []struct{ a, b string }{
		{"Map(String,Array(Nullable(Int8)))", "Map(String, Array(Nullable(Int8)))"},
		{"Tuple(`a` UInt8, `b c` Decimal(9,2))", "Tuple(a UInt8, `b c` Decimal(9, 2))"},
		{"SimpleAggregateFunction(sum, UInt64)", "UInt64"},
		{"Enum8('a,b(' = 1, 'c' = 2)", "Enum8('a,b(' = 1, 'c' = 2)"},
	} {
		a, err := parseType(c.a)
		b, err2 := parseType(c.b)
		if err != nil || err2 != nil || !a.equal(b) {
			t.Errorf("%s and %s: %+v %+v %v %v", c.a, c.b, a, b, err, err2)
		}
	}
	a, _ := parseType("Array(Int8)")
	b, _ := parseType("Array(Int16)")
	if a.equal(b) {
		t.Error("different types are equal")
	}
	for _, bad := range []string{"Array(Int8", "Map(String)", "Nullable()", strings.Repeat("Array(", 99) + "Int8" + strings.Repeat(")", 99)} {
		if _, err := parseType(bad); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
	for _, unknown := range []string{"AggregateFunction(uniq, UInt64)", "IPv4", "Decimal(76, 2)", "DateTime64(x)", "Enum8(a)", "FixedString(x)"} {
		typ, err := parseType(unknown)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newEncoder(typ); err == nil {
			t.Errorf("%s has an encoder", unknown)
		}
	}
}

// TestEncodeAgainstDriver compares our bytes with ch-go's own columns.
func TestEncodeAgainstDriver(t *testing.T) {
	words := []string{"", "a", strings.Repeat("long", 100), "a"}
	str := new(proto.ColStr)
	null := new(proto.ColStr).Nullable()
	list := new(proto.ColStr).Array()
	low := new(proto.ColStr).LowCardinality()
	lowList := proto.NewArray[string](new(proto.ColStr).LowCardinality())
	sb := array.NewStringBuilder(memory.DefaultAllocator)
	lb := array.NewListBuilder(memory.DefaultAllocator, arrow.BinaryTypes.String)
	for i, w := range words {
		str.Append(w)
		null.Append(proto.Nullable[string]{Set: true, Value: w})
		list.Append(words[:i])
		low.Append(w)
		lowList.Append(words[:i])
		sb.Append(w)
		lb.Append(true)
		for _, e := range words[:i] {
			lb.ValueBuilder().(*array.StringBuilder).Append(e)
		}
	}
	strs, lists := sb.NewArray(), lb.NewArray()
	for _, c := range []struct {
		typ string
		a   arrow.Array
		col proto.ColInput
	}{
		{"String", strs, str}, {"Nullable(String)", strs, null}, {"Array(String)", lists, list},
		{"LowCardinality(String)", strs, low}, {"Array(LowCardinality(String))", lists, lowList},
	} {
		if p, ok := c.col.(proto.Preparable); ok {
			if err := p.Prepare(); err != nil {
				t.Fatal(err)
			}
		}
		var want proto.Buffer
		if s, ok := c.col.(proto.StateEncoder); ok {
			s.EncodeState(&want)
		}
		c.col.EncodeColumn(&want)
		typ, err := parseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		e, err := newEncoder(typ)
		if err != nil {
			t.Fatal(err)
		}
		got, err := strict(e, typ).rows(e.state(nil), c.a)
		if err != nil || !bytes.Equal(got, want.Buf) {
			t.Errorf("%s: %v\n got %x\nwant %x", c.typ, err, got, want.Buf)
		}
	}
}

// TestListUnderNull: elements that lie under a null row belong to nobody.
func TestListUnderNull(t *testing.T) {
	values := array.NewInt8Builder(memory.DefaultAllocator)
	values.AppendValues([]int8{1, 2, 3, 4}, nil)
	v := values.NewArray()
	offsets := memory.NewBufferBytes(arrow.Int32Traits.CastToBytes([]int32{0, 1, 3, 4}))
	nulls := memory.NewBufferBytes([]byte{0b101})
	a := array.NewListData(array.NewData(arrow.ListOf(arrow.PrimitiveTypes.Int8), 3, []*memory.Buffer{nulls, offsets}, []arrow.ArrayData{v.Data()}, 1, 0))
	got, err := listEncoder{numberEncoder("Int8")}.rows(nil, a)
	want := []byte{1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 4}
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\n got %v\nwant %v", err, got, want)
	}
}

func TestManyKeys(t *testing.T) {
	for _, n := range []int{256, 257, 65536, 65537} {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		col := new(proto.ColStr).LowCardinality()
		for i := range n {
			b.Append(fmt.Sprint(i))
			col.Append(fmt.Sprint(i))
		}
		if err := col.Prepare(); err != nil {
			t.Fatal(err)
		}
		typ, _ := parseType("String")
		e, err := newDictionaryEncoder(typ)
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.rows(nil, b.NewArray())
		if err != nil {
			t.Fatal(err)
		}
		back := new(proto.ColStr).LowCardinality()
		if err := back.DecodeColumn(proto.NewReader(bytes.NewReader(got)), n); err != nil {
			t.Fatalf("%d keys: %v", n, err)
		}
		for i := range n {
			if back.Row(i) != fmt.Sprint(i) {
				t.Fatalf("%d keys: row %d is %q", n, i, back.Row(i))
			}
		}
	}
}

func TestConfig(t *testing.T) {
	_, err := Open(context.Background(), Config{Addr: "nowhere", Compression: "rar"})
	if fault.KindOf(err) != fault.Config || !strings.Contains(err.Error(), "host:port") || !strings.Contains(err.Error(), "none, lz4 or zstd") {
		t.Errorf("all mistakes at once: %v", err)
	}
	for addr, want := range map[string]string{"127.0.0.1:9000": "none", "localhost:9000": "none", "ch.example:9000": "lz4"} {
		c := Config{Addr: addr}
		if err := c.fill(); err != nil || c.Compression != want {
			t.Errorf("%s: compression %q, %v", addr, c.Compression, err)
		}
	}
}

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind fault.Kind
	}{
		{&chgo.Exception{Code: 60}, fault.Permanent},
		{&ch.Exception{Code: 241}, fault.Transient},
		{fmt.Errorf("x: %w", &chgo.Exception{Code: 210}), fault.Unavailable},
		{&ch.Exception{Code: 349}, fault.Data},
		{&ch.Exception{Code: 516}, fault.Config},
		{io.EOF, fault.Unavailable},
		{fmt.Errorf("x: %w", syscall.ECONNREFUSED), fault.Unavailable},
		{context.Canceled, fault.Canceled},
		{errors.New("?"), fault.Permanent},
		{fault.New(fault.Fenced, "kept"), fault.Fenced},
	} {
		if got := fault.KindOf(wrap(c.err, "do")); got != c.kind {
			t.Errorf("%v: %v, want %v", c.err, got, c.kind)
		}
	}
}

func TestOpenRefused(t *testing.T) {
	_, err := Open(context.Background(), Config{Addr: "127.0.0.1:1"})
	if fault.KindOf(err) != fault.Unavailable {
		t.Errorf("kind %v: %v", fault.KindOf(err), err)
	}
}

func TestTableSQL(t *testing.T) {
	for _, c := range []struct {
		t    Table
		want string
	}{
		{Table{Name: "db.t", Columns: []Column{{"a`b", "Int8"}}}, "CREATE TABLE IF NOT EXISTS `db`.`t` (`a\\`b` Int8) ENGINE = MergeTree ORDER BY () SETTINGS non_replicated_deduplication_window=1000"},
		{Table{Name: "t", Columns: []Column{{"a", "Int8"}, {"d", "Date"}}, Engine: "ReplicatedMergeTree", OrderBy: []string{"a", "d"}, PartitionBy: "d", TTL: "d + INTERVAL 1 DAY", Settings: []string{"x=1"}},
			"CREATE TABLE IF NOT EXISTS `t` (`a` Int8, `d` Date) ENGINE = ReplicatedMergeTree PARTITION BY d ORDER BY (a, d) TTL d + INTERVAL 1 DAY SETTINGS x=1"},
		{Table{Name: "t", Columns: []Column{{"a", "Int8"}}, DedupWindow: -1}, "CREATE TABLE IF NOT EXISTS `t` (`a` Int8) ENGINE = MergeTree ORDER BY ()"},
		{Table{Name: "t", Columns: []Column{{"a", "Int8"}}, Engine: "Null", OrderBy: []string{"a"}}, "CREATE TABLE IF NOT EXISTS `t` (`a` Int8) ENGINE = Null"},
	} {
		if got := c.t.SQL(); got != c.want {
			t.Errorf("\n got %s\nwant %s", got, c.want)
		}
	}
}

func TestTypeOf(t *testing.T) {
	for _, c := range []struct {
		t        arrow.DataType
		nullable bool
		want     string
	}{
		{arrow.PrimitiveTypes.Int64, true, "Nullable(Int64)"},
		{&arrow.TimestampType{Unit: arrow.Microsecond}, false, "DateTime64(6, 'UTC')"},
		{arrow.ListOf(arrow.BinaryTypes.String), true, "Array(Nullable(String))"},
		{arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int8), false, "Map(String, Nullable(Int8))"},
		{&arrow.FixedSizeBinaryType{ByteWidth: 4}, false, "FixedString(4)"},
	} {
		if got, err := TypeOf(c.t, c.nullable); err != nil || got != c.want {
			t.Errorf("%s: %q %v, want %q", c.t, got, err, c.want)
		}
	}
	if _, err := TypeOf(arrow.ListOf(arrow.FixedWidthTypes.MonthInterval), false); err == nil {
		t.Error("a type without a column type was accepted")
	}
}

// FuzzParseType: types come from the server; none may panic.
func FuzzParseType(f *testing.F) {
	for _, s := range []string{"Enum8('a\\'' = 1)", "Tuple(`a b` Array(Int8))", "Decimal(9, 2)", "Map(String, LowCardinality(Nullable(String)))", "Nullable("} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if typ, err := parseType(s); err == nil {
			_, _ = newEncoder(typ)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	ints := array.NewInt64Builder(memory.DefaultAllocator)
	strs := array.NewStringBuilder(memory.DefaultAllocator)
	const n = 100_000
	for i := range n {
		ints.Append(int64(i))
		if i%10 == 0 {
			strs.AppendNull()
		} else {
			strs.Append(fmt.Sprintf("value-%d", i%1000))
		}
	}
	i, s := ints.NewArray(), strs.NewArray()
	for _, c := range []struct {
		typ string
		a   arrow.Array
	}{{"Int64", i}, {"Nullable(Int64)", i}, {"UInt32", i}, {"Nullable(String)", s}, {"LowCardinality(Nullable(String))", s}} {
		b.Run(c.typ, func(b *testing.B) {
			typ, err := parseType(c.typ)
			if err != nil {
				b.Fatal(err)
			}
			e, err := newEncoder(typ)
			if err != nil {
				b.Fatal(err)
			}
			var out []byte
			b.ReportAllocs()
			for b.Loop() {
				if out, err = e.rows(out[:0], c.a); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(out)))
		})
	}
}
