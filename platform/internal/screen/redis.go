package screen

import (
	"context"
	"time"

	"github.com/freshet-dw/freshet/pkg/redis"
	goredis "github.com/redis/go-redis/v9"
)

// topPoller reads the ranking of products.
type topPoller struct{ c *goredis.Client }

// Redis polls top_product:<hour> and the names in dim:product:<id>. In the first minutes of an hour, before anything was paid in it, it shows the hour before.
func Redis(cfg redis.Config) (Poller, error) {
	cfg.Pool = 2
	c, err := redis.Open(cfg)
	if err != nil {
		return nil, err
	}
	return &topPoller{c}, nil
}

func (*topPoller) Store() string                 { return "redis" }
func (p *topPoller) Close() error                { return p.c.Close() }
func (*topPoller) Fail(s *Snapshot, what Source) { s.Top.Source = what }

func (p *topPoller) Poll(ctx context.Context, now time.Time) (func(*Snapshot), error) {
	var top Top
	for _, back := range []time.Duration{0, time.Hour} {
		top.Hour = now.UTC().Add(-back).Format("2006-01-02 15")
		entries, err := p.c.ZRevRangeWithScores(ctx, "top_product:"+top.Hour, 0, 9).Result()
		if err != nil {
			return nil, redis.Classify(err, "read the ranking of %s", top.Hour)
		}
		for _, e := range entries {
			id, _ := e.Member.(string)
			top.Products = append(top.Products, Product{ID: id, GMV: e.Score})
		}
		if len(entries) > 0 {
			break
		}
	}
	if len(top.Products) == 0 {
		top.Hour = now.UTC().Format("2006-01-02 15")
		return func(s *Snapshot) { s.Top = top }, nil
	}
	names := make([]*goredis.SliceCmd, len(top.Products))
	_, err := p.c.Pipelined(ctx, func(pipe goredis.Pipeliner) error {
		for i, e := range top.Products {
			names[i] = pipe.HMGet(ctx, "dim:product:"+e.ID, "name", "category")
		}
		return nil
	})
	if err != nil {
		return nil, redis.Classify(err, "read product names")
	}
	for i, n := range names {
		if v := n.Val(); len(v) == 2 {
			top.Products[i].Name, _ = v[0].(string)
			top.Products[i].Category, _ = v[1].(string)
		}
	}
	return func(s *Snapshot) { s.Top = top }, nil
}
