package native

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/proto"
)

const clientRevision = 54460

// encoded is a block as a client of the given revision sends it.
func encoded(t testing.TB, revision int, input []proto.InputColumn) []byte {
	t.Helper()
	var b proto.Buffer
	block := proto.Block{Columns: len(input), Info: proto.BlockInfo{BucketNum: -1}}
	if len(input) > 0 {
		block.Rows = input[0].Data.Rows()
	}
	if err := block.EncodeBlock(&b, revision, input); err != nil {
		t.Fatal(err)
	}
	return b.Buf
}

// blocks covers every layout.
func blocks(t testing.TB) map[string][]proto.InputColumn {
	ints := proto.ColInt64{1, -2, 3}
	str := new(proto.ColStr)
	null := new(proto.ColStr).Nullable()
	low := new(proto.ColStr).LowCardinality()
	arr := new(proto.ColStr).Array()
	deep := proto.NewArray[[]string](new(proto.ColStr).Array())
	m := proto.NewMap[string, uint64](new(proto.ColStr), new(proto.ColUInt64))
	lowArr := proto.NewArray[string](new(proto.ColStr).LowCardinality())
	big := new(proto.ColStr)
	for i, s := range []string{"", "a\n\nb", strings.Repeat("x", 300)} {
		str.Append(s)
		null.Append(proto.Nullable[string]{Set: i != 1, Value: s})
		low.Append(s)
		arr.Append([]string{s, "y"}[:i%3])
		deep.Append([][]string{{s}, {}, {"z", s}}[:i])
		m.Append(map[string]uint64{s: uint64(i)})
		lowArr.Append([]string{s, s})
		big.Append(strings.Repeat(s, 1000))
	}
	tuple := proto.ColTuple{new(proto.ColStr), new(proto.ColUInt8)}
	for range 3 {
		tuple[0].(*proto.ColStr).Append("t")
		*tuple[1].(*proto.ColUInt8) = append(*tuple[1].(*proto.ColUInt8), 7)
	}
	one := func(c proto.ColInput) []proto.InputColumn { return []proto.InputColumn{{Name: "c", Data: c}} }
	return map[string][]proto.InputColumn{
		"end":       nil,
		"no rows":   one(proto.ColInt64{}),
		"int":       one(ints),
		"string":    one(str),
		"long":      one(big),
		"nullable":  one(null),
		"low":       one(low),
		"array":     one(arr),
		"nested":    one(deep),
		"map":       one(m),
		"low array": one(lowArr),
		"tuple":     one(tuple),
		"many":      {{Name: "a b", Data: ints}, {Name: "s", Data: str}, {Name: "l", Data: low}, {Name: "i", Data: ints}},
	}
}

