package redis

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/testkit/storetest"
	goredis "github.com/redis/go-redis/v9"
)

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func client(t *testing.T, addr string) *goredis.Client {
	t.Helper()
	c := goredis.NewClient(&goredis.Options{Addr: addr, MaxRetries: -1})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestConformance(t *testing.T) {
	storetest.Redis(t, start(t, Config{Dir: t.TempDir(), Sync: true}).Addr())
}

// contents is every key with its value and remaining life in seconds.
func contents(t *testing.T, c *goredis.Client) map[string]string {
	t.Helper()
	ctx := t.Context()
	out := map[string]string{}
	for _, k := range c.Keys(ctx, "*").Val() {
		var v any
		switch kind := c.Type(ctx, k).Val(); kind {
		case "string":
			v = c.Get(ctx, k).Val()
		case "hash":
			v = c.HGetAll(ctx, k).Val()
		case "list":
			v = c.LRange(ctx, k, 0, -1).Val()
		case "set":
			v = c.SMembers(ctx, k).Val()
		case "zset":
			v = c.ZRangeWithScores(ctx, k, 0, -1).Val()
		case "stream":
			v = c.XRange(ctx, k, "-", "+").Val()
		default:
			t.Fatalf("%s is a %s", k, kind)
		}
		out[k] = fmt.Sprint(v, " ttl ", c.TTL(ctx, k).Val() >= 0)
	}
	return out
}

// TestRestartRandom applies random changes of all kinds with compactions in
// between, and expects the same contents after restarts.
func TestRestartRandom(t *testing.T) {
	for _, streams := range []bool{false, true} {
		dir := t.TempDir()
		cfg := Config{Dir: dir, CompactBytes: 4 << 10}
		rnd := rand.New(rand.NewPCG(1, 2))
		for round := range 4 {
			s := start(t, cfg)
			c := client(t, s.Addr())
			ctx := t.Context()
			for i := range 400 {
				k := fmt.Sprint("k", rnd.IntN(12))
				switch n := rnd.IntN(16); n {
				case 0:
					c.Set(ctx, "s"+k, rnd.Uint64(), 0)
				case 1:
					c.Set(ctx, "s"+k, rnd.Uint64(), time.Hour)
				case 2:
					c.Incr(ctx, "n"+k)
				case 3:
					c.HSet(ctx, "h"+k, fmt.Sprint("f", rnd.IntN(5)), "\x00\xff"+k)
				case 4:
					c.HIncrByFloat(ctx, "hf"+k, "f", 0.1)
				case 5:
					c.ZAdd(ctx, "z"+k, goredis.Z{Score: rnd.Float64(), Member: i % 7})
				case 6:
					c.ZIncrBy(ctx, "z"+k, 1e-9, "m")
				case 7:
					c.RPush(ctx, "l"+k, i)
				case 8:
					c.LPop(ctx, "l"+k)
				case 9:
					c.SAdd(ctx, "set"+k, i%9)
				case 10:
					c.SPop(ctx, "set"+k)
				case 11:
					c.Del(ctx, "s"+k)
				case 12:
					c.TxPipelined(ctx, func(p goredis.Pipeliner) error {
						p.Set(ctx, "s"+k, i, time.Minute)
						p.HSet(ctx, "h"+k, "tx", i)
						p.SPop(ctx, "set"+k)
						return nil
					})
				case 13:
					c.Eval(ctx, "return redis.call('INCRBY', KEYS[1], ARGV[1])", []string{"lua" + k}, i)
				case 14:
					c.Rename(ctx, "s"+k, "sr"+k)
				case 15:
					if streams {
						c.XAdd(ctx, &goredis.XAddArgs{Stream: "x" + k, Values: []any{"i", i}})
					}
				}
			}
			if err := c.HSet(ctx, "big", manyPairs(3000)...).Err(); err != nil {
				t.Fatal(err)
			}
			before := contents(t, c)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			again := start(t, cfg)
			c2 := client(t, again.Addr())
			if after := contents(t, c2); !reflect.DeepEqual(before, after) {
				for k := range before {
					if before[k] != after[k] {
						t.Errorf("round %d: %s was %.200s, is %.200s", round, k, before[k], after[k])
					}
				}
				t.FailNow()
			}
			if _, err := c2.EvalSha(ctx, "no such", nil).Result(); err == nil {
				t.Fatal("unknown script ran")
			}
			if err := again.Close(); err != nil {
				t.Fatal(err)
			}
		}
		snapshots, _ := filepath.Glob(filepath.Join(dir, "snapshot-*"))
		if streams != (len(snapshots) == 0) {
			t.Errorf("streams %v: snapshots %v", streams, snapshots)
		}
		if files, _ := os.ReadDir(dir); len(files) > 3 && !streams {
			t.Errorf("old files stay: %v", files)
		}
	}
}

func manyPairs(n int) []any {
	var out []any
	for i := range n {
		out = append(out, fmt.Sprint("f", i), i)
	}
	return out
}

// TestKilled runs the server in a child process, kills it while writes arrive,
// and expects every acknowledged one.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestChild$")
		cmd.Env = append(os.Environ(), "REDIS_CHILD_DIR="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		c := client(t, strings.TrimSpace(line))
		acked := make(chan int, 1)
		first := make(chan struct{})
		go func() {
			n := 0
			defer func() { acked <- n }()
			for {
				if c.Set(t.Context(), fmt.Sprintf("r%d:%d", round, n), n, 0).Err() != nil {
					return
				}
				if n++; n == 100 {
					close(first)
				}
			}
		}()
		<-first
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		n := <-acked
		s := start(t, Config{Dir: dir})
		c2 := client(t, s.Addr())
		for i := range n {
			if got, err := c2.Get(t.Context(), fmt.Sprintf("r%d:%d", round, i)).Int(); err != nil || got != i {
				t.Fatalf("acknowledged write %d of %d is lost: %v", i, n, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestChild is the body of the child process of TestKilled.
func TestChild(t *testing.T) {
	dir := os.Getenv("REDIS_CHILD_DIR")
	if dir == "" {
		return
	}
	s, err := Start(context.Background(), Config{Dir: dir, CompactBytes: 2 << 10})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(s.Addr())
	<-s.Done()
}

func TestTornAndDamagedLog(t *testing.T) {
	dir := t.TempDir()
	s := start(t, Config{Dir: dir})
	c := client(t, s.Addr())
	for i := range 3 {
		if err := c.Set(t.Context(), fmt.Sprint("k", i), strings.Repeat("x", 50), 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "log-00000001")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, torn := range [][]byte{whole[:len(whole)-10], append(bytes.Clone(whole), 1, 2, 3), append(bytes.Clone(whole), make([]byte, 4096)...)} {
		if err := os.WriteFile(path, torn, 0o644); err != nil {
			t.Fatal(err)
		}
		s := start(t, Config{Dir: dir})
		c := client(t, s.Addr())
		want := int64(3)
		if len(torn) < len(whole) {
			want = 2
		}
		if n := c.DBSize(t.Context()).Val(); n != want {
			t.Fatalf("%d keys after a torn tail, want %d", n, want)
		}
		if err := c.Set(t.Context(), "k2", "y", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	damaged := bytes.Clone(whole)
	damaged[12] ^= 1
	if err := os.WriteFile(path, damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Start(t.Context(), Config{Dir: dir}); fault.KindOf(err) != fault.Permanent || fault.RemedyOf(err) == "" {
		t.Fatalf("damage in the middle: %v", err)
	}
}

func TestPortInUse(t *testing.T) {
	s := start(t, Config{})
	_, port, _ := strings.Cut(s.Addr(), ":")
	var n int
	fmt.Sscan(port, &n)
	if _, err := Start(t.Context(), Config{Port: n}); fault.KindOf(err) != fault.Config || fault.RemedyOf(err) == "" {
		t.Fatalf("err = %v", err)
	}
}

func TestPublishSubscribe(t *testing.T) {
	s := start(t, Config{Dir: t.TempDir()})
	c := client(t, s.Addr())
	sub := c.Subscribe(t.Context(), "news")
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Publish(t.Context(), "news", "hello").Result(); err != nil || n != 1 {
		t.Fatalf("publish reached %d: %v", n, err)
	}
	if m, err := sub.ReceiveMessage(t.Context()); err != nil || m.Payload != "hello" {
		t.Fatalf("message %v: %v", m, err)
	}
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.BLPop(t.Context(), time.Second, "l").Err(); err == nil || !strings.Contains(err.Error(), "not served") {
		t.Fatalf("BLPOP: %v", err)
	}
}

func FuzzReadCommand(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\na\r\n"))
	f.Add([]byte("PING\r\n\r\n*-1\r\n*1\r\n$-1\r\n"))
	f.Add([]byte("*1000000\r\n$536870912\r\nx"))
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bufio.NewReader(bytes.NewReader(b))
		for {
			if _, err := readCommand(in); err != nil {
				return
			}
		}
	})
}

func FuzzRecord(f *testing.F) {
	r := record{time: time.Unix(1, 2), db: 3, cmds: [][]string{{"SET", "a", "\x00"}, {"DEL"}}}
	f.Add(r.encode(nil)[8:])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b)
		if err != nil {
			return
		}
		again, err := decode(r.encode(nil)[8:])
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Fatalf("%v %v %v", r, again, err)
		}
	})
}

func BenchmarkPipelinedSet(b *testing.B) {
	s, err := Start(context.Background(), Config{Dir: b.TempDir(), Sync: true})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c := goredis.NewClient(&goredis.Options{Addr: s.Addr()})
	defer c.Close()
	value := strings.Repeat("v", 100)
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for n := 0; n < b.N; n += 1000 {
		_, err := c.Pipelined(context.Background(), func(p goredis.Pipeliner) error {
			for i := range min(1000, b.N-n) {
				p.Set(context.Background(), fmt.Sprint("k", i), value, 0)
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
