package logs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/warehouse"
)

// childEnv makes the test's program a reader that can be killed: broker and pattern.
const childEnv = "LOGS_TEST_CHILD"

func TestMain(m *testing.M) {
	spec := os.Getenv(childEnv)
	if spec == "" {
		os.Exit(m.Run())
	}
	go func() { // the parent is gone
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(3)
	}()
	broker, pattern, _ := strings.Cut(spec, " ")
	d, c := settings(broker, pattern)
	c.Batch = 20
	err := Module(d, c).Start(context.Background(), func() {})
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func settings(broker, pattern string) (warehouse.Deps, Config) {
	var c Config
	if err := config.Load(&c, config.Sources{}); err != nil {
		panic(err)
	}
	c.Files, c.Poll = []string{pattern}, 5*time.Millisecond
	c.Format = `$remote_addr [$time_iso8601] $status`
	d := warehouse.Deps{Tel: obs.Discard(), Health: &obs.Health{}}
	d.Config.Kafka = kafka.Config{Brokers: []string{broker}}
	d.Config.DeadLetter = "dead"
	return d, c
}

type fixture struct {
	*testing.T
	dir     string
	cluster *kfake.Cluster
	d       warehouse.Deps
	c       Config
	reader  *kgo.Client
	lines   map[string]int // raw lines and how often they came
	dead    []*kgo.Record
	total   int
	next    int // number of the next line
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(4, "ods_nginx_access"), kfake.SeedTopics(1, "dead"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	f := &fixture{T: t, dir: t.TempDir(), cluster: cluster, lines: map[string]int{}}
	f.d, f.c = settings(cluster.ListenAddrs()[0], filepath.Join(f.dir, "*.log"))
	if f.reader, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics("ods_nginx_access", "dead"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(50*time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.reader.Close)
	return f
}

func (f *fixture) start() (stop func()) {
	f.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- Module(f.d, f.c).Start(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		f.Fatalf("module ended: %v", err)
	case <-time.After(10 * time.Second):
		f.Fatal("module is not ready")
	}
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			f.Errorf("module ended: %v", err)
		}
	}
	f.Cleanup(stop)
	return stop
}

func (f *fixture) path(name string) string { return filepath.Join(f.dir, name) }

// raw is the line of a number.
func raw(n int) string {
	return fmt.Sprintf("10.0.%d.%d [2024-06-01T12:00:00Z] %d", n>>8&255, n&255, n)
}

// text makes n new lines.
func (f *fixture) text(n int) string {
	var b strings.Builder
	for range n {
		f.next++
		b.WriteString(raw(f.next) + "\n")
	}
	return b.String()
}

func (f *fixture) write(name, text string) {
	f.Helper()
	w, err := os.OpenFile(f.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = w.WriteString(text)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) poll(wait time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	f.reader.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
		f.total++
		if r.Topic == "dead" {
			f.dead = append(f.dead, r)
			return
		}
		var m struct {
			Raw    string `json:"raw"`
			File   string `json:"file"`
			Offset int64  `json:"offset"`
			Status int64  `json:"status"`
		}
		f.must(json.Unmarshal(r.Value, &m))
		f.lines[m.Raw]++
	})
}

// exactly waits until as many records came as lines were written, and wants each line once.
func (f *fixture) exactly(dead int) {
	f.Helper()
	for end := time.Now().Add(10 * time.Second); f.total < f.next+dead; f.poll(100 * time.Millisecond) {
		if time.Now().After(end) {
			break
		}
	}
	f.poll(50 * time.Millisecond)
	for i := 1; i <= f.next; i++ {
		if n := f.lines[raw(i)]; n != 1 {
			f.Fatalf("line %d came %d times; %d of %d records", i, n, f.total, f.next+dead)
		}
	}
	if len(f.dead) != dead || f.total != f.next+dead {
		f.Fatalf("%d dead letters, want %d; %d records, want %d", len(f.dead), dead, f.total, f.next+dead)
	}
}

func headers(r *kgo.Record) map[string]string {
	out := map[string]string{}
	for _, h := range r.Headers {
		out[h.Key] = string(h.Value)
	}
	return out
}

