package shop

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

var noon = time.Date(2026, 5, 6, 12, 0, 0, 0, time.UTC)

func config(t *testing.T, seed uint64, orders, views int64) Config {
	t.Helper()
	c := Config{Seed: seed, TotalOrders: orders, TotalViews: views, Users: 50, Products: 20, Start: noon, Faults: true, Collector: "http://nowhere.invalid"}
	if err := c.defaults(); err != nil {
		t.Fatal(err)
	}
	return c
}

func allOrders(t *testing.T, c Config) [][]account.Change {
	t.Helper()
	g := newOrders(c, offsets{user: int64(c.Users)}, c.pace(c.OrdersPerSecond, c.TotalOrders, noon))
	var out [][]account.Change
	for {
		b, ok := g.transaction()
		if !ok {
			return out
		}
		out = append(out, b.changes)
	}
}

func allViews(t *testing.T, c Config) []*events {
	t.Helper()
	g := newViews(c, 1, c.pace(c.ViewsPerSecond, c.TotalViews, noon))
	var out []*events
	for {
		e, ok := g.batch()
		if !ok {
			return out
		}
		out = append(out, e)
	}
}

func TestSameSeedSameShop(t *testing.T) {
	if a, b := allOrders(t, config(t, 1, 500, 0)), allOrders(t, config(t, 1, 500, 0)); !reflect.DeepEqual(a, b) {
		t.Error("two simulations of one seed differ in their transactions")
	}
	if a, b := allOrders(t, config(t, 1, 500, 0)), allOrders(t, config(t, 2, 500, 0)); reflect.DeepEqual(a, b) {
		t.Error("the seed does not matter to transactions")
	}
	if a, b := allViews(t, config(t, 1, 0, 5000)), allViews(t, config(t, 1, 0, 5000)); !reflect.DeepEqual(a, b) {
		t.Error("two simulations of one seed differ in their traffic")
	}
	if a, b := allViews(t, config(t, 1, 0, 5000)), allViews(t, config(t, 2, 0, 5000)); reflect.DeepEqual(a, b) {
		t.Error("the seed does not matter to traffic")
	}
}

// TestOrderLives replays all transactions and checks that each is possible and that every kind of life occurs.
func TestOrderLives(t *testing.T) {
	type life struct {
		order   account.Order
		items   map[int64]bool
		payment *account.Payment
	}
	lives := map[int64]*life{}
	ends := map[string]int{}
	changes, repeated := 0, 0
	for _, tx := range allOrders(t, config(t, 3, 3000, 0)) {
		changes += len(tx)
		created := 0
		for _, c := range tx {
			switch r := c.Row.(type) {
			case account.Order:
				l := lives[r.ID]
				switch {
				case c.Op == account.Insert:
					if l != nil || r.Status != account.Created {
						t.Fatalf("order %d is created twice or as %s", r.ID, r.Status)
					}
					lives[r.ID] = &life{order: r, items: map[int64]bool{}}
					created++
					continue
				case c.Op == account.Delete:
					if l.order.Status != account.Cancelled || len(l.items) > 0 {
						t.Fatalf("order %d is deleted in state %s with %d items", r.ID, l.order.Status, len(l.items))
					}
					ends["DELETED"]++
					continue
				}
				if from := map[string]string{account.Paid: account.Created, account.Cancelled: account.Created, account.Refunded: account.Paid}[r.Status]; l.order.Status != from {
					t.Fatalf("order %d goes from %s to %s", r.ID, l.order.Status, r.Status)
				}
				if !r.UpdatedAt.After(l.order.UpdatedAt) {
					t.Fatalf("order %d is updated at %s after %s", r.ID, r.UpdatedAt, l.order.UpdatedAt)
				}
				if r.Status != account.Cancelled && (l.payment == nil || l.payment.Status != r.Status) {
					t.Fatalf("order %d is %s and its payment %+v", r.ID, r.Status, l.payment)
				}
				ends[r.Status]++
				l.order = r
			case account.Item:
				if c.Op == account.Delete {
					delete(lives[r.Order].items, r.ID)
				} else {
					lives[r.Order].items[r.ID] = true
				}
			case account.Payment:
				lives[r.Order].payment = &r
				if c.Op == account.Insert && r.Amount != lives[r.Order].order.Total {
					t.Fatalf("order %d costs %d and %d is paid", r.Order, lives[r.Order].order.Total, r.Amount)
				}
			}
		}
		if created > 1 {
			repeated++
		}
	}
	if len(lives) != 3000 || changes < 9000 || repeated == 0 {
		t.Errorf("%d orders, %d changes, %d transactions with several orders", len(lives), changes, repeated)
	}
	for _, end := range []string{account.Paid, account.Cancelled, account.Refunded, "DELETED"} {
		if ends[end] < 20 {
			t.Errorf("%d orders %s", ends[end], end)
		}
	}
	if len(lives)-ends[account.Paid]-ends[account.Cancelled] < 20 {
		t.Errorf("too few orders stay open")
	}
}

