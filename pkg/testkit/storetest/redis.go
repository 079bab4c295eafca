package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/redis"
	goredis "github.com/redis/go-redis/v9"
)

// Redis checks what Freshet relies on of the Redis at addr (host:port). Keys
// begin with the test's name and time and are removed at the end.
func Redis(t *testing.T, addr string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	c, err := redis.Open(redis.Config{Addr: addr, Timeout: 5 * time.Second, Pool: 4})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := redis.Ping(ctx, c); err != nil {
		t.Fatal(err)
	}
	prefix := fmt.Sprintf("storetest:%d:", time.Now().UnixNano())
	t.Cleanup(func() {
		for keys := c.Scan(context.Background(), 0, prefix+"*", 100).Iterator(); keys.Next(context.Background()); {
			c.Del(context.Background(), keys.Val())
		}
	})
	cases := []struct {
		name string
		run  func(*testing.T, context.Context, *goredis.Client, string)
	}{
		{"strings", redisStrings}, {"hashes", redisHashes}, {"sorted sets", redisSortedSets}, {"batch", redisBatch},
		{"ttl", redisTTL}, {"multi", redisMulti}, {"lua", redisLua}, {"scan", redisScan}, {"errors", redisErrors},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, ctx, c, prefix+tc.name+":") })
	}
}

func expect[T comparable](t *testing.T, what string, got, want T, err error) {
	t.Helper()
	if err != nil || got != want {
		t.Fatalf("%s = %v, %v; want %v", what, got, err, want)
	}
}

func redisStrings(t *testing.T, ctx context.Context, c *goredis.Client, k string) {
	blob := string([]byte{0, 255, '\r', '\n', 0})
	check(t, c.MSet(ctx, k+"a", "1", k+"b", blob).Err())
	got, err := c.Get(ctx, k+"b").Result()
	expect(t, "binary value", got, blob, err)
	n, err := c.IncrBy(ctx, k+"a", 41).Result()
	expect(t, "INCRBY", n, 42, err)
	many, err := c.MGet(ctx, k+"a", k+"missing").Result()
	expect(t, "MGET", fmt.Sprint(many), "[42 <nil>]", err)
	ok, err := c.SetNX(ctx, k+"a", "other", 0).Result()
	expect(t, "SETNX of an existing key", ok, false, err)
	if _, err := c.Get(ctx, k+"missing").Result(); !errors.Is(err, goredis.Nil) {
		t.Fatalf("missing key: %v", err)
	}
	large := make([]byte, 1<<20)
	check(t, c.Set(ctx, k+"large", large, 0).Err())
	length, err := c.StrLen(ctx, k+"large").Result()
	expect(t, "STRLEN", length, 1<<20, err)
}

func redisHashes(t *testing.T, ctx context.Context, c *goredis.Client, k string) {
	n, err := c.HSet(ctx, k, "name", "tea", "price", "3.50").Result()
	expect(t, "HSET", n, 2, err)
	all, err := c.HGetAll(ctx, k).Result()
	expect(t, "HGETALL", fmt.Sprint(all), "map[name:tea price:3.50]", err)
	some, err := c.HMGet(ctx, k, "price", "nope").Result()
	expect(t, "HMGET", fmt.Sprint(some), "[3.50 <nil>]", err)
	sum, err := c.HIncrBy(ctx, k, "views", 7).Result()
	expect(t, "HINCRBY", sum, 7, err)
	n, err = c.HDel(ctx, k, "name", "nope").Result()
	expect(t, "HDEL", n, 1, err)
	none, err := c.HGetAll(ctx, k+"missing").Result()
	expect(t, "HGETALL of nothing", len(none), 0, err)
}

func redisSortedSets(t *testing.T, ctx context.Context, c *goredis.Client, k string) {
	check(t, c.ZAdd(ctx, k, goredis.Z{Score: 3, Member: "c"}, goredis.Z{Score: 1.5, Member: "a"}, goredis.Z{Score: 2, Member: "b"}, goredis.Z{Score: 2, Member: "bb"}).Err())
	score, err := c.ZIncrBy(ctx, k, 10, "a").Result()
	expect(t, "ZINCRBY", score, 11.5, err)
	top, err := c.ZRevRangeWithScores(ctx, k, 0, 1).Result()
	expect(t, "ZREVRANGE", fmt.Sprint(top), "[{11.5 a} {3 c}]", err)
	low, err := c.ZRangeArgs(ctx, goredis.ZRangeArgs{Key: k, Start: "-inf", Stop: "(3", ByScore: true}).Result()
	expect(t, "ZRANGE BYSCORE", fmt.Sprint(low), "[b bb]", err)
	// TopN keeps the set short by rank.
	n, err := c.ZRemRangeByRank(ctx, k, 0, -3).Result()
	expect(t, "ZREMRANGEBYRANK", n, 2, err)
	n, err = c.ZCard(ctx, k).Result()
	expect(t, "ZCARD", n, 2, err)
	rank, err := c.ZRevRank(ctx, k, "c").Result()
	expect(t, "ZREVRANK", rank, 1, err)
}

