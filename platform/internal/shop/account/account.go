// Package account is the exact account of what the shop simulator did: a tiny warehouse in memory, which says what every store of the real one must
// hold once it has seen everything.
//
// It is fed with what certainly happened: committed transactions, acknowledged events, written log lines. It computes by plain loops over final rows, on
// purpose in another way than the warehouse, whose numbers it checks.
package account

import (
	"fmt"
	"sync"
	"time"
)

// Account is safe for concurrent use.
type Account struct {
	mu       sync.Mutex
	users    map[int64]User
	products map[int64]Product
	regions  map[int]Region
	orders   map[int64]Order
	items    map[int64][]Item  // by order
	payments map[int64]Payment // by order
	audits   int64
	changes  map[string]Changes

	uv       map[int32]map[string]struct{} // devices by day since 1970
	views    map[string]*ViewTotals
	repeated int64
	rejected map[string]int64
	logs     int64

	partial string
	faults  []string
}

// New returns an empty account.
func New() *Account {
	return &Account{
		users: map[int64]User{}, products: map[int64]Product{}, regions: map[int]Region{},
		orders: map[int64]Order{}, items: map[int64][]Item{}, payments: map[int64]Payment{}, changes: map[string]Changes{},
		uv: map[int32]map[string]struct{}{}, views: map[string]*ViewTotals{}, rejected: map[string]int64{},
	}
}

// Table is the name of the table that a change's row belongs to.
func (c Change) Table() string {
	switch c.Row.(type) {
	case User:
		return "user"
	case Product:
		return "product"
	case Region:
		return "region"
	case Order:
		return "orders"
	case Item:
		return "order_item"
	case Payment:
		return "payment"
	case Audit:
		return "audit_log"
	}
	return fmt.Sprintf("%T", c.Row)
}

// Commit applies the changes of a committed transaction.
func (a *Account) Commit(changes []Change) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range changes {
		n := a.changes[c.Table()]
		switch c.Op {
		case Insert:
			n.Inserts++
		case Update:
			n.Updates++
		case Delete:
			n.Deletes++
		}
		a.changes[c.Table()] = n
		switch r := c.Row.(type) {
		case User:
			put(a.users, r.ID, r, c.Op)
		case Product:
			put(a.products, r.ID, r, c.Op)
		case Region:
			put(a.regions, r.ID, r, c.Op)
		case Order:
			put(a.orders, r.ID, r, c.Op)
		case Payment:
			put(a.payments, r.Order, r, c.Op)
		case Item:
			a.item(r, c.Op)
		case Audit:
			a.audits++
		}
	}
}

func put[K comparable, V any](m map[K]V, k K, v V, op Op) {
	if op == Delete {
		delete(m, k)
	} else {
		m[k] = v
	}
}

func (a *Account) item(r Item, op Op) {
	rows := a.items[r.Order]
	for i := range rows {
		if rows[i].ID != r.ID {
			continue
		}
		if op != Delete {
			rows[i] = r
		} else if rows = append(rows[:i], rows[i+1:]...); len(rows) == 0 {
			delete(a.items, r.Order)
		} else {
			a.items[r.Order] = rows
		}
		return
	}
	if op != Delete {
		a.items[r.Order] = append(rows, r)
	}
}

// Seen counts page views, each of which has an event id that was not counted before; repeated is how many more were sent under an id that was.
func (a *Account) Seen(views []View, repeated int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.repeated += int64(repeated)
	for i := range views {
		v := &views[i]
		day := Day(v.Time)
		devices := a.uv[day]
		if devices == nil {
			devices = map[string]struct{}{}
			a.uv[day] = devices
		}
		devices[v.Mid] = struct{}{}
		t := a.views[v.Line]
		if t == nil {
			t = &ViewTotals{}
			a.views[v.Line] = t
		}
		t.Rows++
		t.TimeSum += v.Time
		if _, known := a.products[v.Product]; v.Product != 0 {
			t.Products++
			if !known {
				t.ProductMisses++
			}
		}
		if _, known := a.users[v.User]; v.User != 0 && !known {
			t.UserMisses++
		}
	}
}

// Day is the UTC day of a time in milliseconds, counted from 1970.
func Day(ms int64) int32 {
	day := ms / 86_400_000
	if ms%86_400_000 < 0 {
		day--
	}
	return int32(day)
}

// Rejected counts inputs that belong into the dead-letter topic.
func (a *Account) Rejected(reason string, n int) {
	if n == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rejected[reason] += int64(n)
}

// Logged counts log lines that match the format.
func (a *Account) Logged(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.logs += int64(n)
}

// Partial marks the account as one that does not know all that was done, and why: its numbers cannot be compared with stores.
func (a *Account) Partial(why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.partial == "" {
		a.partial = why
	}
}

// Fault notes that a part of the warehouse answered otherwise than its contract says. The first hundred are kept.
func (a *Account) Fault(format string, args ...any) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.faults) < 100 {
		a.faults = append(a.faults, fmt.Sprintf(format, args...))
	}
}

func date(day int32) string {
	return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly)
}
