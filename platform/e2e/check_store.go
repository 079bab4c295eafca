package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/freshet-dw/freshet/pkg/config"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/redis"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

func secret(s string) config.Secret { return config.Secret(s) }

// money is an amount with two decimals.
func money(c account.Cents) string {
	sign := ""
	if c < 0 {
		sign, c = "-", -c
	}
	return fmt.Sprintf("%s%d.%02d", sign, c/100, c%100)
}

// cents reads an exact amount; more decimals than two must be zeros.
func cents(s string) (account.Cents, error) {
	whole, part, _ := strings.Cut(s, ".")
	part = strings.TrimRight(part, "0")
	if len(part) > 2 || whole == "" {
		return 0, fault.Newf(fault.Data, "%q is no amount of whole cents", s)
	}
	n, err := strconv.ParseInt(whole+(part + "00")[:2], 10, 64)
	return account.Cents(n), fault.Wrap(fault.Data, err, "read amount %q", s)
}

// ---- HBase

func checkUV(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	got := map[string]int64{}
	err := s.HBase.Scan(ctx, "uv_index", nil, nil, func(r hbase.Row) error {
		v, ok := r.Value("f", "UV")
		if !ok || len(v) != 8 {
			return fault.Newf(fault.Data, "row %s has f:UV %x, not 8 bytes", r.Key, v)
		}
		got[string(r.Key)] = int64(binary.BigEndian.Uint64(v))
		return nil
	})
	return compare(e.UV, got), err
}

type userDimension struct {
	Gender, Province string
	BirthYear, Level int32
}

func checkUsers(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	want, got := map[string]userDimension{}, map[string]userDimension{}
	for _, u := range e.Users {
		want[strconv.FormatInt(u.ID, 10)] = userDimension{u.Gender, u.Province, int32(u.BirthYear), int32(u.Level)}
	}
	err := s.HBase.Scan(ctx, "dim_user", nil, nil, func(r hbase.Row) error {
		text := func(q string) string { v, _ := r.Value("f", q); return string(v) }
		number := func(q string) int32 {
			v, _ := r.Value("f", q)
			if len(v) != 4 {
				return math.MinInt32
			}
			return int32(binary.BigEndian.Uint32(v))
		}
		got[string(r.Key)] = userDimension{text("gender"), text("province"), number("birth_year"), number("level")}
		return nil
	})
	return compare(want, got), err
}

// ---- MySQL

type turnover struct {
	GMV    string
	Orders int64
}

func checkGMV(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	key := func(minute time.Time, province string) string {
		return minute.UTC().Format("2006-01-02 15:04") + " " + province
	}
	want, got := map[string]turnover{}, map[string]turnover{}
	for _, g := range e.GMV {
		want[key(g.Minute, g.Province)] = turnover{money(g.GMV), g.Orders}
	}
	rows, err := s.MySQL.QueryContext(ctx, "SELECT minute_start, province, gmv, orders FROM dm.gmv_minute_province")
	if err != nil {
		return nil, mysql.Classify(err, "read gmv_minute_province")
	}
	defer rows.Close()
	for rows.Next() {
		var minute time.Time
		var province, gmv string
		var n int64
		if err := rows.Scan(&minute, &province, &gmv, &n); err != nil {
			return nil, mysql.Classify(err, "read gmv_minute_province")
		}
		c, err := cents(gmv)
		if err != nil {
			return nil, err
		}
		// A minute whose orders were all refunded may stay as a row of zeros.
		if c != 0 || n != 0 {
			got[key(minute, province)] = turnover{money(c), n}
		}
	}
	return compare(want, got), mysql.Classify(rows.Err(), "read gmv_minute_province")
}

