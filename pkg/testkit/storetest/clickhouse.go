package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// ClickHouse checks that a ClickHouse server does all that Freshet needs, over the native protocol and over
// HTTP. It works in a database of its own name, which it drops.
func ClickHouse(t *testing.T, nativeAddr, httpAddr string) {
	s := &clickHouse{native: nativeAddr, http: httpAddr, db: fmt.Sprintf("storetest_%d", time.Now().UnixNano())}
	boot := s.client(t, "default")
	s.exec(t, boot, "CREATE DATABASE "+s.db)
	t.Cleanup(func() { s.exec(t, boot, "DROP DATABASE "+s.db+" SYNC") })
	s.c = s.client(t, s.db)

	t.Run("types", s.types)
	t.Run("conversions", s.conversions)
	t.Run("ensure table", s.ensureTable)
	t.Run("replacing merge tree", s.replacing)
	t.Run("materialized view", s.materializedView)
	t.Run("deduplication token", s.dedup)
	t.Run("driver token", s.driverDedup)
	t.Run("big insert", s.bigInsert)
	t.Run("error codes", s.errorCodes)
	t.Run("parallel connections", s.parallel)
	t.Run("cancel", s.cancel)
	t.Run("drivers", s.drivers)
	t.Run("http formats", s.httpFormats)
	t.Run("http encodings", s.httpEncodings)
	t.Run("http errors", s.httpErrors)
}

type clickHouse struct {
	native, http, db string
	c                *clickhouse.Client
}