func TestFollow(t *testing.T) {
	f := newFixture(t)
	f.c.MaxLine, f.c.RotateWait, f.c.Batch = 300, 50*time.Millisecond, 7
	f.write("a.log", f.text(100))
	f.write("b.log", f.text(3))
	f.write("old.log.gz", "not a log")
	stop := f.start()
	f.exactly(0)

	// The end of a line comes later.
	half := f.text(1)
	f.write("a.log", half[:10])
	f.poll(50 * time.Millisecond)
	if f.total != 103 {
		t.Fatalf("half a line was read: %d records", f.total)
	}
	f.write("a.log", half[10:])
	f.exactly(0)

	// Bad lines, one of them longer than what is read at once.
	f.write("b.log", "broken line\n"+f.text(1)+strings.Repeat("x", 3<<20))
	f.write("b.log", "\n"+f.text(2))
	f.exactly(2)
	h := headers(f.dead[0])
	if string(f.dead[0].Value) != "broken line" || h["source"] != "log" || h["file"] != f.path("b.log") || h["offset"] == "" || h["position"] != h["file"]+":"+h["offset"] || !strings.Contains(h["reason"], "too early") || h["topic"] != "ods_nginx_access" {
		t.Errorf("dead letter %q %v", f.dead[0].Value, h)
	}
	if h := headers(f.dead[1]); len(f.dead[1].Value) != 300 || !strings.Contains(h["reason"], "longer than 300") {
		t.Errorf("dead letter of a long line: %d bytes, %v", len(f.dead[1].Value), h)
	}

	// Rotation: the server goes on in the renamed file, then in the new one; the last line of the old has no end.
	f.write("a.log", f.text(5))
	f.must(os.Rename(f.path("a.log"), f.path("a.log.1")))
	f.write("a.log.1", f.text(5))
	f.write("a.log", f.text(5))
	f.write("a.log.1", strings.TrimSuffix(f.text(1), "\n"))
	f.exactly(2)

	// Cut off, then cut off and grown beyond what was read.
	f.must(os.Truncate(f.path("a.log"), 0))
	f.write("a.log", f.text(2))
	f.exactly(2)
	f.must(os.WriteFile(f.path("a.log"), []byte(f.text(500)), 0o644))
	f.exactly(2)

	stop()
	f.write("a.log", f.text(3))
	f.start()
	f.write("c.log", f.text(3))
	f.exactly(2)
}

func TestRotatedWhileStopped(t *testing.T) {
	f := newFixture(t)
	f.write("a.log", f.text(10))
	stop := f.start()
	f.exactly(0)
	stop()
	f.write("a.log", f.text(10)) // not read yet when it is renamed to what no pattern finds
	f.must(os.Rename(f.path("a.log"), f.path("a.log.1")))
	f.write("a.log", f.text(10))
	stop = f.start()
	f.exactly(0)
	stop()
	// The name and the inode have another content now, longer than the first.
	f.must(os.WriteFile(f.path("a.log"), []byte(f.text(100)), 0o644))
	f.must(os.WriteFile(f.path("a.log.1"), []byte("no log at all, but of the same inode, and longer than what was read of it before, which is some six hundred bytes\n"+strings.Repeat("-", 1000)+"\n"), 0o644))
	f.start()
	f.exactly(0)
}

func TestStartAtEnd(t *testing.T) {
	f := newFixture(t)
	f.c.Start = "end"
	f.write("a.log", "old\nolder\n10.0.0.1 [2024-06")
	stop := f.start()
	f.next = 1
	f.write("a.log", "-01T12:00:00Z] 1\n")
	f.exactly(0)
	stop()
	f.write("b.log", f.text(3)) // new files are read from their start
	f.start()
	f.exactly(0)
}

// TestNoRead has a file that cannot be opened for a while: it is read later, from where it was.
func TestUnreadableForAWhile(t *testing.T) {
	f := newFixture(t)
	f.write("a.log", f.text(10))
	stop := f.start()
	f.exactly(0)
	stop()
	f.must(os.Rename(f.path("a.log"), f.path("a.hidden")))
	stop = f.start()
	stop()
	f.write("a.hidden", f.text(5))
	f.must(os.Rename(f.path("a.hidden"), f.path("a.log")))
	f.start()
	f.exactly(0)
}

// TestCrashes kills the reader while files are written and rotated.
func TestCrashes(t *testing.T) {
	f := newFixture(t)
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	f.write("a.log", f.text(3000))
	first := 1 // line of the file
	for kill := range 6 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childEnv+"="+f.cluster.ListenAddrs()[0]+" "+f.path("*.log"))
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		f.must(cmd.Start())
		for end := time.Now().Add(time.Duration(50+r.IntN(300)) * time.Millisecond); time.Now().Before(end); {
			f.write("a.log", f.text(1+r.IntN(50)))
			f.poll(time.Millisecond)
		}
		if kill%2 == 1 && f.lines[raw(first)] > 0 { // a file that nobody ever saw under its name is not found under another
			first = f.next + 1
			f.must(os.Rename(f.path("a.log"), f.path("a.log."+strconv.Itoa(kill))))
			f.write("a.log", f.text(20))
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	f.start()
	f.exactly(0)
	t.Logf("%d lines", f.next)
}
