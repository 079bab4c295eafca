package parquet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/parquet/file"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/format/json"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func everyType() []format.Field {
	row := types.RowOf(types.Field{Name: "x", Type: types.Of(types.Int)}, types.Field{Name: "at", Type: types.TimestampOf(6)})
	return formattest.Fields("bool", types.Of(types.Boolean), "tiny", types.Of(types.TinyInt), "small", types.Of(types.SmallInt), "int", types.Of(types.Int),
		"big", types.Of(types.BigInt), "float", types.Of(types.Float), "double", types.Of(types.Double), "dec", types.DecimalOf(10, 2), "wide", types.DecimalOf(38, 6),
		"str", types.String(), "bin", types.Bytes(), "date", types.Of(types.Date), "time", types.Of(types.Time), "ts", types.TimestampOf(3), "ltz", types.TimestampLTZOf(6),
		"list", types.ArrayOf(types.String()), "map", types.MapOf(types.String(), types.Of(types.Int)), "row", row, "rows", types.ArrayOf(row))
}

// rows makes n rows of every type; every fourth is NULL in all columns.
func rows(t testing.TB, n int) *batch.Batch {
	t.Helper()
	d, err := json.NewDecoder(everyType(), json.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var in []string
	for i := range n {
		if i%4 == 3 {
			in = append(in, "{}")
			continue
		}
		list, m, sub := "[]", "{}", "[]"
		if i%4 > 0 {
			list, m = fmt.Sprintf(`["a%d",null,"c"]`, i), fmt.Sprintf(`{"k":%d,"l":null}`, i)
			sub = fmt.Sprintf(`[{"x":%d},null,{"at":"2024-01-31 12:30:00.%06d"}]`, i, i)
		}
		in = append(in, fmt.Sprintf(`{"bool":%v,"tiny":%d,"small":%d,"int":%d,"big":%d,"float":%d.5,"double":-%d.25,"dec":"%d.99","wide":"-12345678901234567890.%06d","str":"s%d","bin":"aGVsbG8=","date":"2024-01-%02d","time":"12:30:%02d","ts":"2024-01-31 12:30:00.%03d","ltz":"1969-12-31 23:59:59.%06dZ","list":%s,"map":%s,"row":{"x":%d,"at":"2024-01-31 00:00:00"},"rows":%s}`,
			i%2 == 0, i%100, i, i*1000, i*1e9, i, i, i, i%1e6, i%50, i%28+1, i%60, i%1000, i%1e6, list, m, i, sub))
	}
	b, bad := formattest.Batch(t, d, everyType(), in...)
	if len(bad) > 0 {
		t.Fatal(bad[0])
	}
	return b
}

func write(t testing.TB, fields []format.Field, opts Options, bs ...*batch.Batch) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, fields, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range bs {
		if err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(t testing.TB, data []byte, fields []format.Field) (string, error) {
	t.Helper()
	r, err := NewReader(context.Background(), bytes.NewReader(data), fields)
	if err != nil {
		return "", err
	}
	defer r.Close()
	var s strings.Builder
	var all []*batch.Batch // read everything first: later reads must not change earlier batches
	for {
		b, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", err
		}
		for i, c := range b.Cols {
			if want := batch.ArrowType(fields[i].Type); !arrow.TypeEqual(c.DataType(), want) {
				t.Errorf("%s is read as %s, not %s", fields[i].Name, c.DataType(), want)
			}
		}
		all = append(all, b)
	}
	for _, b := range all {
		s.WriteString(b.String())
	}
	return s.String(), nil
}

func TestRoundTrip(t *testing.T) {
	b := rows(t, 5000)
	for _, in := range []format.Options{nil, {"compression": "zstd"}, {"compression": "GZIP"}, {"compression": "none", "enable.dictionary": "false"}, {"block.size": "1000000"}} {
		opts, err := ParseOptions(in)
		if err != nil {
			t.Fatal(err)
		}
		data := write(t, everyType(), opts, b, b)
		got, err := read(t, data, everyType())
		if want := b.String() + b.String(); err != nil || got != want {
			t.Errorf("%v: the rows read differ: %v\n%.500s\nwant\n%.500s", in, err, got, want)
		}
		f, err := file.NewParquetReader(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if n := f.NumRowGroups(); in["block.size"] != "" && n < 2 || in["block.size"] == "" && n != 1 {
			t.Errorf("%v: %d row groups", in, n)
		}
	}
}

// TestSlices writes parts of arrays, as operators may give them.
func TestSlices(t *testing.T) {
	b := rows(t, 100)
	part := &batch.Batch{N: 37, Cols: make([]arrow.Array, len(b.Cols))}
	for i, c := range b.Cols {
		part.Cols[i] = array.NewSlice(c, 13, 50)
	}
	got, err := read(t, write(t, everyType(), DefaultOptions(), part), everyType())
	if want := strings.Join(strings.SplitAfter(b.String(), "\n")[13:50], ""); err != nil || got != want {
		t.Errorf("%v\n%.300s\nwant\n%.300s", err, got, want)
	}
}

func TestProjection(t *testing.T) {
	b := rows(t, 3)
	data := write(t, everyType(), DefaultOptions(), b)
	row := types.RowOf(types.Field{Name: "new", Type: types.String()}, types.Field{Name: "x", Type: types.Of(types.BigInt)})
	for _, c := range []struct {
		fields []format.Field
		want   string
	}{
		{formattest.Fields("str", types.String(), "int", types.Of(types.Int)), "+I[s0, 0]\n+I[s1, 1000]\n+I[s2, 2000]\n"},
		{formattest.Fields("int", types.Of(types.BigInt), "none", types.String(), "row", row), "+I[0, NULL, +I[NULL, 0]]\n+I[1000, NULL, +I[NULL, 1]]\n+I[2000, NULL, +I[NULL, 2]]\n"},
		{formattest.Fields("none", types.String()), "+I[NULL]\n+I[NULL]\n+I[NULL]\n"},
		{nil, "+I[]\n+I[]\n+I[]\n"},
	} {
		if got, err := read(t, data, c.fields); err != nil || got != c.want {
			t.Errorf("%v: %v\n%s", c.fields, err, got)
		}
	}
	for _, f := range [][]format.Field{formattest.Fields("str", types.Of(types.Int)), formattest.Fields("big", types.Of(types.Int)), formattest.Fields("dec", types.DecimalOf(10, 3)), formattest.Fields("list", types.ArrayOf(types.Of(types.Int)))} {
		if _, err := read(t, data, f); err == nil || !strings.Contains(err.Error(), "cannot be read as") {
			t.Errorf("%v: %v", f, err)
		}
	}
}

// TestSchema checks the file's types against the specification's.
func TestSchema(t *testing.T) {
	f, err := file.NewParquetReader(bytes.NewReader(write(t, everyType(), DefaultOptions(), rows(t, 1))))
	if err != nil {
		t.Fatal(err)
	}
	s := f.MetaData().Schema
	for path, want := range map[string]string{
		"ts":                   "INT64 Timestamp(isAdjustedToUTC=false, timeUnit=microseconds, is_from_converted_type=false",
		"ltz":                  "INT64 Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false",
		"rows.list.element.at": "INT64 Timestamp(isAdjustedToUTC=false, timeUnit=microseconds, is_from_converted_type=false",
		"dec":                  "FIXED_LEN_BYTE_ARRAY Decimal(precision=10, scale=2)",
		"date":                 "INT32 Date",
		"tiny":                 "INT32 Int(bitWidth=8, isSigned=true)",
		"str":                  "BYTE_ARRAY String",
		"list.list.element":    "BYTE_ARRAY String",
		"map.key_value.key":    "BYTE_ARRAY String",
	} {
		i := s.ColumnIndexByName(path)
		if i < 0 {
			t.Errorf("no column %s in\n%s", path, s)
			continue
		}
		c := s.Column(i)
		if got := fmt.Sprint(c.PhysicalType(), " ", c.LogicalType()); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestWriterErrors(t *testing.T) {
	b := rows(t, 1)
	w, err := NewWriter(io.Discard, everyType(), DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&batch.Batch{N: 1, Cols: b.Cols, Kinds: []batch.Kind{batch.Delete}}); err == nil {
		t.Error("a delete was written")
	}
	if err := w.Write(b); err != nil || w.Rows() != 1 || w.Bytes() == 0 {
		t.Error(err, w.Rows(), w.Bytes())
	}
	for _, in := range []format.Options{{"compression": "lzma"}, {"block.size": "big"}, {"compresion": "zstd"}} {
		if _, err := ParseOptions(in); err == nil {
			t.Errorf("%v: no error", in)
		}
	}
}

func TestDamagedFile(t *testing.T) {
	data := write(t, everyType(), DefaultOptions(), rows(t, 100))
	for _, bad := range [][]byte{nil, []byte("PAR1"), data[:len(data)/2], append([]byte("XXXX"), data[4:]...)} {
		_, err := read(t, bad, everyType())
		if err == nil && len(bad) < len(data) {
			t.Errorf("%d bytes are read without an error", len(bad))
		}
	}
	flat := everyType()[:15]
	for i := 4; i < len(data); i += 97 {
		bad := bytes.Clone(data)
		bad[i] ^= 0x55
		read(t, bad, flat) // must end, with an error or without
	}
}

// TestForOthers leaves a file for other programs to read when asked where.
func TestForOthers(t *testing.T) {
	path := os.Getenv("PARQUET_OUT")
	if path == "" {
		path = t.TempDir() + "/x.parquet"
	}
	if err := os.WriteFile(path, write(t, everyType(), DefaultOptions(), rows(t, 9)), 0o600); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkWrite(b *testing.B) {
	f := formattest.Fields("big", types.Of(types.BigInt), "str", types.String(), "ts", types.TimestampOf(3))
	all := rows(b, 4096)
	in := batch.New(4096, all.Cols[4], all.Cols[9], all.Cols[13])
	w, err := NewWriter(io.Discard, f, DefaultOptions())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(4096 * 22)
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(in); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*4096/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
