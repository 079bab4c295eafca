package shop

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	server "github.com/freshet-dw/freshet/platform/embed/mysql"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// collector takes events as the real one does, and fails each third request in one of several ways, some of them after it took the events.
type collector struct {
	mu       sync.Mutex
	requests int
	ids      map[string]int64 // event time by id
	rejected map[string]bool  // by text
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, _ := gzip.NewReader(bytes.NewReader(body))
		body, err = io.ReadAll(z)
	}
	if err != nil {
		panic(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	n := c.requests
	if n%6 == 3 {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var list []json.RawMessage
	accepted, rejected := 0, []map[string]any{}
	if json.Unmarshal(body, &list) != nil {
		c.rejected[string(body)] = true
		rejected = append(rejected, map[string]any{"index": 0, "reason": "not a JSON array"})
	}
	for i, raw := range list {
		var e struct {
			ID       string `json:"event_id"`
			Mid      string `json:"mid"`
			Time     int64  `json:"event_time"`
			Duration int    `json:"duration_ms"`
			Colour   string `json:"colour"`
		}
		if json.Unmarshal(raw, &e) != nil || e.Mid == "" || e.Colour != "" || len(raw) > 256<<10 {
			c.rejected[string(raw)] = true
			rejected = append(rejected, map[string]any{"index": i, "reason": "bad"})
			continue
		}
		c.ids[e.ID] = e.Time
		accepted++
	}
	if n%6 == 0 { // taken, but the answer is lost
		panic(http.ErrAbortHandler)
	}
	if accepted == 0 {
		w.WriteHeader(http.StatusBadRequest)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"accepted": accepted, "rejected": rejected})
}

func startCollector(t *testing.T) (*collector, string) {
	c := &collector{ids: map[string]int64{}, rejected: map[string]bool{}}
	s := httptest.NewUnstartedServer(c)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return c, s.URL
}

func run(t *testing.T, cfg Config) (*Simulator, account.Expected) {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	e := s.Account().Expect()
	if e.Partial != "" || len(e.Faults) > 0 {
		t.Fatalf("account: partial %q, faults %v", e.Partial, e.Faults)
	}
	return s, e
}

// compare checks the database against the account, row by row where a row has a state.
func compare(t *testing.T, db *sql.DB, shop string, e account.Expected) {
	t.Helper()
	for table, want := range e.Rows {
		var got int64
		if err := db.QueryRow("SELECT COUNT(*) FROM " + name(shop, table)).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s has %d rows, the account %d", table, got, want)
		}
	}
	rows, err := db.Query(strings.ReplaceAll(`SELECT i.item_id, o.order_id, o.user_id, i.product_id, i.quantity, CAST(i.price*100 AS SIGNED), o.status, COALESCE(p.status, ''), COALESCE(p.method, ''), r.province, r.area,
		COALESCE(d.category, ''), COALESCE(d.brand, ''), o.created_at, p.paid_at FROM S.order_item i JOIN S.orders o ON o.order_id = i.order_id JOIN S.region r ON r.region_id = o.region_id
		LEFT JOIN S.payment p ON p.order_id = o.order_id LEFT JOIN S.product d ON d.product_id = i.product_id ORDER BY i.item_id`, "S.", mysql.Quote(shop)+"."))
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	n := 0
	for ; rows.Next(); n++ {
		var r account.Trade
		var paid sql.NullTime
		if err := rows.Scan(&r.Item, &r.Order, &r.User, &r.Product, &r.Quantity, &r.Price, &r.Status, &r.PayStatus, &r.PayMethod, &r.Province, &r.Area, &r.Category, &r.Brand, &r.CreatedAt, &paid); err != nil {
			t.Fatal(err)
		}
		r.PaidAt = paid.Time
		if n >= len(e.Trade) || r != e.Trade[n] {
			t.Fatalf("row %d is %+v, the account has %+v", n, r, e.Trade[min(n, len(e.Trade)-1)])
		}
	}
	if rows.Err() != nil || n != len(e.Trade) {
		t.Errorf("%d of %d items: %v", n, len(e.Trade), rows.Err())
	}
	for _, u := range e.Users {
		var level int
		var phone string
		if err := db.QueryRow("SELECT level, phone FROM "+name(shop, "user")+" WHERE user_id = ?", u.ID).Scan(&level, &phone); err != nil || level != u.Level || phone != u.Phone {
			t.Fatalf("user %+v: %d %s %v", u, level, phone, err)
		}
	}
	for _, p := range e.Products {
		var cents account.Cents
		var status string
		if err := db.QueryRow("SELECT CAST(price*100 AS SIGNED), status FROM "+name(shop, "product")+" WHERE product_id = ?", p.ID).Scan(&cents, &status); err != nil || cents != p.Price || status != p.Status {
			t.Fatalf("product %+v: %d %s %v", p, cents, status, err)
		}
	}
}

