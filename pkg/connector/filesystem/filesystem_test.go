package filesystem_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector/connectortest"
	"github.com/freshet-dw/freshet/pkg/connector/filesystem"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
)

func rig(t testing.TB) (*connectortest.Rig, string) {
	dir := t.TempDir()
	return connectortest.New(t, &filesystem.Connector{Lake: dir}), dir
}

// files lists the directory with hidden ones, and without names of data files: dt=1/hm=2/* stands for each.
func files(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(p string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		if !strings.HasPrefix(e.Name(), "_") {
			rel = filepath.Join(filepath.Dir(rel), "*")
		}
		out = append(out, rel)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

const orders = `CREATE TABLE orders (id BIGINT, amount DECIMAL(10,2), ts TIMESTAMP_LTZ(3), dt STRING, hm STRING) PARTITIONED BY (dt, hm)
WITH ('connector' = 'filesystem', 'path' = 'lake/orders', 'format' = '%s', 'partition.time-extractor.timestamp-pattern' = '$dt $hm',
'sink.partition-commit.trigger' = 'partition-time', 'sink.partition-commit.delay' = '5 min', 'sink.partition-commit.policy.kind' = 'success-file')`

func row(id int, hm string) string {
	return fmt.Sprintf(`{"id":%d,"amount":"%d.5","ts":"2024-05-01 10:00:00Z","dt":"2024-05-01","hm":"%s"}`, id, id, hm)
}

func text(id int, hm string) string {
	return fmt.Sprintf("+I[%d, %d.50, 2024-05-01T10:00:00Z, 2024-05-01, %s]", id, id, hm)
}

func mark(clock string) int64 {
	t, _ := time.Parse("2006-01-02 15:04", "2024-05-01 "+clock)
	return t.UnixMicro()
}

func tick(t *testing.T, s endpoint.Sink, e endpoint.Epoch, watermark int64) {
	t.Helper()
	e.Watermark = watermark
	if err := s.(endpoint.Ticker).Tick(t.Context(), e); err != nil {
		t.Fatal(err)
	}
}

func sorted(s []string) []string { slices.Sort(s); return s }

func TestPartitionsAreClosedReopenedAndRead(t *testing.T) {
	for _, format := range []string{"parquet", "json", "csv", "avro', 'avro.timestamp_mapping.legacy' = 'false"} {
		t.Run(format, func(t *testing.T) {
			r, lake := rig(t)
			dir := filepath.Join(lake, "lake/orders")
			tab := r.Table(fmt.Sprintf(orders, format))
			a, b := r.Sink(tab, 0), r.Sink(tab, 1)
			for e := int64(1); e <= 3; e++ {
				id := int(10 * e)
				if err := r.Stage(a, connectortest.Epoch(e), r.Rows(tab, row(id, "1000"), row(id+1, "1005"))); err != nil {
					t.Fatal(err)
				}
				r.Write(b, connectortest.Epoch(e), r.Rows(tab, row(id+2, "1000")))
				if err := a.Commit(t.Context(), connectortest.Epoch(e)); err != nil {
					t.Fatal(err)
				}
				tick(t, a, connectortest.Epoch(e), mark("10:04"))
			}
			p0, p5 := "dt=2024-05-01/hm=1000/", "dt=2024-05-01/hm=1005/"
			open := strings.Repeat(" "+p0+"*", 6) + strings.Repeat(" "+p5+"*", 3)
			if got := files(t, dir); got != open[1:] {
				t.Fatalf("open: %s", got)
			}
			tick(t, a, connectortest.Epoch(4), mark("10:05"))
			if got := files(t, dir); got != p0+"* "+p0+"_SUCCESS"+strings.Repeat(" "+p5+"*", 3) {
				t.Fatalf("first closed: %s", got)
			}
			tick(t, a, connectortest.Epoch(4), math.MaxInt64)
			r.Write(b, connectortest.Epoch(5), r.Rows(tab, row(99, "1000")))
			if got := files(t, dir); got != p0+"* "+p0+"* "+p5+"* "+p5+"_SUCCESS" {
				t.Fatalf("a late row reopens: %s", got)
			}
			tick(t, a, connectortest.Epoch(5), mark("10:11"))
			if got := files(t, dir); got != p0+"* "+p0+"_SUCCESS "+p5+"* "+p5+"_SUCCESS" {
				t.Fatalf("closed again: %s", got)
			}
			want := []string{}
			for _, id := range []int{10, 12, 20, 22, 30, 32, 99} {
				want = append(want, text(id, "1000"))
			}
			for _, id := range []int{11, 21, 31} {
				want = append(want, text(id, "1005"))
			}
			if got := sorted(r.Scan(tab, nil, nil)); !slices.Equal(got, sorted(want)) {
				t.Errorf("read\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if got := r.Scan(tab, []string{"hm"}, nil); len(got) != 10 || got[0] != "+I[1000]" || got[9] != "+I[1005]" {
				t.Errorf("partition column alone: %q", got)
			}
		})
	}
}

// A process may die between any two steps of an epoch; the next one repeats what was not committed.
func TestCrashes(t *testing.T) {
	for _, c := range []struct {
		at        string
		committed int64 // as the job's progress says
		want      []int
	}{
		{"before the job's commit", 1, []int{1, 2}},
		{"before publishing", 2, []int{1, 2}},
	} {
		t.Run(c.at, func(t *testing.T) {
			r, lake := rig(t)
			tab := r.Table(fmt.Sprintf(orders, "parquet"))
			s, other := r.Sink(tab, 0), r.Sink(tab, 1)
			r.Write(s, connectortest.Epoch(1), r.Rows(tab, row(1, "1000")))
			if err := r.Stage(other, connectortest.Epoch(2), r.Rows(tab, row(2, "1000"))); err != nil {
				t.Fatal(err)
			}
			if n := len(r.Scan(tab, nil, nil)); n != 1 {
				t.Fatalf("%d rows are visible before the commit", n)
			}
			next := r.Restart()
			s = next.Sink(tab, 0) // the job has one worker now
			last := connectortest.Epoch(c.committed)
			last.Now = time.Now() // a restart does not know the epoch's clock
			if err := s.Commit(t.Context(), last); err != nil {
				t.Fatal(err)
			}
			if c.committed < 2 {
				next.Write(s, connectortest.Epoch(2), r.Rows(tab, row(2, "1000")))
			}
			if err := s.Commit(t.Context(), connectortest.Epoch(2)); err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, id := range c.want {
				want = append(want, text(id, "1000"))
			}
			if got := sorted(next.Scan(tab, nil, nil)); !slices.Equal(got, want) {
				t.Errorf("read %q, want %q", got, want)
			}
			tick(t, s, connectortest.Epoch(2), mark("10:05"))
			if got := files(t, filepath.Join(lake, "lake/orders")); got != "dt=2024-05-01/hm=1000/* dt=2024-05-01/hm=1000/_SUCCESS" {
				t.Errorf("an open partition of the process before is closed: %s", got)
			}
		})
	}
}

func TestReplayAndNewLife(t *testing.T) {
	r, _ := rig(t)
	tab := r.Table(fmt.Sprintf(orders, "json"))
	s := r.Sink(tab, 0)
	r.Write(s, connectortest.Epoch(1), r.Rows(tab, row(1, "1000")))
	r.Write(r.Restart().Sink(tab, 0), connectortest.Epoch(1), r.Rows(tab, row(1, "1000"))) // the commit's answer was lost
	if got := r.Scan(tab, nil, nil); len(got) != 1 {
		t.Errorf("replayed: %q", got)
	}
	// A job whose progress was thrown away counts from 1 again; its first epoch must not overwrite that of its earlier life.
	e := connectortest.Epoch(1)
	e.Now = e.Now.Add(time.Hour)
	r.Write(r.Restart().Sink(tab, 0), e, r.Rows(tab, row(2, "1000")))
	if got := sorted(r.Scan(tab, nil, nil)); !slices.Equal(got, []string{text(1, "1000"), text(2, "1000")}) {
		t.Errorf("new life: %q", got)
	}
}

// A merge that stopped half-way is carried through by the next process.
func TestMergeIsCarriedThrough(t *testing.T) {
	r, lake := rig(t)
	tab := r.Table(fmt.Sprintf(orders, "json"))
	s := r.Sink(tab, 0)
	for e := int64(1); e <= 2; e++ {
		r.Write(s, connectortest.Epoch(e), r.Rows(tab, row(int(e), "1000")))
	}
	dir := filepath.Join(lake, "lake/orders")
	part := "dt=2024-05-01/hm=1000"
	old, err := filepath.Glob(filepath.Join(dir, part, "*.json"))
	if err != nil || len(old) != 2 {
		t.Fatal(old, err)
	}
	var content []byte
	var names []string
	for _, f := range old {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		content = append(content, data...)
		names = append(names, fmt.Sprintf("%q", part+"/"+filepath.Base(f)))
	}
	write := func(name string, data []byte) {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(".staging/job_0/"+part+"/job_0-merged-x-0.json", content)
	write(".merges/job_0/p.json", []byte(fmt.Sprintf(`{"dir":%q,"new":[%q],"old":[%s]}`, part, part+"/job_0-merged-x-0.json", strings.Join(names, ","))))
	if err := os.Remove(old[0]); err != nil { // some of the old ones are gone already
		t.Fatal(err)
	}
	next := r.Restart()
	if err := next.Sink(tab, 0).Commit(t.Context(), connectortest.Epoch(2)); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); got != part+"/*" {
		t.Errorf("left over: %s", got)
	}
	if got := sorted(r.Scan(tab, nil, nil)); !slices.Equal(got, []string{text(1, "1000"), text(2, "1000")}) {
		t.Errorf("read %q", got)
	}
}

func TestPartitionValues(t *testing.T) {
	r, lake := rig(t)
	tab := r.Table(`CREATE TABLE p (v INT, s STRING, d DATE, n BIGINT) PARTITIONED BY (s, d, n) WITH ('connector' = 'filesystem', 'path' = 'p', 'format' = 'parquet')`)
	src := r.Rows(tab, `{"v":1,"s":"a/b:c=ü%","d":"2024-02-29","n":-1}`, `{"v":2}`, `{"v":null,"s":"","d":"2024-02-29","n":7}`)
	r.Write(r.Sink(tab, 0), connectortest.Epoch(1), src)
	want := `s=__HIVE_DEFAULT_PARTITION__/d=2024-02-29/n=7/* s=__HIVE_DEFAULT_PARTITION__/d=__HIVE_DEFAULT_PARTITION__/n=__HIVE_DEFAULT_PARTITION__/* s=a%2Fb%3Ac%3Dü%25/d=2024-02-29/n=-1/*`
	if got := files(t, filepath.Join(lake, "p")); got != want {
		t.Errorf("files %s\nwant  %s", got, want)
	}
	got := sorted(r.Scan(tab, nil, nil))
	if want := []string{"+I[1, a/b:c=ü%, 2024-02-29, -1]", "+I[2, NULL, NULL, NULL]", "+I[NULL, NULL, 2024-02-29, 7]"}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
}

func TestScanGoesOnAndReportsBadLines(t *testing.T) {
	r, lake := rig(t)
	ddl := `CREATE TABLE t (a INT, b STRING) WITH ('connector' = 'filesystem', 'path' = 'file://` + lake + `/t', 'format' = 'json'`
	if err := os.MkdirAll(filepath.Join(lake, "t"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string]string{"1.json": "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", "2.json": "{\"a\":4}\n", "_hidden": "x", ".tmp": "y"} {
		if err := os.WriteFile(filepath.Join(lake, "t", name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(r.Scan(r.Table(ddl+`)`), []string{"a"}, map[string]int64{"1.json": 2})); got != "[+I[3] +I[4]]" {
		t.Errorf("went on with %s", got)
	}
	if err := os.WriteFile(filepath.Join(lake, "t", "2.json"), []byte("{\"a\":4}\n{oops\n{\"a\":5}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.Scan(r.Table(ddl+`, 'bad-records' = 'skip')`), []string{"a"}, nil)); got != "[+I[1] +I[2] +I[3] +I[4] +I[5]]" {
		t.Errorf("skipped to %s", got)
	}
}

func TestProcessTime(t *testing.T) {
	r, lake := rig(t)
	tab := r.Table(`CREATE TABLE p (v INT, d STRING) PARTITIONED BY (d) WITH ('connector' = 'filesystem', 'path' = 'p', 'format' = 'csv', 'sink.partition-commit.delay' = '1 min', 'sink.partition-commit.policy.kind' = 'success-file')`)
	s := r.Sink(tab, 0)
	r.Write(s, connectortest.Epoch(1), r.Rows(tab, `{"v":1,"d":"x"}`))
	e := connectortest.Epoch(1)
	for _, c := range []struct {
		after time.Duration
		want  string
	}{{time.Second, "d=x/*"}, {2 * time.Minute, "d=x/* d=x/_SUCCESS"}} {
		e.Now = time.Now().Add(c.after)
		tick(t, s, e, math.MinInt64)
		if got := files(t, filepath.Join(lake, "p")); got != c.want {
			t.Errorf("after %s: %s", c.after, got)
		}
	}
}

func TestFaults(t *testing.T) {
	r, _ := rig(t)
	for _, c := range []struct{ ddl, want string }{
		{`CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'format' = 'json')`, "option 'path' is required"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'x')`, "option 'format' is required"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 's3://b/x', 'format' = 'json')`, "only local directories"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'orc')`, "must be one of parquet, avro, json, csv, raw, canal-json"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'parquet', 'parquet.compresion' = 'zstd')`, "compresion"},
		{`CREATE TABLE t (a INT) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'sink.partition-commit.policy.kind' = 'success-file')`, "without partitions"},
		{`CREATE TABLE t (a INT, d STRING) PARTITIONED BY (d) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'partition.time-extractor.timestamp-pattern' = '$dt')`, "names $dt"},
		{`CREATE TABLE t (a INT, d STRING) PARTITIONED BY (d) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'sink.partition-commit.delay' = 'soon')`, "must be a duration"},
		{`CREATE TABLE t (a INT, d STRING) PARTITIONED BY (d) WITH ('connector' = 'filesystem', 'path' = 'x', 'format' = 'json', 'sink.partition-commit.trigger' = 'never')`, "must be one of process-time, partition-time"},
	} {
		if got := r.Faults(c.ddl); !strings.Contains(got, c.want) {
			t.Errorf("%s\n  says %s\n  want %s", c.ddl, got, c.want)
		}
	}
}

func BenchmarkFlush(b *testing.B) {
	r, _ := rig(b)
	tab := r.Table(fmt.Sprintf(orders, "parquet"))
	rows := make([]string, batch.TargetRows)
	size := 0
	for i := range rows {
		rows[i] = row(i, "1000")
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
