package e2e

import (
	"context"
	"fmt"
	"time"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

func checkTraffic(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	got, want := map[string]account.ViewTotals{}, map[string]account.ViewTotals{}
	for line, t := range e.Views {
		want[line] = t
	}
	rows, err := s.ClickHouse.Query(ctx, `SELECT ifNull(line, ''), toInt64(count()), toInt64(uniqExact(event_id)), toInt64(sum(toUnixTimestamp64Milli(event_time))),
		toInt64(countIf(ifNull(product_id, 0) != 0)), toInt64(countIf(ifNull(product_id, 0) != 0 AND ifNull(category, '') = '')),
		toInt64(countIf(ifNull(user_id, 0) != 0 AND ifNull(user_gender, '') = ''))
		FROM dm_traffic_wide GROUP BY 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Difference
	for rows.Next() {
		var line string
		var ids int64
		var t account.ViewTotals
		if err := rows.Scan(&line, &t.Rows, &ids, &t.TimeSum, &t.Products, &t.ProductMisses, &t.UserMisses); err != nil {
			return nil, err
		}
		got[line] = t
		if ids != t.Rows {
			out = append(out, Difference{Key: line + ": event ids", Want: fmt.Sprintf("as many as rows, %d", t.Rows), Got: fmt.Sprint(ids)})
		}
	}
	return append(out, compare(want, got)...), rows.Err()
}

// deleted is a condition that leaves out rows that a deletion left behind, where FINAL does not.
func deleted(ctx context.Context, c *clickhouse.Client, table string) (string, error) {
	rows, err := c.Query(ctx, "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = ? AND type = 'UInt8' AND name LIKE '%deleted%'", table)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	where := ""
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			return "", err
		}
		where = " WHERE " + clickhouse.QuoteName(column) + " = 0"
	}
	return where, rows.Err()
}

func checkTrade(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	where, err := deleted(ctx, s.ClickHouse, "dm_trade_wide")
	if err != nil {
		return nil, err
	}
	want := totals{}
	for _, t := range e.Trade {
		want.Rows++
		want.Amount += int64(t.Amount())
	}
	var got totals
	err = s.ClickHouse.Scan(ctx, "SELECT toInt64(count()), toInt64(sum(quantity * price) * 100) FROM dm_trade_wide FINAL"+where, &got.Rows, &got.Amount)
	if err != nil {
		return nil, err
	}
	if got != want {
		return compare(map[string]totals{"totals": want}, map[string]totals{"totals": got}), nil
	}
	return s.tradeRows(ctx, e, where)
}

type totals struct{ Rows, Amount int64 }

// tradeRows compares the newest state of every item.
func (s *Stores) tradeRows(ctx context.Context, e account.Expected, where string) ([]Difference, error) {
	want, got := map[int64]account.Trade{}, map[int64]account.Trade{}
	for _, t := range e.Trade {
		want[t.Item] = t
	}
	rows, err := s.ClickHouse.Query(ctx, `SELECT toInt64(item_id), toInt64(ifNull(order_id, 0)), toInt64(ifNull(user_id, 0)), toInt64(ifNull(product_id, 0)), toInt64(ifNull(quantity, 0)),
		toInt64(ifNull(price, 0) * 100), ifNull(order_status, ''), ifNull(pay_status, ''), ifNull(pay_method, ''), ifNull(province, ''), ifNull(area, ''), ifNull(category, ''),
		ifNull(brand, ''), ifNull(toUnixTimestamp64Milli(created_at), 0), ifNull(toUnixTimestamp64Milli(paid_at), 0), toInt64(ifNull(amount, 0) * 100)
		FROM dm_trade_wide FINAL`+where)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Difference
	for rows.Next() {
		var t account.Trade
		var quantity, price, created, paid, amount int64
		if err := rows.Scan(&t.Item, &t.Order, &t.User, &t.Product, &quantity, &price, &t.Status, &t.PayStatus, &t.PayMethod, &t.Province, &t.Area, &t.Category,
			&t.Brand, &created, &paid, &amount); err != nil {
			return nil, err
		}
		t.Quantity, t.Price, t.CreatedAt = int(quantity), account.Cents(price), time.UnixMilli(created).UTC()
		// Before the payment there is no time; a column that cannot be null then holds the epoch.
		if paid > 0 {
			t.PaidAt = time.UnixMilli(paid).UTC()
		}
		if _, twice := got[t.Item]; twice {
			out = append(out, Difference{Key: fmt.Sprintf("item %d", t.Item), Want: "one row", Got: "several"})
		}
		if account.Cents(amount) != t.Amount() {
			out = append(out, Difference{Key: fmt.Sprintf("amount of item %d", t.Item), Want: money(t.Amount()), Got: money(account.Cents(amount))})
		}
		got[t.Item] = t
	}
	return append(out, compare(want, got)...), rows.Err()
}