func redisBatch(t *testing.T, ctx context.Context, c *goredis.Client, k string) {
	const n = 2500
	err := redis.Batch(ctx, c, fault.Policy{}, n, func(p goredis.Pipeliner, i int) {
		p.HSet(ctx, fmt.Sprint(k, i%100), fmt.Sprint(i), i)
		p.Get(ctx, k+"missing")
	})
	check(t, err)
	total := int64(0)
	for i := range 100 {
		m, err := c.HLen(ctx, fmt.Sprint(k, i)).Result()
		check(t, err)
		total += m
	}
	expect(t, "fields after batch", total, n, nil)
	err = redis.Batch(ctx, c, fault.Policy{}, 2, func(p goredis.Pipeliner, i int) { p.Incr(ctx, fmt.Sprint(k, "0")) })
	expect(t, "kind of a wrong-type error", fault.KindOf(err), fault.Permanent, nil)
}

func redisTTL(t *testing.T, ctx context.Context, c *goredis.Client, k string) {
	check(t, c.Set(ctx, k+"short", "x", 150*time.Millisecond).Err())
	check(t, c.Set(ctx, k+"long", "x", time.Hour).Err())
	left, err := c.TTL(ctx, k+"long").Result()
	if err != nil || left < 59*time.Minute || left > time.Hour {
		t.Fatalf("TTL = %v, %v", left, err)
	}
	await(t, ctx, "the key to expire", func() bool {
		n, err := c.Exists(ctx, k+"short").Result()
		return err == nil && n == 0
	})
	check(t, c.Persist(ctx, k+"long").Err())
	left, err = c.TTL(ctx, k+"long").Result()
	expect(t, "TTL after PERSIST", left, -1, err)
}

func redisMulti(t *testing.T, ctx context.Context, c *goredis.Client, k string) {
	cmds, err := c.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		p.Set(ctx, k+"a", 1, 0)
		p.Incr(ctx, k+"a")
		p.HSet(ctx, k+"h", "f", "v")
		return nil
	})
	check(t, err)
	expect(t, "replies", len(cmds), 3, nil)
	n, err := c.Get(ctx, k+"a").Int()
	expect(t, "value after MULTI", n, 2, err)
	err = c.Watch(ctx, func(tx *goredis.Tx) error {
		check(t, c.Set(ctx, k+"a", 100, 0).Err()) // another connection
		_, err := tx.TxPipelined(ctx, func(p goredis.Pipeliner) error {
			p.Set(ctx, k+"a", 3, 0)
			return nil
		})
		return err
	}, k+"a")
	expect(t, "optimistic lock lost", redis.Classify(err, "") != nil && fault.KindOf(redis.Classify(err, "")) == fault.Transient, true, nil)
	n, err = c.Get(ctx, k+"a").Int()
	expect(t, "value after lost lock", n, 100, err)
}

// versioned writes a hash only when its version is newer: how a late writer is
// kept from overwriting newer values.
var versioned = goredis.NewScript(`
local old = tonumber(redis.call('HGET', KEYS[1], 'v') or '-1')
if old > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'x', ARGV[2])
return 1`)

func redisLua(t *testing.T, ctx context.Context, c *goredis.Client, k string) {
	for _, s := range []struct {
		version int
		want    int64
	}{{5, 1}, {4, 0}, {5, 1}, {6, 1}} {
		n, err := versioned.Run(ctx, c, []string{k}, s.version, fmt.Sprint("x", s.version)).Int64()
		expect(t, fmt.Sprint("script for version ", s.version), n, s.want, err)
	}
	x, err := c.HGet(ctx, k, "x").Result()
	expect(t, "newest value", x, "x6", err)
}

func redisScan(t *testing.T, ctx context.Context, c *goredis.Client, k string) {
	for i := range 250 {
		check(t, c.Set(ctx, fmt.Sprint(k, i), i, 0).Err())
	}
	seen := map[string]bool{}
	it := c.Scan(ctx, 0, k+"*", 50).Iterator()
	for it.Next(ctx) {
		seen[it.Val()] = true
	}
	expect(t, "keys scanned", len(seen), 250, it.Err())
}

func redisErrors(t *testing.T, ctx context.Context, c *goredis.Client, k string) {
	check(t, c.Set(ctx, k, "text", 0).Err())
	for name, err := range map[string]error{
		"wrong type":   c.HSet(ctx, k, "a", 1).Err(),
		"not a number": c.Incr(ctx, k).Err(),
	} {
		expect(t, name, fault.KindOf(redis.Classify(err, "write")), fault.Permanent, nil)
	}
	down, err := redis.Open(redis.Config{Addr: "127.0.0.1:1", Timeout: time.Second})
	check(t, err)
	defer down.Close()
	expect(t, "no server", fault.KindOf(redis.Ping(ctx, down)), fault.Unavailable, nil)
}