func checkRegions(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	want, got := map[int]string{}, map[int]string{}
	for _, r := range e.Regions {
		want[r.ID] = r.Province + ", " + r.Area
	}
	rows, err := s.MySQL.QueryContext(ctx, "SELECT region_id, province, area FROM dim.dim_region")
	if err != nil {
		return nil, mysql.Classify(err, "read dim_region")
	}
	defer rows.Close()
	for rows.Next() {
		var id int
		var province, area string
		if err := rows.Scan(&id, &province, &area); err != nil {
			return nil, mysql.Classify(err, "read dim_region")
		}
		got[id] = province + ", " + area
	}
	return compare(want, got), mysql.Classify(rows.Err(), "read dim_region")
}

// ---- Redis

// keys lists the keys that begin with the prefix, without it.
func keys(ctx context.Context, c *goredis.Client, prefix string) ([]string, error) {
	var out []string
	for it := c.Scan(ctx, 0, prefix+"*", 1000).Iterator(); ; {
		if !it.Next(ctx) {
			return out, redis.Classify(it.Err(), "list keys %s*", prefix)
		}
		out = append(out, strings.TrimPrefix(it.Val(), prefix))
	}
}

// hashes reads all hashes whose keys begin with the prefix.
func hashes(ctx context.Context, c *goredis.Client, prefix string) (map[string]map[string]string, error) {
	names, err := keys(ctx, c, prefix)
	if err != nil {
		return nil, err
	}
	replies := make([]*goredis.MapStringStringCmd, len(names))
	err = redis.Batch(ctx, c, fault.Policy{Attempts: 3}, len(names), func(p goredis.Pipeliner, i int) { replies[i] = p.HGetAll(ctx, prefix+names[i]) })
	if err != nil {
		return nil, err
	}
	out := map[string]map[string]string{}
	for i, n := range names {
		out[n] = replies[i].Val()
	}
	return out, nil
}

type productDimension struct{ Name, Category, Brand, Price, Status string }

func checkProducts(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	want, got := map[string]productDimension{}, map[string]productDimension{}
	for _, p := range e.Products {
		want[strconv.FormatInt(p.ID, 10)] = productDimension{p.Name, p.Category, p.Brand, money(p.Price), p.Status}
	}
	all, err := hashes(ctx, s.Redis, "dim:product:")
	for id, h := range all {
		price := h["price"]
		if c, err := cents(price); err == nil {
			price = money(c)
		}
		got[id] = productDimension{h["name"], h["category"], h["brand"], price, h["status"]}
	}
	return compare(want, got), err
}

func checkFeatures(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	want, got := map[string]turnover{}, map[string]turnover{}
	for _, f := range e.Features {
		want[strconv.FormatInt(f.User, 10)] = turnover{money(f.GMV), f.Orders}
	}
	all, err := hashes(ctx, s.Redis, "user_feature:")
	if err != nil {
		return nil, err
	}
	for id, h := range all {
		c, err := cents(h["gmv"])
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseInt(h["paid_orders"], 10, 64)
		if err != nil {
			return nil, fault.Wrap(fault.Data, err, "read paid_orders of user %s", id)
		}
		if c != 0 || n != 0 {
			got[id] = turnover{money(c), n}
		}
	}
	return compare(want, got), nil
}

func checkTop(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	want, got := map[string]string{}, map[string]string{}
	for hour, top := range e.TopN {
		for _, t := range top {
			want[hour+" product "+strconv.FormatInt(t.Product, 10)] = money(t.GMV)
		}
	}
	hours, err := keys(ctx, s.Redis, "top_product:")
	if err != nil {
		return nil, err
	}
	for _, hour := range hours {
		list, err := s.Redis.ZRevRangeWithScores(ctx, "top_product:"+hour, 0, -1).Result()
		if err != nil {
			return nil, redis.Classify(err, "read top_product:%s", hour)
		}
		for _, z := range list {
			// A score is a double: exact for whole cents up to 2^53, once rounded to them.
			got[fmt.Sprintf("%s product %v", hour, z.Member)] = money(account.Cents(math.Round(z.Score * 100)))
		}
	}
	return compare(want, got), nil
}
