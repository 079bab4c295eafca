package account

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Expected is what the stores must hold, in an order that does not depend on chance. It is plain data, kept as JSON between processes.
type Expected struct {
	Partial string   `json:"partial,omitempty"` // why the numbers are not complete; empty: they are
	Faults  []string `json:"faults,omitempty"`  // answers of the warehouse against its contract

	UV       map[string]int64      `json:"uv"`        // devices by UTC date of the event
	Views    map[string]ViewTotals `json:"views"`     // page views by business line, repeats taken out
	Repeated int64                 `json:"repeated"`  // page views sent under an event id that was used before
	GMV      []GMV                 `json:"gmv"`       // by minute and province
	TopN     map[string][]TopEntry `json:"top_n"`     // the ten best products by hour, "2006-01-02 15" UTC
	Features []Feature             `json:"features"`  // by user, those with paid orders
	Trade    []Trade               `json:"trade"`     // by item id
	Rejected map[string]int64      `json:"rejected"`  // inputs by reason
	LogLines int64                 `json:"log_lines"` // log lines that match the format
	Changes  map[string]Changes    `json:"changes"`   // row changes by table
	Rows     map[string]int64      `json:"rows"`      // final rows by table
	Users    []User                `json:"users"`
	Products []Product             `json:"products"`
	Regions  []Region              `json:"regions"`
}

// ViewTotals are the numbers of a line's page views.
type ViewTotals struct {
	Rows          int64 `json:"rows"`
	TimeSum       int64 `json:"time_sum"`       // of the event times in milliseconds
	Products      int64 `json:"products"`       // views of a product page
	ProductMisses int64 `json:"product_misses"` // of them, of a product that the shop does not have
	UserMisses    int64 `json:"user_misses"`    // views of signed-in users that the shop does not have
}

// GMV is the turnover of one minute in one province.
type GMV struct {
	Minute   time.Time `json:"minute"`
	Province string    `json:"province"`
	GMV      Cents     `json:"gmv"`
	Orders   int64     `json:"orders"`
}

// TopEntry is a product's turnover in an hour.
type TopEntry struct {
	Product int64 `json:"product_id"`
	GMV     Cents `json:"gmv"`
}

// Feature is what is known of a user's paid orders.
type Feature struct {
	User   int64 `json:"user_id"`
	Orders int64 `json:"orders"`
	GMV    Cents `json:"gmv"`
}