// TestSimulator uses one MariaDB throughout, a database for each part.
func TestSimulator(t *testing.T) {
	srv, err := server.Start(t.Context(), server.Config{Dir: filepath.Join(t.TempDir(), "mysql")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	direct := mysql.Config{Addr: srv.Addr(), User: "root", Timeout: 2 * time.Second}
	db, err := mysql.Open(direct)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()

	var calm account.Expected
	t.Run("orders and traffic", func(t *testing.T) {
		col, url := startCollector(t)
		logFile := filepath.Join(t.TempDir(), "nginx", "access.log")
		s, e := run(t, Config{MySQL: direct, Database: "calm", Collector: url, NginxLog: logFile, Seed: 5, TotalOrders: 300, TotalViews: 30000, Users: 100, Products: 30,
			Start: noon, Faults: true, RotateLog: 1000})
		calm = e
		compare(t, db, "calm", e)
		rows, times, sum := int64(0), int64(0), int64(0)
		for _, v := range e.Views {
			rows, times = rows+v.Rows, times+v.TimeSum
		}
		for _, at := range col.ids {
			sum += at
		}
		if rows != 30000 || int64(len(col.ids)) != rows || sum != times {
			t.Errorf("%d events arrived with times %d, the account has %d and %d", len(col.ids), sum, rows, times)
		}
		refused := int64(0)
		for reason, n := range e.Rejected {
			if reason != account.LogLine {
				refused += n
			}
		}
		if int64(len(col.rejected)) != refused || refused == 0 {
			t.Errorf("%d different events were refused, the account has %d", len(col.rejected), refused)
		}
		checkLog(t, logFile, e)
		if p := s.Progress(); !p.Done || p.Orders != 300 || p.Views != 30000 || p.Retries == 0 || p.LogLines != e.LogLines+e.Rejected[account.LogLine] {
			t.Errorf("progress %+v", p)
		}
	})
	t.Run("connections cut at commits", func(t *testing.T) {
		p := startCutter(t, srv.Addr())
		cfg := direct
		cfg.Addr, cfg.Pool = p.addr(), 2
		_, e := run(t, Config{MySQL: cfg, Database: "cut", Seed: 5, TotalOrders: 300, Users: 100, Products: 30, Start: noon, Faults: true})
		compare(t, db, "cut", e)
		sameShop(t, calm, e)
		for how, n := range p.cuts() {
			if n == 0 {
				t.Errorf("no connection was cut %s", how)
			}
		}
	})
	t.Run("server killed", func(t *testing.T) {
		kills := 0
		var s *Simulator
		cfg := Config{MySQL: direct, Database: "killed", Seed: 5, TotalOrders: 300, Users: 100, Products: 30, Start: noon, Faults: true}
		cfg.afterCommit = func() {
			if n := s.Progress().Transactions; n == 10 || n == 25 {
				kills++
				if err := syscall.Kill(srv.Pid(), syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}
		}
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		e := s.Account().Expect()
		compare(t, db, "killed", e)
		sameShop(t, calm, e)
		if kills != 2 || s.Progress().Retries == 0 {
			t.Errorf("%d kills, %d retries", kills, s.Progress().Retries)
		}
	})
	t.Run("stopped with a batch under way", func(t *testing.T) { testUncertainBatch(t, direct) })
	t.Run("stopped and run again", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cfg := Config{MySQL: direct, Database: "again", Seed: 5, OrdersPerSecond: 500, Users: 100, Products: 30, Start: noon, Faults: true}
		done := 0
		cfg.afterCommit = func() {
			if done++; done == 20 {
				cancel()
			}
		}
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := s.Run(ctx); fault.KindOf(err) != fault.Canceled {
			t.Fatalf("a stopped run ends in %v", err)
		}
		compare(t, db, "again", s.Account().Expect())
		second, err := New(Config{MySQL: direct, Database: "again", Seed: 5, TotalOrders: 50, Users: 100, Products: 30, Start: noon, Faults: true})
		if err != nil {
			t.Fatal(err)
		}
		defer second.Close()
		if err := second.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if e := second.Account().Expect(); e.Partial == "" || e.Rows["orders"] == 0 {
			t.Errorf("the account of a second run says partial %q, %d orders", e.Partial, e.Rows["orders"])
		}
	})
}

// testUncertainBatch stops a simulation whose last batch is not answered: the account must say that it does not know.
func testUncertainBatch(t *testing.T, direct mysql.Config) {
	got, release := make(chan struct{}, 10), make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		got <- struct{}{}
		<-release
	}))
	defer hanging.Close()
	defer close(release)
	s, err := New(Config{MySQL: direct, Database: "hanging", Collector: hanging.URL, TotalViews: 10, Users: 10, grace: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { <-got; cancel() }()
	if err := s.Run(ctx); fault.KindOf(err) != fault.Canceled {
		t.Errorf("the run ends in %v", err)
	}
	if e := s.Account().Expect(); e.Partial == "" {
		t.Error("the account claims to be exact")
	}
}

// sameShop checks that trouble did not change what the seed says.
func sameShop(t *testing.T, want, got account.Expected) {
	t.Helper()
	a, b := fmt.Sprint(want.Trade, want.GMV, want.TopN, want.Features, want.Changes), fmt.Sprint(got.Trade, got.GMV, got.TopN, got.Features, got.Changes)
	if a != b {
		t.Error("the same seed gave another account")
	}
}

var combined = regexp.MustCompile(`^\d+\.\d+\.\d+\.\d+ - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET \S+ HTTP/1.1" \d{3} \d+ "[^"]*" "[^"]*"$`)

func checkLog(t *testing.T, file string, e account.Expected) {
	t.Helper()
	files, err := filepath.Glob(file + "*")
	if err != nil || len(files) < 3 {
		t.Fatalf("log files %v: %v", files, err)
	}
	good, broken, seen := int64(0), int64(0), map[string]bool{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSuffix(line, "\n")
			if seen[line] {
				t.Fatalf("line %q is there twice", line)
			}
			seen[line] = true
			if combined.MatchString(line) {
				good++
			} else {
				broken++
			}
		}
	}
	if good != e.LogLines || broken != e.Rejected[account.LogLine] || broken == 0 {
		t.Errorf("%d good and %d broken log lines, the account has %d and %d", good, broken, e.LogLines, e.Rejected[account.LogLine])
	}
}