// TestEventsMatchTheirAccount parses each body and counts again what the batch says of itself.
func TestEventsMatchTheirAccount(t *testing.T) {
	ids := map[string]account.View{}
	rejected := map[string]int{}
	repeated, total, late, ancient, unordered := 0, 0, 0, 0, 0
	last := int64(0)
	for _, b := range allViews(t, config(t, 4, 0, 60000)) {
		for reason, n := range b.rejected {
			rejected[reason] += n
		}
		var list []map[string]any
		d := json.NewDecoder(bytes.NewReader(b.body))
		d.UseNumber()
		if err := d.Decode(&list); err != nil {
			if b.rejected[account.NotJSON] != 1 {
				t.Fatalf("a body is broken: %v", err)
			}
			continue
		}
		fresh := 0
		for _, e := range list {
			id, _ := e["event_id"].(string)
			mid, hasMid := e["mid"].(string)
			if _, bad := e["duration_ms"].(string); bad || !hasMid || e["colour"] != nil || len(id) == 0 || e["referer"] != nil {
				continue
			}
			num := func(k string) int64 { n, _ := e[k].(json.Number).Int64(); return n }
			v := account.View{Mid: mid, User: num("user_id"), Product: num("product_id"), Line: e["line"].(string), Time: num("event_time")}
			if old, ok := ids[id]; ok {
				if old != v {
					t.Fatalf("event %s is sent as %+v and as %+v", id, old, v)
				}
				repeated++
				continue
			}
			ids[id] = v
			if v != b.views[fresh] {
				t.Fatalf("event %s is %+v, the account says %+v", id, v, b.views[fresh])
			}
			fresh++
			total++
			if v.Time < last {
				unordered++
			}
			last = v.Time
			if age := noon.UnixMilli() - v.Time; age > 6*86_400_000 {
				ancient++
			} else if age > 60_000 {
				late++
			}
		}
		if len(list)-fresh-b.repeated != b.refused() {
			t.Fatalf("a batch of %d has %d new, %d repeated and %d refused events", len(list), fresh, b.repeated, b.refused())
		}
	}
	if total != 60000 || repeated < 100 || late < 50 || ancient < 3 || unordered < 1000 {
		t.Errorf("%d events, %d repeated, %d late, %d of last week, %d out of order", total, repeated, late, ancient, unordered)
	}
	for _, reason := range []string{account.BadType, account.UnknownField, account.MissingMid, account.Oversized, account.NotJSON} {
		if rejected[reason] == 0 {
			t.Errorf("no event of class %s", reason)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{}, {TotalViews: 1}, {TotalOrders: -1}, {TotalOrders: 1, Users: -1}} {
		if s, err := New(c); err == nil {
			_ = s.Close()
			t.Errorf("%+v is accepted", c)
		}
	}
}