func bounded(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (s *clickHouse) client(t *testing.T, db string) *clickhouse.Client {
	t.Helper()
	c, err := clickhouse.Open(bounded(t), clickhouse.Config{Addr: s.native, Database: db, Retry: fault.Policy{Attempts: 3}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func (s *clickHouse) exec(t *testing.T, c *clickhouse.Client, sql string) {
	t.Helper()
	// Its own context: the cleanup runs after the test's has ended.
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := c.Exec(ctx, sql); err != nil {
		t.Fatal(err)
	}
}

// text runs a query over HTTP and returns its rows as TSV.
func (s *clickHouse) text(t *testing.T, sql string) string {
	t.Helper()
	body, resp := s.post(t, url.Values{"database": {s.db}}, nil, strings.NewReader(sql))
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", sql, resp.Status, body)
	}
	return string(body)
}

func (s *clickHouse) post(t *testing.T, q url.Values, header http.Header, body io.Reader) ([]byte, *http.Response) {
	t.Helper()
	req, err := http.NewRequestWithContext(bounded(t), http.MethodPost, "http://"+s.http+"/?"+q.Encode(), body)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b, resp
}

// wideSchema has every Arrow type that the client writes.
var wideSchema = arrow.NewSchema([]arrow.Field{
	{Name: "id", Type: arrow.PrimitiveTypes.Uint64},
	{Name: "b", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	{Name: "i8", Type: arrow.PrimitiveTypes.Int8, Nullable: true},
	{Name: "i16", Type: arrow.PrimitiveTypes.Int16},
	{Name: "i32", Type: arrow.PrimitiveTypes.Int32},
	{Name: "i64", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	{Name: "u8", Type: arrow.PrimitiveTypes.Uint8},
	{Name: "u16", Type: arrow.PrimitiveTypes.Uint16},
	{Name: "u32", Type: arrow.PrimitiveTypes.Uint32},
	{Name: "f32", Type: arrow.PrimitiveTypes.Float32},
	{Name: "f64", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
	{Name: "bin", Type: arrow.BinaryTypes.Binary},
	{Name: "dec", Type: &arrow.Decimal128Type{Precision: 38, Scale: 4}, Nullable: true},
	{Name: "small", Type: &arrow.Decimal128Type{Precision: 9, Scale: 2}},
	{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
	{Name: "ts", Type: arrow.FixedWidthTypes.Timestamp_s},
	{Name: "tms", Type: arrow.FixedWidthTypes.Timestamp_ms, Nullable: true},
	{Name: "tus", Type: arrow.FixedWidthTypes.Timestamp_us},
	{Name: "tns", Type: arrow.FixedWidthTypes.Timestamp_ns},
	{Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	{Name: "nested", Type: arrow.ListOfNonNullable(arrow.ListOfNonNullable(arrow.PrimitiveTypes.Int32))},
	{Name: "map", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64)},
	{Name: "tuple", Type: arrow.StructOf(
		arrow.Field{Name: "x", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		arrow.Field{Name: "a b", Type: arrow.BinaryTypes.String})},
}, nil)

// wideJSON is a record of wideSchema as Arrow reads it, and wideWant the same rows as ClickHouse prints them.
const (
	wideJSON = `[
{"id":1,"b":true,"i8":-8,"i16":-16,"i32":-32,"i64":-64,"u8":200,"u16":60000,"u32":4000000000,"f32":1.5,"f64":-2.25,"s":"tab\tnewline\n\nquote'","bin":"AAEC","dec":"123456789012345678901234567890.1234","small":"-12.34","day":"2026-02-28","ts":"2026-01-02 03:04:05","tms":"2026-01-02 03:04:05.678","tus":"1969-12-31 23:59:59.999999","tns":"2026-01-02 03:04:05.678901234","list":["a",null,"c"],"nested":[[1,2],[],[3]],"map":[{"key":"k","value":7},{"key":"l","value":8}],"tuple":{"x":5,"a b":"y"}},
{"id":2,"b":null,"i8":null,"i16":0,"i32":0,"i64":null,"u8":0,"u16":0,"u32":0,"f32":0,"f64":null,"s":null,"bin":"","dec":null,"small":"0.00","day":null,"ts":"1970-01-01 00:00:00","tms":null,"tus":"1970-01-01 00:00:00","tns":"1970-01-01 00:00:00","list":null,"nested":[],"map":[],"tuple":{"x":null,"a b":""}}
]`
	wideWant = "1\ttrue\t-8\t-16\t-32\t-64\t200\t60000\t4000000000\t1.5\t-2.25\ttab\\tnewline\\n\\nquote\\'\t000102\t123456789012345678901234567890.1234\t-12.34\t2026-02-28\t2026-01-02 03:04:05\t2026-01-02 03:04:05.678\t1969-12-31 23:59:59.999999\t2026-01-02 03:04:05.678901234\t['a',NULL,'c']\t[[1,2],[],[3]]\t{'k':7,'l':8}\t(5,'y')\n" +
		"2\t\\N\t\\N\t0\t0\t\\N\t0\t0\t0\t0\t\\N\t\\N\t\t\\N\t0\t\\N\t1970-01-01 00:00:00\t\\N\t1970-01-01 00:00:00.000000\t1970-01-01 00:00:00.000000000\t[]\t[]\t{}\t(NULL,'')\n"
)

func record(t testing.TB, schema *arrow.Schema, json string) arrow.Record {
	t.Helper()
	rec, _, err := array.RecordFromJSON(memory.DefaultAllocator, schema, strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(rec.Release)
	return rec
}

func (s *clickHouse) types(t *testing.T) {
	ctx := bounded(t)
	columns, err := clickhouse.ColumnsOf(wideSchema)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.c.EnsureTable(ctx, clickhouse.Table{Name: "wide", Columns: columns, OrderBy: []string{"id"}}); err != nil {
		t.Fatal(err)
	}
	rec := record(t, wideSchema, wideJSON)
	if err := s.c.InsertColumns(ctx, "wide", nil, rec, ""); err != nil {
		t.Fatal(err)
	}
	const query = "SELECT * REPLACE (hex(bin) AS bin) FROM wide ORDER BY id"
	if got := s.text(t, query); got != wideWant {
		t.Errorf("whole record:\n got %q\nwant %q", got, wideWant)
	}
	// A slice has offsets in every buffer.
	s.exec(t, s.c, "TRUNCATE TABLE wide")
	part := rec.NewSlice(1, 2)
	defer part.Release()
	if err := s.c.InsertColumns(ctx, "wide", nil, part, ""); err != nil {
		t.Fatal(err)
	}
	_, second, _ := strings.Cut(wideWant, "\n")
	if got := s.text(t, query); got != second {
		t.Errorf("slice:\n got %q\nwant %q", got, second)
	}
}

// conversions writes into columns whose types are not the record's own.
func (s *clickHouse) conversions(t *testing.T) {
	ctx := bounded(t)
	s.exec(t, s.c, `CREATE TABLE conv (u UInt64, n Nullable(UInt8), lc LowCardinality(String), lcn LowCardinality(Nullable(String)), lca Array(LowCardinality(String)),
		e Enum8('a' = -1, 'it\'s' = 2), d Date, dt DateTime('UTC'), t6 DateTime64(6, 'UTC'), dec Decimal(18, 4), f FixedString(3), id UUID, f64 Float64,
		m UInt64 MATERIALIZED u * 2) ENGINE = MergeTree ORDER BY u`)
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "u", Type: arrow.PrimitiveTypes.Int32},
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "lc", Type: arrow.BinaryTypes.String},
		{Name: "lcn", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "lca", Type: arrow.ListOf(arrow.BinaryTypes.String)},
		{Name: "e", Type: arrow.BinaryTypes.String},
		{Name: "d", Type: arrow.FixedWidthTypes.Date32},
		{Name: "dt", Type: arrow.FixedWidthTypes.Timestamp_ms},
		{Name: "t6", Type: arrow.FixedWidthTypes.Timestamp_s},
		{Name: "dec", Type: &arrow.Decimal128Type{Precision: 10, Scale: 2}},
		{Name: "f", Type: arrow.BinaryTypes.String},
		{Name: "id", Type: arrow.BinaryTypes.String},
		{Name: "f64", Type: arrow.PrimitiveTypes.Float32},
	}, nil)
	rec := record(t, schema, `[
{"u":1,"n":255,"lc":"x","lcn":null,"lca":["p","q","p"],"e":"a","d":"2026-01-02","dt":"2026-01-02 03:04:05.999","t6":"2026-01-02 03:04:05","dec":"1.25","f":"ab","id":"61f0c404-5cb3-11e7-907b-a6006ad3dba0","f64":0.5},
{"u":2,"n":null,"lc":"x","lcn":"z","lca":[],"e":"it's","d":"1970-01-01","dt":"1970-01-01 00:00:00","t6":"1970-01-01 00:00:00","dec":"-0.01","f":"","id":"00000000-0000-0000-0000-000000000001","f64":-1}
]`)
	if err := s.c.InsertColumns(ctx, "conv", nil, rec, ""); err != nil {
		t.Fatal(err)
	}
	want := "1\t255\tx\t\\N\t['p','q','p']\ta\t2026-01-02\t2026-01-02 03:04:05\t2026-01-02 03:04:05.000000\t1.25\tab\\0\t61f0c404-5cb3-11e7-907b-a6006ad3dba0\t0.5\t2\n" +
		"2\t\\N\tx\tz\t[]\tit\\'s\t1970-01-01\t1970-01-01 00:00:00\t1970-01-01 00:00:00.000000\t-0.01\t\\0\\0\\0\t00000000-0000-0000-0000-000000000001\t-1\t4\n"
	if got := s.text(t, "SELECT *, m FROM conv ORDER BY u"); got != want {
		t.Errorf("\n got %q\nwant %q", got, want)
	}
	for _, bad := range []struct {
		name, typ, row, want string
		kind                 fault.Kind
	}{
		{"n", "i64", `256`, "does not fit", fault.Data},
		{"u", "i64", `-1`, "does not fit", fault.Data},
		{"u", "i64", `null`, "not Nullable", fault.Data},
		{"e", "str", `"zz"`, "no value", fault.Data},
		{"f", "str", `"abcd"`, "more than FixedString(3)", fault.Data},
		{"id", "str", `"abc"`, "not a UUID", fault.Data},
		{"lc", "i64", `1`, "cannot be written", fault.Permanent},
		{"nope", "i64", `1`, "no column nope", fault.Permanent},
	} {
		typ := arrow.DataType(arrow.PrimitiveTypes.Int64)
		if bad.typ == "str" {
			typ = arrow.BinaryTypes.String
		}
		rec := record(t, arrow.NewSchema([]arrow.Field{{Name: bad.name, Type: typ, Nullable: true}}, nil), `[{"`+bad.name+`":`+bad.row+`}]`)
		err := s.c.InsertColumns(ctx, "conv", nil, rec, "")
		if err == nil || !strings.Contains(err.Error(), bad.want) || fault.KindOf(err) != bad.kind {
			t.Errorf("%s %s: got kind %v: %v", bad.name, bad.row, fault.KindOf(err), err)
		}
	}
}

func (s *clickHouse) ensureTable(t *testing.T) {
	ctx := bounded(t)
	table := clickhouse.Table{Name: s.db + ".ensured", Columns: []clickhouse.Column{{Name: "a", Type: "Int64"}}, OrderBy: []string{"a"}}
	for range 2 {
		if err := s.c.EnsureTable(ctx, table); err != nil {
			t.Fatal(err)
		}
	}
	table.Columns = append(table.Columns, clickhouse.Column{Name: "b", Type: "LowCardinality(String)"})
	if err := s.c.EnsureTable(ctx, table); err != nil {
		t.Fatal(err)
	}
	if got := s.text(t, "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = 'ensured' ORDER BY position"); got != "a\tInt64\nb\tLowCardinality(String)\n" {
		t.Errorf("columns are %q", got)
	}
	table.Columns[0].Type = "String"
	if err := s.c.EnsureTable(ctx, table); fault.KindOf(err) != fault.Config || fault.RemedyOf(err) == "" {
		t.Errorf("another type: got %v", err)
	}
}

func (s *clickHouse) replacing(t *testing.T) {
	ctx := bounded(t)
	err := s.c.EnsureTable(ctx, clickhouse.Table{
		Name: "orders", Engine: "ReplacingMergeTree(version, deleted)", OrderBy: []string{"id"},
		Columns: []clickhouse.Column{{Name: "id", Type: "Int64"}, {Name: "state", Type: "String"}, {Name: "version", Type: "UInt64"}, {Name: "deleted", Type: "UInt8"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}, {Name: "state", Type: arrow.BinaryTypes.String},
		{Name: "version", Type: arrow.PrimitiveTypes.Int64}, {Name: "deleted", Type: arrow.FixedWidthTypes.Boolean}}, nil)
	for i, rows := range []string{
		`[{"id":1,"state":"new","version":1,"deleted":false},{"id":2,"state":"new","version":1,"deleted":false},{"id":3,"state":"new","version":1,"deleted":false}]`,
		`[{"id":1,"state":"paid","version":3,"deleted":false},{"id":2,"state":"gone","version":2,"deleted":true}]`,
		`[{"id":1,"state":"late","version":2,"deleted":false}]`,
	} {
		if err := s.c.InsertColumns(ctx, "orders", nil, record(t, schema, rows), fmt.Sprintf("o%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.text(t, "SELECT id, state FROM orders FINAL ORDER BY id"); got != "1\tpaid\n3\tnew\n" {
		t.Errorf("newest states are %q", got)
	}
}

var idSchema = arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil)

func ids(t testing.TB, from, to int64) arrow.Record {
	b := array.NewRecordBuilder(memory.DefaultAllocator, idSchema)
	defer b.Release()
	for i := from; i < to; i++ {
		b.Field(0).(*array.Int64Builder).Append(i)
	}
	rec := b.NewRecord()
	t.Cleanup(rec.Release)
	return rec
}

func (s *clickHouse) idTable(t *testing.T, name string) {
	t.Helper()
	err := s.c.EnsureTable(bounded(t), clickhouse.Table{Name: name, Columns: []clickhouse.Column{{Name: "id", Type: "Int64"}}, OrderBy: []string{"id"}})
	if err != nil {
		t.Fatal(err)
	}
}

func (s *clickHouse) materializedView(t *testing.T) {
	ctx := bounded(t)
	s.idTable(t, "facts")
	err := s.c.EnsureTable(ctx, clickhouse.Table{Name: "sums", Engine: "SummingMergeTree", OrderBy: []string{"odd"},
		Columns: []clickhouse.Column{{Name: "odd", Type: "UInt8"}, {Name: "n", Type: "UInt64"}}})
	if err != nil {
		t.Fatal(err)
	}
	s.exec(t, s.c, "CREATE MATERIALIZED VIEW sums_mv TO sums AS SELECT toUInt8(id % 2) AS odd, count() AS n FROM facts GROUP BY odd")
	for range 2 { // the repeat must not reach the view either
		if err := s.c.InsertColumns(ctx, "facts", nil, ids(t, 0, 11), "mv"); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.text(t, "SELECT odd, sum(n) FROM sums GROUP BY odd ORDER BY odd"); got != "0\t6\n1\t5\n" {
		t.Errorf("view has %q", got)
	}
}

func (s *clickHouse) dedup(t *testing.T) {
	ctx := bounded(t)
	s.idTable(t, "tokens")
	for _, token := range []string{"a", "a", "b", "b", "a"} {
		if err := s.c.InsertColumns(ctx, "tokens", nil, ids(t, 0, 10), token); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.text(t, "SELECT count() FROM tokens"); got != "20\n" {
		t.Errorf("two tokens, several times each: %q rows", got)
	}
}

// driverDedup gives the token the way others do: as a setting of a clickhouse-go batch, and over HTTP.
func (s *clickHouse) driverDedup(t *testing.T) {
	s.idTable(t, "driver_tokens")
	ctx := chgo.Context(bounded(t), chgo.WithSettings(chgo.Settings{"insert_deduplication_token": "x"}))
	for range 2 {
		b, err := s.c.Conn().PrepareBatch(ctx, "INSERT INTO driver_tokens (id)")
		if err != nil {
			t.Fatal(err)
		}
		for i := range int64(100) {
			if err := b.Append(i); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Send(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		body, resp := s.post(t, url.Values{"database": {s.db}, "query": {"INSERT INTO driver_tokens SETTINGS insert_deduplication_token='y' FORMAT CSV"}}, nil, strings.NewReader("1\n2\n"))
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", resp.Status, body)
		}
	}
	if got := s.text(t, "SELECT count() FROM driver_tokens"); got != "102\n" {
		t.Errorf("%q rows, want 102", got)
	}
	// The setting must not stick to the connection.
	for range 2 {
		if err := s.c.Conn().Exec(bounded(t), "INSERT INTO driver_tokens VALUES (7)"); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.text(t, "SELECT count() FROM driver_tokens WHERE id = 7"); got != "2\n" && got != "3\n" {
		t.Errorf("inserts without a token: %q rows", got)
	}
}

func (s *clickHouse) bigInsert(t *testing.T) {
	ctx := bounded(t)
	s.idTable(t, "big")
	const n = 1_500_000 // more than the engine's own block of 1,048,449 rows
	rec := ids(t, 0, n)
	for range 2 {
		if err := s.c.InsertColumns(ctx, "big", nil, rec, "big"); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.text(t, "SELECT count(), uniqExact(id), sum(id) FROM big"); got != fmt.Sprintf("%d\t%d\t%d\n", n, n, int64(n)*(n-1)/2) {
		t.Errorf("got %q", got)
	}
}

func (s *clickHouse) errorCodes(t *testing.T) {
	ctx := bounded(t)
	for _, c := range []struct {
		sql  string
		code int
		kind fault.Kind
	}{
		{"SELECT * FROM nope", 60, fault.Permanent},
		{"SELEC 1", 62, fault.Permanent},
		{"SELECT nope", 47, fault.Permanent},
		{"INSERT INTO nope VALUES (1)", 60, fault.Permanent},
		{"SELECT * FROM nodb.t", 81, fault.Permanent},
	} {
		err := s.c.Exec(ctx, c.sql)
		if clickhouse.Code(err) != c.code || fault.KindOf(err) != c.kind {
			t.Errorf("%s: code %d kind %v: %v", c.sql, clickhouse.Code(err), fault.KindOf(err), err)
		}
	}
	if err := s.c.InsertColumns(ctx, "nope", nil, ids(t, 0, 1), "t"); clickhouse.Code(err) != 60 || fault.KindOf(err) != fault.Permanent {
		t.Errorf("insert into a missing table: %v", err)
	}
	// An error after the first blocks must reach the reader.
	rows, err := s.c.Query(ctx, "SELECT throwIf(number = 3000000, 'boom') FROM numbers(5000000)")
	if err == nil {
		for rows.Next() {
		}
		err = rows.Err()
		_ = rows.Close()
	}
	if clickhouse.Code(err) != 395 {
		t.Errorf("error in the middle: %v", err)
	}
	if err := s.c.Ping(ctx); err != nil {
		t.Errorf("after errors: %v", err)
	}
}

func (s *clickHouse) parallel(t *testing.T) {
	ctx := bounded(t)
	s.idTable(t, "par")
	errs := make([]error, 16)
	var wg sync.WaitGroup
	for i := range errs {
		rec := ids(t, int64(i)*1000, int64(i+1)*1000)
		wg.Go(func() {
			for j := range 4 {
				var n uint64
				errs[i] = errors.Join(errs[i],
					s.c.InsertColumns(ctx, "par", nil, rec, fmt.Sprintf("p%d", i)),
					s.c.Scan(ctx, fmt.Sprintf("SELECT count() FROM par WHERE id >= %d AND id < %d", i*1000, (i+1)*1000), &n))
				if n != 1000 {
					errs[i] = errors.Join(errs[i], fmt.Errorf("round %d: own rows are %d", j, n))
				}
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if got := s.text(t, "SELECT count() FROM par"); got != "16000\n" {
		t.Errorf("%q rows", got)
	}
}

// cancel leaves a query that sends nothing for minutes; the server must stop working on it.
func (s *clickHouse) cancel(t *testing.T) {
	const slow = "SELECT count() FROM numbers(100000000000) WHERE NOT ignore(sipHash64(number))"
	running := func() string {
		return s.text(t, "SELECT count() FROM system.processes WHERE query LIKE '%numbers(100000000000)%' AND query NOT LIKE '%system.processes%'")
	}
	gone := func(what string) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); running() != "0\n"; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Errorf("%s: the query still runs", what)
				return
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
	defer cancel()
	began := time.Now()
	var n uint64
	if err := s.c.Scan(ctx, slow, &n); err == nil {
		t.Error("a cancelled query gave a result")
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("the cancel took %v", d)
	}
	gone("native")

	ctx, cancel = context.WithTimeout(context.Background(), 400*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.http+"/?cancel_http_readonly_queries_on_client_close=1", strings.NewReader(slow))
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := http.DefaultClient.Do(req); err == nil {
		resp.Body.Close()
		t.Error("a cancelled HTTP query gave an answer")
	}
	gone("HTTP")
	if err := s.c.Ping(bounded(t)); err != nil {
		t.Error(err)
	}
}

// drivers runs clickhouse-go over both protocols with every compression.
func (s *clickHouse) drivers(t *testing.T) {
	for _, p := range []struct {
		name   string
		proto  chgo.Protocol
		method chgo.CompressionMethod
	}{
		{"native", chgo.Native, chgo.CompressionNone}, {"native lz4", chgo.Native, chgo.CompressionLZ4}, {"native zstd", chgo.Native, chgo.CompressionZSTD},
		{"http", chgo.HTTP, chgo.CompressionNone}, {"http lz4", chgo.HTTP, chgo.CompressionLZ4}, {"http zstd", chgo.HTTP, chgo.CompressionZSTD},
		{"http gzip", chgo.HTTP, chgo.CompressionGZIP},
	} {
		t.Run(p.name, func(t *testing.T) {
			ctx := bounded(t)
			opt := &chgo.Options{Protocol: p.proto, Addr: []string{s.native}, Auth: chgo.Auth{Database: s.db, Username: "default"}, Settings: chgo.Settings{}}
			if p.proto == chgo.HTTP {
				opt.Addr = []string{s.http}
			}
			if p.method != chgo.CompressionNone {
				opt.Compression = &chgo.Compression{Method: p.method, Level: 1}
			}
			if p.method == chgo.CompressionGZIP {
				opt.Settings["enable_http_compression"] = 1
			}
			conn, err := chgo.Open(opt)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			table := "drv_" + strings.ReplaceAll(p.name, " ", "_")
			if err := conn.Exec(ctx, "CREATE TABLE "+table+" (id Int64, s LowCardinality(Nullable(String)), a Array(String), m Map(String, UInt8)) ENGINE = MergeTree ORDER BY id"); err != nil {
				t.Fatal(err)
			}
			b, err := conn.PrepareBatch(ctx, "INSERT INTO "+table)
			if err != nil {
				t.Fatal(err)
			}
			str := "a\n\nb"
			for i := range int64(5000) {
				var p *string
				if i%2 == 1 {
					p = &str
				}
				if err := b.Append(i, p, []string{"x", fmt.Sprint(i)}, map[string]uint8{"k": uint8(i)}); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.Send(); err != nil {
				t.Fatal(err)
			}
			rows, err := conn.Query(ctx, "SELECT id, s, a, m FROM "+table+" WHERE id >= ? ORDER BY id", 4998)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for rows.Next() {
				var id int64
				var p *string
				var a []string
				var m map[string]uint8
				if err := rows.Scan(&id, &p, &a, &m); err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprint(id, p == nil || *p == str, a, m))
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				t.Fatal(err)
			}
			if want := []string{"4998 true [x 4998] map[k:134]", "4999 true [x 4999] map[k:135]"}; !reflect.DeepEqual(got, want) {
				t.Errorf("got %q", got)
			}
			rows, err = conn.Query(ctx, "SELECT id, s FROM "+table+" WHERE id < 0")
			if err != nil {
				t.Fatal(err)
			}
			if rows.Next() || !reflect.DeepEqual(rows.Columns(), []string{"id", "s"}) {
				t.Errorf("a result without rows has columns %q", rows.Columns())
			}
			_ = rows.Close()
			var ex *chgo.Exception
			if err := conn.Exec(ctx, "SELECT * FROM nope"); !errors.As(err, &ex) || ex.Code != 60 {
				t.Errorf("missing table: %v", err)
			}
		})
	}
}