// Trade is an order item with its order, payment and dimensions in their newest state.
type Trade struct {
	Item      int64     `json:"item_id"`
	Order     int64     `json:"order_id"`
	User      int64     `json:"user_id"`
	Product   int64     `json:"product_id"`
	Quantity  int       `json:"quantity"`
	Price     Cents     `json:"price"`
	Status    string    `json:"order_status"`
	PayStatus string    `json:"pay_status,omitempty"` // empty: never paid
	PayMethod string    `json:"pay_method,omitempty"`
	Province  string    `json:"province"`
	Area      string    `json:"area"`
	Category  string    `json:"category,omitempty"` // empty: the shop does not have the product
	Brand     string    `json:"brand,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	PaidAt    time.Time `json:"paid_at,omitzero"`
}

// Amount is quantity times price.
func (t Trade) Amount() Cents { return Cents(t.Quantity) * t.Price }

// Changes counts row changes.
type Changes struct {
	Inserts int64 `json:"inserts"`
	Updates int64 `json:"updates"`
	Deletes int64 `json:"deletes"`
}

// Total is all changes.
func (c Changes) Total() int64 { return c.Inserts + c.Updates + c.Deletes }

// TopProducts is how many products an hour's ranking holds.
const TopProducts = 10

// HourLayout is how hours are written in keys of rankings.
const HourLayout = "2006-01-02 15"

// Expect computes what the stores must hold.
func (a *Account) Expect() Expected {
	a.mu.Lock()
	defer a.mu.Unlock()
	e := Expected{
		Partial: a.partial, Faults: slices.Clone(a.faults), UV: map[string]int64{}, Views: map[string]ViewTotals{}, Repeated: a.repeated,
		Rejected: map[string]int64{}, LogLines: a.logs, Changes: map[string]Changes{}, Rows: map[string]int64{},
		Users: sorted(a.users, func(u User) int64 { return u.ID }), Products: sorted(a.products, func(p Product) int64 { return p.ID }),
		Regions: sorted(a.regions, func(r Region) int { return r.ID }),
	}
	for day, devices := range a.uv {
		e.UV[date(day)] = int64(len(devices))
	}
	for line, t := range a.views {
		e.Views[line] = *t
	}
	for reason, n := range a.rejected {
		e.Rejected[reason] = n
	}
	for table, n := range a.changes {
		e.Changes[table] = n
	}
	e.Trade = a.trade()
	e.Rows = map[string]int64{"user": int64(len(a.users)), "product": int64(len(a.products)), "region": int64(len(a.regions)), "orders": int64(len(a.orders)),
		"order_item": int64(len(e.Trade)), "payment": int64(len(a.payments)), "audit_log": a.audits}
	e.metrics()
	return e
}

func sorted[K comparable, V any, O cmp.Ordered](m map[K]V, key func(V) O) []V {
	out := make([]V, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b V) int { return cmp.Compare(key(a), key(b)) })
	return out
}

func (a *Account) trade() []Trade {
	var out []Trade
	for _, o := range a.orders {
		region, payment := a.regions[o.Region], a.payments[o.ID]
		for _, i := range a.items[o.ID] {
			product := a.products[i.Product]
			out = append(out, Trade{
				Item: i.ID, Order: o.ID, User: o.User, Product: i.Product, Quantity: i.Quantity, Price: i.Price, Status: o.Status,
				PayStatus: payment.Status, PayMethod: payment.Method, PaidAt: payment.PaidAt, CreatedAt: o.CreatedAt,
				Province: region.Province, Area: region.Area, Category: product.Category, Brand: product.Brand,
			})
		}
	}
	slices.SortFunc(out, func(x, y Trade) int { return cmp.Compare(x.Item, y.Item) })
	return out
}

// metrics derives the turnover figures from the items of paid orders.
func (e *Expected) metrics() {
	type cell struct {
		minute   time.Time
		province string
	}
	type ranked struct {
		hour    string
		product int64
	}
	type total struct {
		gmv    Cents
		orders map[int64]struct{}
	}
	add := func(t *total, row Trade) *total {
		if t == nil {
			t = &total{orders: map[int64]struct{}{}}
		}
		t.gmv += row.Amount()
		t.orders[row.Order] = struct{}{}
		return t
	}
	cells, users, products := map[cell]*total{}, map[int64]*total{}, map[ranked]Cents{}
	for _, row := range e.Trade {
		if row.Status != Paid {
			continue
		}
		at := cell{row.PaidAt.UTC().Truncate(time.Minute), row.Province}
		cells[at] = add(cells[at], row)
		users[row.User] = add(users[row.User], row)
		products[ranked{row.PaidAt.UTC().Format(HourLayout), row.Product}] += row.Amount()
	}
	for at, t := range cells {
		e.GMV = append(e.GMV, GMV{at.minute, at.province, t.gmv, int64(len(t.orders))})
	}
	slices.SortFunc(e.GMV, func(a, b GMV) int {
		return cmp.Or(a.Minute.Compare(b.Minute), strings.Compare(a.Province, b.Province))
	})
	for id, t := range users {
		e.Features = append(e.Features, Feature{id, int64(len(t.orders)), t.gmv})
	}
	slices.SortFunc(e.Features, func(a, b Feature) int { return cmp.Compare(a.User, b.User) })
	e.TopN = map[string][]TopEntry{}
	for at, gmv := range products {
		e.TopN[at.hour] = append(e.TopN[at.hour], TopEntry{at.product, gmv})
	}
	for hour, list := range e.TopN {
		slices.SortFunc(list, func(a, b TopEntry) int { return cmp.Or(cmp.Compare(b.GMV, a.GMV), cmp.Compare(a.Product, b.Product)) })
		e.TopN[hour] = list[:min(len(list), TopProducts)]
	}
}