func prepare(t testing.TB, input []proto.InputColumn) {
	t.Helper()
	for _, c := range input {
		if p, ok := c.Data.(proto.Preparable); ok {
			if err := p.Prepare(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestTranslate(t *testing.T) {
	for name, input := range blocks(t) {
		t.Run(name, func(t *testing.T) {
			prepare(t, input)
			client, engine := encoded(t, clientRevision, input), encoded(t, 0, input)
			tr := NewTranslator()
			prefix := []byte("kept")
			b, got, err := tr.FromClient(bufio.NewReaderSize(bytes.NewReader(client), 64), clientRevision, prefix)
			if err != nil || string(got) != "kept"+string(engine) {
				t.Fatalf("from client: %v\n got %q\nwant %q", err, got, engine)
			}
			if len(b.Columns) != len(input) || b.Empty() != (input == nil) {
				t.Errorf("block is %+v", b)
			}
			_, rest, got, err := tr.ToClient(append(engine[:len(engine):len(engine)], "next"...), clientRevision, prefix)
			if err != nil || string(got) != "kept"+string(client) || string(rest) != "next" {
				t.Fatalf("to client: %v\n got %q\nwant %q\nrest %q", err, got, client, rest)
			}
			// Cut anywhere, a block is an error: never a shorter block.
			for i := range min(len(client), 400) {
				if _, _, err := tr.FromClient(bufio.NewReader(bytes.NewReader(client[:i])), clientRevision, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("client's block cut at %d: %v", i, err)
				}
			}
			for i := range min(len(engine), 400) {
				if _, _, _, err := tr.ToClient(engine[:i], clientRevision, nil); !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("engine's block cut at %d: %v", i, err)
				}
			}
		})
	}
}

func TestRefusesCustomSerialization(t *testing.T) {
	data := encoded(t, clientRevision, []proto.InputColumn{{Name: "c", Data: proto.ColInt64{1}}})
	i := bytes.Index(data, []byte("Int64")) + len("Int64")
	data[i] = 1
	_, _, err := NewTranslator().FromClient(bufio.NewReader(bytes.NewReader(data)), clientRevision, nil)
	if err == nil || !strings.Contains(err.Error(), "column c: custom serialization") {
		t.Errorf("got %v", err)
	}
}

func TestAppendHeader(t *testing.T) {
	columns := []Column{{"a b", "Array(String)"}, {"n", "UInt8"}}
	for _, revision := range []int{0, 54453, clientRevision} {
		b, rest, err := NewTranslator().FromClient(bufio.NewReader(bytes.NewReader(AppendHeader(nil, columns, revision))), revision, nil)
		if err != nil || len(b.Columns) != 2 || b.Columns[0] != columns[0] || b.Rows != 0 || len(rest) == 0 {
			t.Errorf("revision %d: %+v %v", revision, b, err)
		}
	}
}

func TestParseType(t *testing.T) {
	for name, ok := range map[string]bool{
		"UInt8": true, "DateTime64(3, 'Europe/Paris')": true, "Enum8('a,(' = 1, 'it\\'s' = 2)": true,
		"Tuple(a UInt8, `b c` Array(Nullable(Decimal(38, 4))))": true, "Map(LowCardinality(String), Tuple(UInt8, String))": true,
		"Nested(a UInt8, b String)": true, "MultiPolygon": true, "IntervalDay": true, "SimpleAggregateFunction(sum, UInt64)": true,
		"AggregateFunction(uniq, UInt64)": false, "Variant(String, UInt8)": false, "Dynamic": false, "": false, "FixedString(x)": false,
		"FixedString(-1)": false, "Decimal(99)": false, "Array": false, "SimpleAggregateFunction(sum)": false,
		strings.Repeat("Array(", 100) + "UInt8" + strings.Repeat(")", 100): false,
	} {
		if _, err := ParseType(name); (err == nil) != ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzFromClient: whatever arrives, no panic and no memory beyond what was sent; what is accepted translates
// back to itself.
func FuzzFromClient(f *testing.F) {
	for _, input := range blocks(f) {
		prepare(f, input)
		f.Add(encoded(f, clientRevision, input))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tr := NewTranslator()
		_, out, err := tr.FromClient(bufio.NewReader(bytes.NewReader(data)), clientRevision, nil)
		if cap(out) > 4*len(data)+4*step {
			t.Fatalf("%d bytes of memory for %d bytes of data", cap(out), len(data))
		}
		if err != nil {
			return
		}
		_, rest, client, err := tr.ToClient(out, clientRevision, nil)
		if err != nil || len(rest) > 0 {
			t.Fatalf("accepted, but not translated back: %v, %d bytes left", err, len(rest))
		}
		_, again, err := tr.FromClient(bufio.NewReader(bytes.NewReader(client)), clientRevision, nil)
		if err != nil || !bytes.Equal(again, out) {
			t.Fatalf("not the same after a round trip: %v", err)
		}
	})
}

func BenchmarkFromClient(b *testing.B) {
	str := new(proto.ColStr)
	var ints proto.ColInt64
	for i := range 100_000 {
		str.Append("value-" + strings.Repeat("x", i%10))
		ints = append(ints, int64(i))
	}
	data := encoded(b, clientRevision, []proto.InputColumn{{Name: "s", Data: str}, {Name: "i", Data: ints}})
	tr := NewTranslator()
	r := bufio.NewReaderSize(nil, 1<<20)
	var out []byte
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		r.Reset(bytes.NewReader(data))
		var err error
		if _, out, err = tr.FromClient(r, clientRevision, out[:0]); err != nil {
			b.Fatal(err)
		}
	}
}
