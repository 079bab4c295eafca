package screen

import (
	"context"
	"fmt"
	"time"

	"github.com/freshet-dw/freshet/pkg/clickhouse"
)

// widePoller reads the wide tables.
type widePoller struct {
	cfg   clickhouse.Config
	zone  *time.Location
	c     *clickhouse.Client // nil until ClickHouse has answered once: it may come later than the screen
	meter meter
}

// ClickHouse polls dm_trade_wide (orders created today by state) and dm_traffic_wide (today's page views by line), and how far they are behind the business.
func ClickHouse(cfg clickhouse.Config, zone *time.Location) Poller {
	cfg.Conns = 2
	return &widePoller{cfg: cfg, zone: zone}
}

func (*widePoller) Store() string { return "clickhouse" }

func (*widePoller) Fail(s *Snapshot, what Source) { s.Trade.Source, s.Traffic.Source = what, what }

func (p *widePoller) Close() error {
	if p.c == nil {
		return nil
	}
	return p.c.Close()
}

func (p *widePoller) Poll(ctx context.Context, now time.Time) (func(*Snapshot), error) {
	if p.c == nil {
		c, err := clickhouse.Open(ctx, p.cfg)
		if err != nil {
			return nil, err
		}
		p.c = c
	}
	today := fmt.Sprintf("toDateTime64('%s', 3, 'UTC')", day(now, p.zone).UTC().Format("2006-01-02 15:04:05"))
	var trade Trade
	var traffic Traffic
	var changed, seen, rows int64
	err := p.each(ctx, "SELECT ifNull(toString(order_status), ''), toInt64(uniqExact(order_id)), toInt64(uniqExact(user_id)), toInt64(count()), "+
		"toInt64(ifNull(toUnixTimestamp64Milli(CAST(max(updated_at) AS Nullable(DateTime64(3, 'UTC')))), 0)) "+
		"FROM dm_trade_wide FINAL WHERE created_at >= "+today+" GROUP BY order_status ORDER BY order_status", func(r clickhouse.Rows) error {
		var s Status
		var users, items, updated int64
		err := r.Scan(&s.Status, &s.Orders, &users, &items, &updated)
		if s.Status == "PAID" {
			trade.Buyers = users
		}
		trade.Orders += s.Orders
		rows += items
		changed = max(changed, updated)
		trade.Statuses = append(trade.Statuses, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = p.each(ctx, "SELECT ifNull(toString(line), ''), toInt64(count()) AS n, toInt64(ifNull(toUnixTimestamp64Milli(CAST(max(event_time) AS Nullable(DateTime64(3, 'UTC')))), 0)) "+
		"FROM dm_traffic_wide WHERE event_time >= "+today+" GROUP BY line ORDER BY n DESC, line", func(r clickhouse.Rows) error {
		var l Line
		var newest int64
		err := r.Scan(&l.Line, &l.Views, &newest)
		traffic.Views += l.Views
		seen = max(seen, newest)
		traffic.Lines = append(traffic.Lines, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	at := time.Now()
	store := Layer{Name: StoreLayer, Rows: rows + traffic.Views}
	if changed <= 0 {
		changed = seen
	}
	store.age(changed, at)
	store.Rate, store.Rates = p.meter.rate(store.Rows, at)
	return func(s *Snapshot) {
		s.Trade, s.Traffic = trade, traffic
		s.Road.Layers = append(s.Road.Layers, store)
	}, nil
}

// unknownTable is the server's code for a table that does not exist: nothing has been written yet.
const unknownTable = 60

func (p *widePoller) each(ctx context.Context, query string, scan func(clickhouse.Rows) error) error {
	rows, err := p.c.Query(ctx, query)
	if clickhouse.Code(err) == unknownTable {
		return nil
	}
	if err != nil {
		return err
	}
	for rows.Next() && err == nil {
		err = scan(rows)
	}
	if err == nil {
		err = rows.Err()
	}
	if cerr := rows.Close(); err == nil {
		err = cerr
	}
	if clickhouse.Code(err) == unknownTable {
		return nil
	}
	return err
}
