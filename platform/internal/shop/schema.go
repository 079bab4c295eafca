package shop

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// tables are the shop's, and in a database of its own the mark by which the simulator knows which of its transactions were committed.
func (s *Simulator) tables() []string {
	db := mysql.Quote(s.cfg.Database) + "."
	return []string{
		"CREATE DATABASE IF NOT EXISTS " + mysql.Quote(s.cfg.Database) + " CHARACTER SET utf8mb4",
		"CREATE DATABASE IF NOT EXISTS " + mysql.Quote(s.marks()) + " CHARACTER SET utf8mb4",
		"CREATE TABLE IF NOT EXISTS " + db + `user (user_id BIGINT PRIMARY KEY, name VARCHAR(64) NOT NULL, gender CHAR(1), birth_year INT, province VARCHAR(32),
			level INT NOT NULL, phone VARCHAR(20), created_at DATETIME(3) NOT NULL, updated_at DATETIME(3) NOT NULL)`,
		"CREATE TABLE IF NOT EXISTS " + db + `product (product_id BIGINT PRIMARY KEY, name VARCHAR(128) NOT NULL, category VARCHAR(32) NOT NULL, brand VARCHAR(32) NOT NULL,
			price DECIMAL(10,2) NOT NULL, status VARCHAR(16) NOT NULL, updated_at DATETIME(3) NOT NULL)`,
		"CREATE TABLE IF NOT EXISTS " + db + `region (region_id INT PRIMARY KEY, province VARCHAR(32) NOT NULL, area VARCHAR(16) NOT NULL)`,
		"CREATE TABLE IF NOT EXISTS " + db + `orders (order_id BIGINT PRIMARY KEY, user_id BIGINT NOT NULL, region_id INT NOT NULL, status VARCHAR(16) NOT NULL,
			total_amount DECIMAL(12,2) NOT NULL, created_at DATETIME(3) NOT NULL, updated_at DATETIME(3) NOT NULL)`,
		"CREATE TABLE IF NOT EXISTS " + db + `order_item (item_id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, product_id BIGINT NOT NULL, quantity INT NOT NULL,
			price DECIMAL(10,2) NOT NULL, KEY by_order (order_id))`,
		"CREATE TABLE IF NOT EXISTS " + db + `payment (payment_id BIGINT PRIMARY KEY, order_id BIGINT NOT NULL, amount DECIMAL(12,2) NOT NULL, method VARCHAR(16) NOT NULL,
			status VARCHAR(16) NOT NULL, paid_at DATETIME(3) NOT NULL)`,
		"CREATE TABLE IF NOT EXISTS " + db + `audit_log (actor VARCHAR(32), action VARCHAR(32), at DATETIME(3))`,
		"CREATE TABLE IF NOT EXISTS " + mysql.Quote(s.marks()) + `.mark (name VARCHAR(32) PRIMARY KEY, n BIGINT NOT NULL)`,
		"INSERT IGNORE INTO " + mysql.Quote(s.marks()) + ".mark VALUES ('run', 0), ('seed', 0), ('transaction', 0)",
	}
}

// marks is the database of the simulator's own table, which the warehouse does not read.
func (s *Simulator) marks() string { return s.cfg.Database + "_simulator" }

// offsets are what ids of new rows come after.
type offsets struct {
	order, item, payment, user int64
	mark                       int64
}

// Prepare creates the databases and tables, and users, products and regions where there are none. On a database that an earlier run left,
// the simulation goes on with new ids; its account then is partial. It may be repeated, and waits for a server that does not answer yet.
func (s *Simulator) Prepare(ctx context.Context) error {
	return fault.Retry(ctx, s.patience(), func(ctx context.Context) error { return s.prepare(ctx) })
}

func (s *Simulator) patience() fault.Policy {
	return fault.Policy{Initial: 50 * time.Millisecond, Max: 500 * time.Millisecond, OnErr: func(err error, attempt int, wait time.Duration) {
		s.count.retries.Add(1)
		s.cfg.Log.Debug("try again", "attempt", attempt, "wait", wait, "err", err)
	}}
}

