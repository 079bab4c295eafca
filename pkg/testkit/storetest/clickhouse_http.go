package storetest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// httpFormats writes a table in every format and reads it back.
func (s *clickHouse) httpFormats(t *testing.T) {
	s.exec(t, s.c, "CREATE TABLE fmt (id Int64, s Nullable(String)) ENGINE = MergeTree ORDER BY id")
	s.exec(t, s.c, "CREATE TABLE fmt2 AS fmt")
	s.exec(t, s.c, `INSERT INTO fmt VALUES (1, 'a\n\nb'), (2, NULL), (3, 'tab\there')`)
	for _, format := range []string{"JSONEachRow", "CSV", "CSVWithNames", "TabSeparated", "TSVWithNames", "Native", "RowBinary", "RowBinaryWithNamesAndTypes", "Parquet", "JSON", "JSONCompact"} {
		t.Run(format, func(t *testing.T) {
			data, resp := s.post(t, url.Values{"database": {s.db}, "default_format": {format}}, nil, strings.NewReader("SELECT * FROM fmt ORDER BY id"))
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s", resp.Status, data)
			}
			clause, resp := s.post(t, url.Values{"database": {s.db}, "query": {"SELECT * FROM fmt ORDER BY id FORMAT " + format}}, nil, nil)
			if resp.Header.Get("X-ClickHouse-Format") != format {
				t.Errorf("FORMAT clause: format %q", resp.Header.Get("X-ClickHouse-Format"))
			}
			if !strings.HasPrefix(format, "JSON") && !bytes.Equal(data, clause) { // JSON ends with timings
				t.Errorf("FORMAT clause gives other bytes than default_format")
			}
			s.exec(t, s.c, "TRUNCATE TABLE fmt2")
			for i, q := range []url.Values{
				{"database": {s.db}, "query": {"INSERT INTO fmt2 FORMAT " + format}},
				{"database": {s.db}},
			} {
				body := io.Reader(bytes.NewReader(data))
				if i == 1 { // statement and data in the body
					body = io.MultiReader(strings.NewReader("INSERT INTO fmt2 (id, s) FORMAT "+format+"\n"), body)
				}
				if b, resp := s.post(t, q, nil, body); resp.StatusCode != http.StatusOK {
					t.Fatalf("insert %d: %s: %s", i, resp.Status, b)
				}
			}
			if got := s.text(t, "SELECT id, s, count() FROM fmt2 GROUP BY id, s ORDER BY id"); got != "1\ta\\n\\nb\t2\n2\t\\N\t2\n3\ttab\\there\t2\n" {
				t.Errorf("read back %q", got)
			}
		})
	}
}

// httpEncodings sends and asks for every content encoding.
func (s *clickHouse) httpEncodings(t *testing.T) {
	s.exec(t, s.c, "CREATE TABLE enc (id Int64) ENGINE = MergeTree ORDER BY id")
	plain := []byte(strings.Repeat("1\n2\n3\n", 50_000))
	encode := func(name string) []byte {
		var b bytes.Buffer
		var w io.WriteCloser
		var err error
		switch name {
		case "gzip":
			w = gzip.NewWriter(&b)
		case "deflate":
			w = zlib.NewWriter(&b)
		case "zstd":
			w, err = zstd.NewWriter(&b)
		case "lz4":
			w = lz4.NewWriter(&b)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	insert := url.Values{"database": {s.db}, "query": {"INSERT INTO enc FORMAT TSV"}}
	for _, name := range []string{"gzip", "deflate", "zstd", "lz4"} {
		t.Run(name, func(t *testing.T) {
			s.exec(t, s.c, "TRUNCATE TABLE enc")
			body := encode(name)
			h := http.Header{"Content-Encoding": {name}}
			if b, resp := s.post(t, insert, h, bytes.NewReader(body)); resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %s", resp.Status, b)
			}
			if got := s.text(t, "SELECT count() FROM enc"); got != "150000\n" {
				t.Errorf("%q rows", got)
			}
			// A body that breaks off must not look like a short insert.
			if b, resp := s.post(t, insert, h, bytes.NewReader(body[:len(body)-6])); resp.StatusCode == http.StatusOK {
				t.Errorf("a broken body was accepted: %s", b)
			}
			_, resp := s.post(t, url.Values{"database": {s.db}, "query": {"SELECT id FROM enc"}, "enable_http_compression": {"1"}},
				http.Header{"Accept-Encoding": {name}}, nil)
			if got := resp.Header.Get("Content-Encoding"); got != name {
				t.Errorf("asked for %s, got %q", name, got)
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		s.exec(t, s.c, "TRUNCATE TABLE enc")
		if b, resp := s.post(t, insert, http.Header{"Content-Encoding": {"rot13"}}, strings.NewReader("1\n")); resp.StatusCode == http.StatusOK {
			t.Errorf("an unknown encoding was accepted: %s", b)
		}
		if got := s.text(t, "SELECT count() FROM enc"); got != "0\n" {
			t.Errorf("%q rows", got)
		}
	})
}

func (s *clickHouse) httpErrors(t *testing.T) {
	for _, c := range []struct {
		sql, code string
		status    int
	}{
		{"SELECT * FROM nope", "60", 404},
		{"SELEC 1", "62", 400},
		{"INSERT INTO nope FORMAT CSV\n1", "60", 404},
	} {
		b, resp := s.post(t, url.Values{"database": {s.db}}, nil, strings.NewReader(c.sql))
		if resp.StatusCode != c.status || resp.Header.Get("X-ClickHouse-Exception-Code") != c.code || !strings.HasPrefix(string(b), "Code: "+c.code) {
			t.Errorf("%s: %s, code %q: %s", c.sql, resp.Status, resp.Header.Get("X-ClickHouse-Exception-Code"), b)
		}
	}
	got, _ := s.post(t, url.Values{"query": {"SELECT {x:UInt8} + 1, {s:String}"}, "param_x": {"41"}, "param_s": {"o'x"}}, nil, nil)
	if string(got) != "42\to\\'x\n" {
		t.Errorf("parameters give %q", got)
	}
}
