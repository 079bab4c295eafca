package filesystem_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFileMetadataAndPattern(t *testing.T) {
	r, lake := rig(t)
	write(t, filepath.Join(lake, "t", "a.json"), "{\"n\":1}\n")
	write(t, filepath.Join(lake, "t", "b.txt"), "{\"n\":2}\n")
	at := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	if err := os.Chtimes(filepath.Join(lake, "t", "a.json"), at, at); err != nil {
		t.Fatal(err)
	}
	tab := r.Table("CREATE TABLE t (n INT, name STRING NOT NULL METADATA FROM 'file.name', p STRING METADATA FROM 'file.path', s BIGINT METADATA FROM 'file.size', m TIMESTAMP_LTZ(3) METADATA FROM 'file.modification-time') WITH ('connector' = 'filesystem', 'path' = 't', 'format' = 'json', 'source.path.regex-pattern' = '.*\\.json')")
	got := r.Scan(tab, []string{"name", "n", "s", "m", "p"}, nil)
	if want := "+I[a.json, 1, 8, 2024-05-01T10:00:00Z, " + filepath.Join(lake, "t", "a.json") + "]"; len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %s", got, want)
	}
	if got := r.Scan(tab, []string{"s"}, nil); len(got) != 1 || got[0] != "+I[8]" {
		t.Errorf("metadata alone: %q", got)
	}
}

// TestMonitor reads files as they come, also in a directory that is not there yet, and goes on after a restart without reading again.
func TestMonitor(t *testing.T) {
	r, lake := rig(t)
	tab := r.Table("CREATE TABLE t (n INT) WITH ('connector' = 'filesystem', 'path' = 't', 'format' = 'json', 'source.monitor-interval' = '20 ms')")
	caps, err := r.Set.Describe(tab)
	if err != nil || caps.Bounded {
		t.Fatalf("%v, bounded %v", err, caps.Bounded)
	}
	c, _ := r.Set.Of(tab)
	open := func(positions map[string]int64) connector.Scan {
		s, err := c.(connector.Scanner).NewScan(t.Context(), r.Env, &plan.Source{Table: tab, Columns: []int{0}})
		if err == nil {
			err = s.Seek(positions)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	positions := map[string]int64{}
	read := func(s connector.Scan, want string) {
		t.Helper()
		var got []string
		for end := time.Now().Add(10 * time.Second); len(got) < len(strings.Fields(want)) && time.Now().Before(end); {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			chunks, err := s.Poll(ctx)
			cancel()
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range chunks {
				positions[c.Split.ID] = c.Next
				b := c.Payload.(*batch.Batch)
				for i := range b.N {
					got = append(got, b.RowString(i))
				}
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s, want %s", s, want)
		}
	}
	s := open(nil)
	write(t, filepath.Join(lake, "t", "1.json"), "{\"n\":1}\n{\"n\":2}\n")
	read(s, "+I[1] +I[2]")
	write(t, filepath.Join(lake, "t", "2.json"), "{\"n\":3}\n")
	read(s, "+I[3]")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(positions)
	write(t, filepath.Join(lake, "t", "0.json"), "{\"n\":4}\n")
	read(s, "+I[4]")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestLinesOfOtherFormats reads CSV with line breaks within quotes, change logs and raw lines.
func TestLinesOfOtherFormats(t *testing.T) {
	r, lake := rig(t)
	for _, c := range []struct{ columns, format, text, want string }{
		{"a STRING, b INT", "'csv'", "\"x\ny\",1\r\nz\"q,2\n\"a\"\"\nb\",3", "+I[x\ny, 1]|+I[z\"q, 2]|+I[a\"\nb, 3]"},
		{"a STRING, b INT", "'csv', 'csv.allow-comments' = 'true', 'csv.escape-character' = '\\'", "# \" open\n\"a\\\"\nb\",1\n", "+I[a\"\nb, 1]"},
		{"a STRING, b INT", "'csv', 'csv.disable-quote-character' = 'true'", "\"x,1\ny\",2\n", "+I[\"x, 1]|+I[y\", 2]"},
		{"id INT, n INT", "'canal-json'", `{"type":"INSERT","data":[{"id":"1","n":"5"}]}` + "\n" + `{"type":"UPDATE","data":[{"id":"1","n":"6"}],"old":[{"n":"5"}]}`, "+I[1, 5]|-U[1, 5]|+U[1, 6]"},
		{"id INT, n INT", "'maxwell-json'", `{"type":"delete","data":{"id":1,"n":5}}`, "-D[1, 5]"},
		{"line STRING", "'raw'", "one\ntwo, three\n", "+I[one]|+I[two, three]"},
	} {
		write(t, filepath.Join(lake, "t", "f"), c.text)
		tab := r.Table("CREATE TABLE t (" + c.columns + ") WITH ('connector' = 'filesystem', 'path' = 't', 'format' = " + c.format + ")")
		if got := strings.Join(r.Scan(tab, nil, nil), "|"); got != c.want {
			t.Errorf("%s: %q, want %q", c.format, got, c.want)
		}
	}
}