func (s *Simulator) prepare(ctx context.Context) error {
	for _, statement := range s.tables() {
		if _, err := s.db.ExecContext(ctx, statement); err != nil {
			return mysql.Classify(err, "create the shop's tables")
		}
	}
	number := func(to *int64, query string) error {
		return mysql.Classify(s.db.QueryRowContext(ctx, query).Scan(to), "read the shop's state")
	}
	shop, mark := mysql.Quote(s.cfg.Database)+".", mysql.Quote(s.marks())+".mark"
	var seeded int64
	for query, to := range map[string]*int64{
		"SELECT COALESCE(MAX(order_id), 0) FROM " + shop + "orders":    &s.first.order,
		"SELECT COALESCE(MAX(item_id), 0) FROM " + shop + "order_item": &s.first.item,
		"SELECT COALESCE(MAX(payment_id), 0) FROM " + shop + "payment": &s.first.payment,
		"SELECT COALESCE(MAX(user_id), 0) FROM " + shop + "user":       &s.first.user,
		"SELECT n FROM " + mark + " WHERE name = 'transaction'":        &s.first.mark,
		"SELECT n FROM " + mark + " WHERE name = 'run'":                &s.run,
		"SELECT n FROM " + mark + " WHERE name = 'seed'":               &seeded,
	} {
		if err := number(to, query); err != nil {
			return err
		}
	}
	rows := s.seedRows()
	if seeded == 0 {
		w := transaction{db: s.db, shop: s.cfg.Database, mark: mark, name: "seed", n: 1}
		if err := w.run(ctx, rows); err != nil {
			return err
		}
	}
	if !s.prepared {
		s.account.Commit(rows)
	}
	s.first.user = max(s.first.user, int64(s.cfg.Users))
	if s.run > 0 {
		s.account.Partial("the shop held rows of an earlier run")
	}
	s.run++
	if _, err := s.db.ExecContext(ctx, "UPDATE "+mark+" SET n = ? WHERE name = 'run'", s.run); err != nil {
		return mysql.Classify(err, "note the run")
	}
	s.prepared = true
	return nil
}

// seedRows are the rows that the shop opens with.
func (s *Simulator) seedRows() []account.Change {
	at := s.cfg.Start
	if at.IsZero() {
		at = opening
	}
	rng := rand.New(rand.NewPCG(s.cfg.Seed, streamSeed))
	var out []account.Change
	add := func(row any) { out = append(out, account.Change{Op: account.Insert, Row: row}) }
	for _, r := range regions {
		add(r)
	}
	for _, p := range products(rng, s.cfg.Products, at) {
		add(p)
	}
	for id := range int64(s.cfg.Users) {
		add(newUser(rng, id+1, at))
	}
	return out
}

// opening is when the shop opened, if the simulation does not say when it begins.
var opening = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// Streams of random numbers; each part draws from its own, so that they do not depend on each other.
const (
	streamSeed = iota + 1
	streamOrders
	streamViews
)

func products(rng *rand.Rand, n int, at time.Time) []account.Product {
	out := make([]account.Product, n)
	for i := range out {
		c := catalogue[rng.IntN(len(catalogue))]
		brand := c.brands[rng.IntN(len(c.brands))]
		price := account.Cents(c.low + rng.Int64N(c.high-c.low))
		out[i] = account.Product{ID: int64(i + 1), Name: fmt.Sprintf("%s %s %d", brand, c.things[rng.IntN(len(c.things))], i+1), Category: c.name, Brand: brand,
			Price: price, Status: "ON_SALE", UpdatedAt: at}
	}
	return out
}

func newUser(rng *rand.Rand, id int64, at time.Time) account.User {
	u := account.User{ID: id, Name: family[rng.IntN(len(family))] + " " + given[rng.IntN(len(given))], Gender: "F", BirthYear: 1950 + rng.IntN(58),
		Province: regions[skewed(rng, len(regions))].Province, Level: 1 + skewed(rng, 5), Phone: phone(rng), CreatedAt: at, UpdatedAt: at}
	if rng.IntN(2) == 0 {
		u.Gender = "M"
	}
	return u
}

func phone(rng *rand.Rand) string {
	return fmt.Sprintf("1%d%09d", 3+rng.IntN(7), rng.IntN(1_000_000_000))
}

// skewed draws from 0..n-1, small numbers more often: the first quarter gets half of the draws.
func skewed(rng *rand.Rand, n int) int {
	f := rng.Float64()
	return int(f * f * float64(n))
}
