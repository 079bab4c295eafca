package shop

import (
	"container/heap"
	"math/rand/v2"
	"time"

	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// orders makes the shop's transactions: a discrete-event simulation of order lives in simulated time. It draws from its own random numbers only.
type orders struct {
	cfg  Config
	rng  *rand.Rand
	pace pace

	made     int64   // orders created so far
	nextAt   float64 // milliseconds after the start of the next creation
	life     steps
	seq      int64
	next     offsets
	users    []account.User
	products []account.Product
}

// step is the next thing in an order's life.
type step struct {
	at  int64 // milliseconds after the start
	seq int64
	do  func(now time.Time) []account.Change
}

type steps []step

func (s steps) Len() int { return len(s) }
func (s steps) Less(i, j int) bool {
	return s[i].at < s[j].at || s[i].at == s[j].at && s[i].seq < s[j].seq
}
func (s steps) Swap(i, j int) { s[i], s[j] = s[j], s[i] }
func (s *steps) Push(x any)   { *s = append(*s, x.(step)) }
func (s *steps) Pop() any {
	old := *s
	last := old[len(old)-1]
	*s = old[:len(old)-1]
	return last
}

func newOrders(cfg Config, first offsets, p pace) *orders {
	at := cfg.Start
	if at.IsZero() {
		at = opening
	}
	seed := rand.New(rand.NewPCG(cfg.Seed, streamSeed)) // the same rows as Prepare's
	g := &orders{cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, streamOrders+uint64(first.order)<<8)), pace: p, next: first}
	g.products = products(seed, cfg.Products, at)
	for id := range int64(cfg.Users) {
		g.users = append(g.users, newUser(seed, id+1, at))
	}
	return g
}

// batch is a transaction: what it changes, how many orders it creates, and the simulated time after which it can be written.
type batch struct {
	changes []account.Change
	created int64
	offset  time.Duration
}

// transaction makes the next transaction; ok is false when all orders have lived to their end.
func (g *orders) transaction() (b batch, ok bool) {
	// Most transactions are one customer's step; some are a back office's that does many at once. Without a clock to keep up with
	// they are larger, since each costs a commit.
	most, window := 1, 100*time.Millisecond
	if g.rng.IntN(4) == 0 {
		most = 2 + g.rng.IntN(6)
	}
	if !g.pace.real {
		most, window = 1+g.rng.IntN(40), time.Hour
	}
	var first time.Duration
	for n := range most {
		at, found := g.peek()
		if !found || n > 0 && at-first > window {
			break
		}
		if n == 0 {
			first = at
		}
		changes, created := g.step()
		b.changes, b.created, b.offset, ok = append(b.changes, changes...), b.created+created, at, true
	}
	return b, ok
}

func (g *orders) more() bool { return g.cfg.TotalOrders == 0 || g.made < g.cfg.TotalOrders }

// creates says whether the next step is a new order, rather than one of an order that exists.
func (g *orders) creates() bool {
	return g.more() && (len(g.life) == 0 || int64(g.nextAt) <= g.life[0].at)
}

func (g *orders) peek() (time.Duration, bool) {
	switch {
	case g.creates():
		return time.Duration(int64(g.nextAt)) * time.Millisecond, true
	case len(g.life) > 0:
		return time.Duration(g.life[0].at) * time.Millisecond, true
	}
	return 0, false
}

func (g *orders) step() ([]account.Change, int64) {
	if !g.creates() {
		s := heap.Pop(&g.life).(step)
		return s.do(g.time(s.at)), 0
	}
	at := int64(g.nextAt)
	g.nextAt += g.rng.ExpFloat64() * g.pace.gap
	g.made++
	changes := g.create(at)
	if g.rng.IntN(20) == 0 {
		changes = append(changes, g.office(g.time(at))...)
	}
	return changes, 1
}

func (g *orders) time(ms int64) time.Time {
	return g.pace.start.Add(time.Duration(ms) * time.Millisecond)
}

// later plans a step between the two durations from at, sooner ones more likely.
func (g *orders) later(at int64, from, to time.Duration, do func(time.Time) []account.Change) {
	f := g.rng.Float64()
	delay := from + time.Duration(f*f*f*float64(to-from))
	g.seq++
	heap.Push(&g.life, step{at: at + delay.Milliseconds(), seq: g.seq, do: do})
}

// unknownProduct is the id of products that the shop never had.
const unknownProduct = 900_000_000

