package account

import (
	"reflect"
	"testing"
	"time"
)

func at(s string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		panic(err)
	}
	return t
}

// shop is a scenario small enough to check by hand: order 1 is paid, 2 paid and refunded, 3 paid in the same minute and province as 1,
// 4 cancelled and deleted, 5 open with an unknown product.
func shop() *Account {
	a := New()
	ins := func(rows ...any) {
		var cs []Change
		for _, r := range rows {
			cs = append(cs, Change{Insert, r})
		}
		a.Commit(cs)
	}
	upd := func(rows ...any) {
		for _, r := range rows {
			a.Commit([]Change{{Update, r}})
		}
	}
	ins(Region{1, "Hunan", "Central"}, Region{2, "Hubei", "Central"}, User{ID: 7}, User{ID: 8}, Product{ID: 10, Category: "Food", Brand: "X"}, Product{ID: 11, Category: "Toys"})
	made := at("2026-03-01 10:00:00")
	ins(Order{ID: 1, User: 7, Region: 1, Status: Created, CreatedAt: made}, Item{1, 1, 10, 2, 150}, Item{2, 1, 11, 1, 1000})
	ins(Order{ID: 2, User: 7, Region: 1, Status: Created, CreatedAt: made}, Item{3, 2, 10, 1, 999})
	ins(Order{ID: 3, User: 8, Region: 1, Status: Created, CreatedAt: made}, Item{4, 3, 11, 3, 100})
	ins(Order{ID: 4, User: 8, Region: 2, Status: Created, CreatedAt: made}, Item{5, 4, 11, 3, 100})
	ins(Order{ID: 5, User: 8, Region: 2, Status: Created, CreatedAt: made}, Item{6, 5, 99, 1, 1})
	for id, when := range map[int64]string{1: "2026-03-01 10:00:59", 2: "2026-03-01 10:00:10", 3: "2026-03-01 10:00:00"} {
		o := a.orders[id]
		o.Status = Paid
		upd(o)
		ins(Payment{ID: id, Order: id, Status: Paid, Method: "CARD", PaidAt: at(when)})
	}
	o, p := a.orders[2], a.payments[2]
	o.Status, p.Status = Refunded, Refunded
	upd(o, p)
	o = a.orders[4]
	o.Status = Cancelled
	upd(o)
	a.Commit([]Change{{Delete, Item{ID: 5, Order: 4}}, {Delete, o}})
	return a
}

func TestMetrics(t *testing.T) {
	e := shop().Expect()
	minute := at("2026-03-01 10:00:00")
	if want := []GMV{{minute, "Hunan", 1600, 2}}; !reflect.DeepEqual(e.GMV, want) {
		t.Errorf("GMV %v, want %v", e.GMV, want)
	}
	if want := map[string][]TopEntry{"2026-03-01 10": {{11, 1300}, {10, 300}}}; !reflect.DeepEqual(e.TopN, want) {
		t.Errorf("top %v, want %v", e.TopN, want)
	}
	if want := []Feature{{7, 1, 1300}, {8, 1, 300}}; !reflect.DeepEqual(e.Features, want) {
		t.Errorf("features %v, want %v", e.Features, want)
	}
	if want := map[string]int64{"user": 2, "product": 2, "region": 2, "orders": 4, "order_item": 5, "payment": 3, "audit_log": 0}; !reflect.DeepEqual(e.Rows, want) {
		t.Errorf("rows %v, want %v", e.Rows, want)
	}
	if want := (Changes{5, 5, 1}); e.Changes["orders"] != want {
		t.Errorf("changes of orders %v, want %v", e.Changes["orders"], want)
	}
}

func TestTrade(t *testing.T) {
	e := shop().Expect()
	var items []int64
	for _, r := range e.Trade {
		items = append(items, r.Item)
	}
	if want := []int64{1, 2, 3, 4, 6}; !reflect.DeepEqual(items, want) {
		t.Fatalf("items %v, want %v", items, want)
	}
	made := at("2026-03-01 10:00:00")
	if got, want := e.Trade[2], (Trade{Item: 3, Order: 2, User: 7, Product: 10, Quantity: 1, Price: 999, Status: Refunded, PayStatus: Refunded, PayMethod: "CARD",
		Province: "Hunan", Area: "Central", Category: "Food", Brand: "X", CreatedAt: made, PaidAt: at("2026-03-01 10:00:10")}); got != want {
		t.Errorf("refunded item %+v, want %+v", got, want)
	}
	if got, want := e.Trade[4], (Trade{Item: 6, Order: 5, User: 8, Product: 99, Quantity: 1, Price: 1, Status: Created, Province: "Hubei", Area: "Central", CreatedAt: made}); got != want {
		t.Errorf("open item %+v, want %+v", got, want)
	}
}

func TestTopKeepsTenAndBreaksTies(t *testing.T) {
	a := New()
	a.Commit([]Change{{Insert, Order{ID: 1, Status: Paid}}, {Insert, Payment{ID: 1, Order: 1, Status: Paid, PaidAt: at("2026-03-01 10:59:59")}}})
	for i := range int64(12) {
		a.Commit([]Change{{Insert, Item{ID: i, Order: 1, Product: 100 - i, Quantity: 1, Price: 500}}})
	}
	top := a.Expect().TopN["2026-03-01 10"]
	if len(top) != 10 || top[0].Product != 89 || top[9].Product != 98 {
		t.Errorf("top %v", top)
	}
}

func TestTraffic(t *testing.T) {
	a := shop()
	day := at("2026-03-01 00:00:00").UnixMilli()
	a.Seen([]View{
		{Mid: "a", Line: "app", Time: day, User: 7, Product: 10},
		{Mid: "a", Line: "app", Time: day + 5, User: 12345, Product: 99},
		{Mid: "b", Line: "web", Time: day + 86_399_999},
		{Mid: "b", Line: "web", Time: day + 86_400_000},
		{Mid: "a", Line: "web", Time: day - 1},
	}, 3)
	a.Rejected(Oversized, 2)
	a.Rejected(BadType, 0)
	e := a.Expect()
	if want := map[string]int64{"2026-02-28": 1, "2026-03-01": 2, "2026-03-02": 1}; !reflect.DeepEqual(e.UV, want) {
		t.Errorf("UV %v, want %v", e.UV, want)
	}
	if want := (ViewTotals{Rows: 2, TimeSum: 2*day + 5, Products: 2, ProductMisses: 1, UserMisses: 1}); e.Views["app"] != want {
		t.Errorf("app %+v, want %+v", e.Views["app"], want)
	}
	if e.Views["web"].Rows != 3 || e.Repeated != 3 {
		t.Errorf("web %+v, repeated %d", e.Views["web"], e.Repeated)
	}
	if want := map[string]int64{Oversized: 2}; !reflect.DeepEqual(e.Rejected, want) {
		t.Errorf("rejected %v, want %v", e.Rejected, want)
	}
}

func TestDayBefore1970(t *testing.T) {
	if Day(-1) != -1 || Day(0) != 0 || Day(-86_400_000) != -1 {
		t.Error(Day(-1), Day(0), Day(-86_400_000))
	}
}
