package screen

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/freshet-dw/freshet/pkg/mysql"
	gomysql "github.com/go-sql-driver/mysql"
)

// gmvPoller reads turnover by minute and province.
type gmvPoller struct {
	db   *sql.DB
	zone *time.Location
}

// MySQL polls dm.gmv_minute_province.
func MySQL(cfg mysql.Config, zone *time.Location) (Poller, error) {
	cfg.Pool = 2
	db, err := mysql.Open(cfg)
	if err != nil {
		return nil, err
	}
	return &gmvPoller{db, zone}, nil
}

func (*gmvPoller) Store() string                 { return "mysql" }
func (p *gmvPoller) Close() error                { return p.db.Close() }
func (*gmvPoller) Fail(s *Snapshot, what Source) { s.GMV.Source = what }

func (p *gmvPoller) Poll(ctx context.Context, now time.Time) (func(*Snapshot), error) {
	today := day(now, p.zone).UTC()
	var g GMV
	var total sql.NullString
	err := p.db.QueryRowContext(ctx, "SELECT SUM(gmv), COALESCE(SUM(orders), 0) FROM dm.gmv_minute_province WHERE minute_start >= ?", today).Scan(&total, &g.Orders)
	if absent(err) {
		return p.nothing(now), nil
	}
	if err != nil {
		return nil, mysql.Classify(err, "read turnover")
	}
	g.Today = "0"
	if total.Valid {
		g.Today = json.Number(total.String)
	}
	err = p.each(ctx, "SELECT province, SUM(gmv) AS total, SUM(orders) FROM dm.gmv_minute_province WHERE minute_start >= ? GROUP BY province ORDER BY total DESC, province LIMIT 40",
		today, func(rows *sql.Rows) error {
			var r Province
			var gmv string
			err := rows.Scan(&r.Name, &gmv, &r.Orders)
			r.GMV = json.Number(gmv)
			g.Provinces = append(g.Provinces, r)
			return err
		})
	if err != nil {
		return nil, err
	}
	seen := map[int64]Minute{}
	from := now.UTC().Truncate(time.Minute).Add(-59 * time.Minute)
	err = p.each(ctx, "SELECT minute_start, SUM(gmv), SUM(orders) FROM dm.gmv_minute_province WHERE minute_start >= ? GROUP BY minute_start", from, func(rows *sql.Rows) error {
		var at time.Time
		var gmv string
		var m Minute
		err := rows.Scan(&at, &gmv, &m.Orders)
		m.Time, m.GMV = at.UnixMilli(), json.Number(gmv)
		seen[m.Time] = m
		return err
	})
	if err != nil {
		return nil, err
	}
	g.Minutes = hour(from, seen)
	return func(s *Snapshot) { s.GMV = g }, nil
}

// hour lists sixty minutes from the first one; minutes without turnover are zero, not missing.
func hour(from time.Time, seen map[int64]Minute) []Minute {
	out := make([]Minute, 60)
	for i := range out {
		at := from.Add(time.Duration(i) * time.Minute).UnixMilli()
		m, ok := seen[at]
		if !ok {
			m = Minute{Time: at, GMV: "0"}
		}
		out[i] = m
	}
	return out
}

// absent tells whether the table does not exist yet: no job has written to it.
func absent(err error) bool {
	var e *gomysql.MySQLError
	return errors.As(err, &e) && (e.Number == 1146 || e.Number == 1049)
}

func (*gmvPoller) nothing(now time.Time) func(*Snapshot) {
	from := now.UTC().Truncate(time.Minute).Add(-59 * time.Minute)
	return func(s *Snapshot) { s.GMV = GMV{Today: "0", Minutes: hour(from, nil)} }
}

func (p *gmvPoller) each(ctx context.Context, query string, from time.Time, scan func(*sql.Rows) error) error {
	rows, err := p.db.QueryContext(ctx, query, from)
	if err != nil {
		return mysql.Classify(err, "read turnover")
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
	return mysql.Classify(err, "read turnover")
}