// create makes an order and plans its life.
func (g *orders) create(at int64) []account.Change {
	rng := g.rng
	g.next.order++
	user := g.users[skewed(rng, g.cfg.Users)]
	o := account.Order{ID: g.next.order, User: user.ID, Status: account.Created, CreatedAt: g.time(at), UpdatedAt: g.time(at)}
	o.Region = regionOf(user.Province)
	if rng.IntN(10) == 0 { // a present
		o.Region = regions[rng.IntN(len(regions))].ID
	}
	items := make([]account.Item, 1+skewed(rng, 4))
	for i := range items {
		g.next.item++
		p := g.products[skewed(rng, len(g.products))]
		items[i] = account.Item{ID: g.next.item, Order: o.ID, Product: p.ID, Quantity: 1 + skewed(rng, 4), Price: p.Price}
		if g.cfg.Faults && rng.IntN(500) == 0 {
			items[i].Product = unknownProduct + rng.Int64N(100)
		}
		o.Total += items[i].Amount()
	}
	changes := []account.Change{{Op: account.Insert, Row: o}}
	for _, i := range items {
		changes = append(changes, account.Change{Op: account.Insert, Row: i})
	}
	switch fate := rng.IntN(100); {
	case fate < 82:
		g.later(at, time.Second, 5*time.Minute, func(now time.Time) []account.Change { return g.pay(o, now) })
	case fate < 94:
		g.later(at, 2*time.Second, 10*time.Minute, func(now time.Time) []account.Change { return g.cancel(o, items, now) })
	}
	return changes
}

func regionOf(province string) int {
	for _, r := range regions {
		if r.Province == province {
			return r.ID
		}
	}
	return regions[0].ID
}

func (g *orders) pay(o account.Order, now time.Time) []account.Change {
	g.next.payment++
	p := account.Payment{ID: g.next.payment, Order: o.ID, Amount: o.Total, Method: methods[skewed(g.rng, len(methods))], Status: account.Paid, PaidAt: now}
	o.Status, o.UpdatedAt = account.Paid, now
	if g.rng.IntN(14) == 0 {
		g.later(now.Sub(g.pace.start).Milliseconds(), 3*time.Second, 20*time.Minute, func(now time.Time) []account.Change { return g.refund(o, p, now) })
	}
	return []account.Change{{Op: account.Insert, Row: p}, {Op: account.Update, Row: o}}
}

func (g *orders) refund(o account.Order, p account.Payment, now time.Time) []account.Change {
	o.Status, o.UpdatedAt = account.Refunded, now
	p.Status = account.Refunded
	return []account.Change{{Op: account.Update, Row: p}, {Op: account.Update, Row: o}, audit("service", "refund", now)}
}

func (g *orders) cancel(o account.Order, items []account.Item, now time.Time) []account.Change {
	o.Status, o.UpdatedAt = account.Cancelled, now
	if g.rng.IntN(6) == 0 {
		g.later(now.Sub(g.pace.start).Milliseconds(), 2*time.Second, 10*time.Minute, func(now time.Time) []account.Change { return erase(o, items, now) })
	}
	return []account.Change{{Op: account.Update, Row: o}, audit("customer", "cancel", now)}
}

func erase(o account.Order, items []account.Item, now time.Time) []account.Change {
	var changes []account.Change
	for _, i := range items {
		changes = append(changes, account.Change{Op: account.Delete, Row: i})
	}
	return append(changes, account.Change{Op: account.Delete, Row: o}, audit("cleaner", "delete", now))
}

// office is what happens beside orders: prices and offers change, profiles change, people sign up.
func (g *orders) office(now time.Time) []account.Change {
	rng := g.rng
	switch rng.IntN(5) {
	case 0, 1:
		p := &g.products[rng.IntN(len(g.products))]
		p.Price = max(100, p.Price*account.Cents(80+rng.IntN(45))/100)
		p.UpdatedAt = now
		return []account.Change{{Op: account.Update, Row: *p}, audit("pricing", "price", now)}
	case 2:
		p := &g.products[rng.IntN(len(g.products))]
		p.Status = map[string]string{"ON_SALE": "SOLD_OUT", "SOLD_OUT": "ON_SALE"}[p.Status]
		p.UpdatedAt = now
		return []account.Change{{Op: account.Update, Row: *p}}
	case 3:
		u := &g.users[rng.IntN(g.cfg.Users)]
		u.UpdatedAt = now
		if rng.IntN(3) == 0 {
			u.Phone = phone(rng)
		} else {
			u.Level = 1 + (u.Level+rng.IntN(3))%6
		}
		return []account.Change{{Op: account.Update, Row: *u}}
	default:
		// Newcomers do not buy yet: an order must not race its user into the dimension.
		g.next.user++
		return []account.Change{{Op: account.Insert, Row: newUser(rng, g.next.user, now)}}
	}
}

func audit(actor, action string, at time.Time) account.Change {
	return account.Change{Op: account.Insert, Row: account.Audit{Actor: actor, Action: action, At: at}}
}
