package hbase_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/platform/embed/hbase"
)

const childEnv = "HBASE_TEST_CHILD_DIR"

// TestMain serves as the child of TestKill when it is told a directory.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(m.Run())
}

func child(dir string) int {
	s, err := hbase.Start(context.Background(), hbase.Config{Dir: dir})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	fmt.Println("zk", s.ZKAddr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent is gone
	return 0
}

func open(t testing.TB, zk string) *client.Client {
	t.Helper()
	c, err := client.Open(t.Context(), client.Config{ZooKeeper: zk})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func ensure(t testing.TB, c *client.Client) {
	t.Helper()
	if err := c.EnsureTable(t.Context(), "t", map[string]client.FamilyOptions{"f": {}}, [][]byte{[]byte("5")}); err != nil {
		t.Fatal(err)
	}
}

func cellOf(row, value string, version uint64) client.Mutation {
	return client.Mutation{Row: []byte(row), Version: version, Cells: []client.Cell{{Family: "f", Qualifier: "q", Value: []byte(value)}}}
}

// TestRestart reuses both ports and checks that an open client goes on by itself.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	s := start(t, hbase.Config{Dir: dir})
	cfg := hbase.Config{Dir: dir, ZKAddr: s.ZKAddr(), RPCAddr: s.RPCAddr()}
	c := open(t, s.ZKAddr())
	ensure(t, c)
	if err := c.Apply(t.Context(), "t", []client.Mutation{cellOf("1", "a", 1), cellOf("7", "b", 1)}); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = start(t, cfg)
		for row, want := range map[string]string{"1": "a", "7": "b"} {
			got, _, err := c.Get(t.Context(), "t", []byte(row), nil)
			if v, _ := got.Value("f", "q"); err != nil || string(v) != want {
				t.Errorf("restart %d: row %s is %q, %v, want %q", i, row, v, err, want)
			}
		}
		if err := c.Apply(t.Context(), "t", []client.Mutation{cellOf("2", "later", 1)}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestKill kills the server with SIGKILL amid concurrent writes and then finds every
// write that was acknowledged.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stdin.Close() }()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "zk ")
	if err != nil || !ok {
		t.Fatalf("child said %q, %v", line, err)
	}
	c := open(t, addr)
	ensure(t, c)

	const workers, before = 4, 40
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		acked []string
		kill  sync.Once
	)
	writes, stop := context.WithCancel(ctx)
	defer stop()
	for w := range workers {
		wg.Go(func() {
			for i := 0; writes.Err() == nil; i++ {
				var batch []client.Mutation
				var rows []string
				for k := range 10 {
					row := fmt.Sprintf("%d-%d-%d", w+k, i, w)
					rows = append(rows, row)
					batch = append(batch, cellOf(row, row, 1))
				}
				if err := c.Apply(writes, "t", batch); err != nil {
					return // the server is gone
				}
				mu.Lock()
				acked = append(acked, rows...)
				if len(acked) >= workers*before*10 {
					kill.Do(func() {
						if err := cmd.Process.Kill(); err != nil {
							t.Error(err)
						}
						time.AfterFunc(50*time.Millisecond, stop)
					})
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	_ = cmd.Wait() // killed

	again := open(t, start(t, hbase.Config{Dir: dir}).ZKAddr())
	keys := make([][]byte, len(acked))
	for i, row := range acked {
		keys[i] = []byte(row)
	}
	rows, err := again.MultiGet(t.Context(), "t", keys, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range rows {
		if v, _ := r.Value("f", "q"); string(v) != acked[i] {
			t.Fatalf("acknowledged row %s is %q after the kill, of %d", acked[i], v, len(acked))
		}
	}
}

// TestMalformed sends what no client sends and checks that the server goes on.
func TestMalformed(t *testing.T) {
	s := start(t, hbase.Config{})
	hello := "HBas\x00\x50\x00\x00\x00\x00"
	for i, b := range []string{
		"", "GET / HTTP/1.1\r\n\r\n", "HBas\x00\x51", "HBas\x00\x50\xff\xff\xff\xff", "HBas\x00\x50\x00\x00\x00\x02\xff\xff",
		hello + "\xff\xff\xff\xff", hello + "\x00\x00\x00\x00", hello + "\x00\x00\x00\x01\x7f",
		hello + "\x00\x00\x00\x05\x04\x08\x01\x20\x01", // a parameter is announced, none comes
		hello + "\x00\x00\x00\x0a\x04\x08\x01\x1a\x00\x00\x00\x00\x00\x00",
		"HBas\x00\x50\x00\x00\x00\x03\x1a\x01x", "HBas\x00\x50\x00\x00\x00\x03\x22\x01x",
	} {
		for _, addr := range []string{s.RPCAddr(), s.ZKAddr()} {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte(b)); err != nil {
				t.Logf("input %d: %v", i, err)
			}
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Logf("input %d: %v", i, err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			var ne net.Error
			if _, err := io.Copy(io.Discard, conn); errors.As(err, &ne) && ne.Timeout() {
				t.Errorf("input %d: the connection to %s stays open", i, addr)
			}
			_ = conn.Close()
		}
	}
	c := open(t, s.ZKAddr())
	ensure(t, c)
}

func TestConfig(t *testing.T) {
	for _, cfg := range []hbase.Config{{}, {Dir: t.TempDir(), ZKAddr: "nohost"}, {Dir: t.TempDir(), RPCAddr: "1"}} {
		if s, err := hbase.Start(t.Context(), cfg); err == nil {
			t.Errorf("started with %+v", cfg)
			_ = s.Close()
		}
	}
	s := start(t, hbase.Config{})
	if other, err := hbase.Start(t.Context(), hbase.Config{Dir: t.TempDir(), RPCAddr: s.RPCAddr()}); err == nil || !strings.Contains(err.Error(), s.RPCAddr()) {
		t.Errorf("two servers on one port: %v", err)
		if other != nil {
			_ = other.Close()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended, err := hbase.Start(ctx, hbase.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	for i := 0; ; i++ {
		conn, err := net.Dial("tcp", ended.RPCAddr())
		if err != nil {
			break
		}
		_ = conn.Close()
		if i > 1000 {
			t.Fatal("the server goes on after its context ended")
		}
		time.Sleep(time.Millisecond)
	}
	if err := ended.Close(); err != nil {
		t.Error(err)
	}
}

// BenchmarkPut writes batches of 1000 rows of 100 bytes, each batch synced to disk.
func BenchmarkPut(b *testing.B) {
	c := open(b, start(b, hbase.Config{}).ZKAddr())
	ensure(b, c)
	const size = 100
	value := strings.Repeat("v", size)
	n := 0
	rows := 0
	b.SetBytes(1000 * size)
	b.ReportAllocs()
	for b.Loop() {
		batch := make([]client.Mutation, 1000)
		for i := range batch {
			batch[i] = cellOf(strconv.Itoa(n%9)+"-"+strconv.Itoa(n), value, 1)
			n++
		}
		if err := c.Apply(b.Context(), "t", batch); err != nil {
			b.Fatal(err)
		}
		rows += len(batch)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkMultiGet reads batches of 1000 rows.
func BenchmarkMultiGet(b *testing.B) {
	c := open(b, start(b, hbase.Config{}).ZKAddr())
	ensure(b, c)
	var batch []client.Mutation
	var keys [][]byte
	for i := range 1000 {
		m := cellOf(strconv.Itoa(i), strings.Repeat("v", 100), 1)
		batch, keys = append(batch, m), append(keys, m.Row)
	}
	if err := c.Apply(b.Context(), "t", batch); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(1000 * 100)
	b.ReportAllocs()
	rows := 0
	for b.Loop() {
		got, err := c.MultiGet(b.Context(), "t", keys, nil)
		if err != nil || len(got) != len(keys) {
			b.Fatal(err)
		}
		rows += len(got)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
