package clickhouse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/pkg/fault"
	embedded "github.com/freshet-dw/freshet/platform/embed/clickhouse"
)

func open(t testing.TB, s *embedded.Server) *clickhouse.Client {
	t.Helper()
	c, err := clickhouse.Open(t.Context(), clickhouse.Config{Addr: s.TCPAddr(), Retry: fault.Policy{MaxElapsed: 30 * time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func batch(from, n int64) arrow.Record {
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range n {
		b.Field(0).(*array.Int64Builder).Append(from + i)
	}
	return b.NewRecord()
}

var idTable = clickhouse.Table{Name: "t", Columns: []clickhouse.Column{{Name: "id", Type: "Int64"}}, OrderBy: []string{"id"}}

// TestKillDuringInserts kills the child again and again while batches with tokens are inserted and repeated:
// in the end every batch is there exactly once, and the server came back by itself each time.
func TestKillDuringInserts(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	c := open(t, s)
	if err := c.EnsureTable(t.Context(), idTable); err != nil {
		t.Fatal(err)
	}
	const rows, kills = 5000, 3
	stop := make(chan struct{})
	killed := make(chan error, 1)
	go func() {
		defer close(stop)
		for range kills {
			time.Sleep(300 * time.Millisecond) // the moment of the kill is meant to be arbitrary
			pid, before := s.PID(), s.Restarts()
			if pid == 0 {
				killed <- errors.New("no child to kill")
				return
			}
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				killed <- err
				return
			}
			for deadline := time.Now().Add(20 * time.Second); s.Restarts() == before || s.PID() == 0; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(deadline) {
					killed <- errors.New("the child did not come back")
					return
				}
			}
		}
		killed <- nil
	}()
	n := int64(0)
	for done := false; !done; n++ {
		select {
		case <-stop:
			done = true
		default:
		}
		rec := batch(n*rows, rows)
		err := c.InsertColumns(t.Context(), "t", nil, rec, fmt.Sprintf("b%d", n))
		rec.Release()
		if err != nil {
			t.Fatalf("batch %d: %v", n, err)
		}
	}
	if err := <-killed; err != nil {
		t.Fatal(err)
	}
	var count, distinct uint64
	if err := c.Scan(t.Context(), "SELECT count(), uniqExact(id) FROM t", &count, &distinct); err != nil {
		t.Fatal(err)
	}
	if want := uint64(n * rows); count != want || distinct != want {
		t.Errorf("%d rows, %d distinct, want %d of both", count, distinct, want)
	}
	t.Logf("%d batches over %d kills", n, kills)
}

// TestRefusesWhileDown stops the child from coming back: both ports must answer at once, with the reason.
func TestRefusesWhileDown(t *testing.T) {
	exe := t.TempDir() + "/child"
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	s, err := embedded.Start(t.Context(), embedded.Config{Dir: t.TempDir(), Exe: exe, Args: []string{childCommand}, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := os.Remove(exe); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(s.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return s.Restarts() > 0 })

	began := time.Now()
	_, err = clickhouse.Open(t.Context(), clickhouse.Config{Addr: s.TCPAddr()})
	if fault.KindOf(err) != fault.Unavailable || clickhouse.Code(err) != 210 || !strings.Contains(err.Error(), "embedded ClickHouse") {
		t.Errorf("native: kind %v: %v", fault.KindOf(err), err)
	}
	resp, err := http.Post("http://"+s.HTTPAddr()+"/", "text/plain", strings.NewReader("SELECT 1"))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil || resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), "embedded ClickHouse") {
		t.Errorf("HTTP: %s %q %v", resp.Status, body, err)
	}
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("the refusals took %v", d)
	}
	if err := os.Symlink(self, exe); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool {
		resp, err := http.Get("http://" + s.HTTPAddr() + "/?query=SELECT+1")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited too long")
		}
	}
}

// TestReopen finds the rows again after an orderly stop.
func TestReopen(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	post(t, s.HTTPAddr(), "CREATE TABLE t (id Int64) ENGINE = MergeTree ORDER BY id")
	post(t, s.HTTPAddr(), "INSERT INTO t VALUES (1), (2)")
	pid := s.PID()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the child %d outlived Close: %v", pid, err)
	}
	s = start(t, dir)
	if got := post(t, s.HTTPAddr(), "SELECT count() FROM t"); got != "2\n" {
		t.Errorf("got %q", got)
	}
}

// TestDiesWithParent kills a parent and expects its child to end and to free the data folder, so that the
// next server over the same folder starts and has the acknowledged rows.
func TestDiesWithParent(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self, parentCommand, dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var pid int
	var addr string
	if _, err := fmt.Fscan(out, &pid, &addr); err != nil {
		t.Fatal(err)
	}
	post(t, addr, "CREATE TABLE t (id Int64) ENGINE = MergeTree ORDER BY id")
	post(t, addr, "INSERT INTO t VALUES (1), (2)")
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	waitFor(t, func() bool { return gone(pid) })
	s := start(t, dir)
	if got := post(t, s.HTTPAddr(), "SELECT count() FROM t"); got != "2\n" {
		t.Errorf("got %q", got)
	}
}

// gone tells whether a process has ended; an orphan may stay a zombie when nobody reaps it.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}

func TestOneServerPerFolder(t *testing.T) {
	dir := t.TempDir()
	start(t, dir)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	s, err := embedded.Start(ctx, embedded.Config{Dir: dir, Args: []string{childCommand}, Logger: quiet()})
	if err == nil {
		s.Close()
		t.Fatal("two servers over one folder")
	}
}
