package e2e

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// most differences that one check lists; their full number is told.
const most = 20

// check compares a part of the stores.
type check struct {
	name string
	run  func(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error)
	has  func(s *Stores) bool

	dimension bool
}

// checks go from the sources to the ends of the roads, cheap ones first among equals.
func checks() []check {
	mysql := func(s *Stores) bool { return s.MySQL != nil }
	redis := func(s *Stores) bool { return s.Redis != nil }
	hbase := func(s *Stores) bool { return s.HBase != nil }
	clickhouse := func(s *Stores) bool { return s.ClickHouse != nil }
	kafka := func(s *Stores) bool { return len(s.Kafka.Brokers) > 0 }
	lake := func(s *Stores) bool { return s.Lake != "" }
	return []check{
		{name: "account", run: checkAccount, has: func(*Stores) bool { return true }},
		{name: "Redis product dimension", run: checkProducts, has: redis, dimension: true},
		{name: "MySQL region dimension", run: checkRegions, has: mysql, dimension: true},
		{name: "HBase user dimension", run: checkUsers, has: hbase, dimension: true},
		{name: "HBase uv_index", run: checkUV, has: hbase},
		{name: "MySQL dm.gmv_minute_province", run: checkGMV, has: mysql},
		{name: "Redis top_product", run: checkTop, has: redis},
		{name: "Redis user_feature", run: checkFeatures, has: redis},
		{name: "ClickHouse dm_traffic_wide", run: checkTraffic, has: clickhouse},
		{name: "ClickHouse dm_trade_wide", run: checkTrade, has: clickhouse},
		{name: "lake", run: checkLake, has: lake},
		{name: "Kafka changes", run: checkChanges, has: kafka},
		{name: "Kafka ods_nginx_access", run: checkLog, has: kafka},
		{name: "Kafka freshet_dead_letter", run: checkDeadLetters, has: kafka},
	}
}

// Verify lists what the stores hold otherwise than the account says, in the order of the road. That a store cannot be read is a difference too.
func Verify(ctx context.Context, s *Stores, e account.Expected) []Difference {
	var out []Difference
	for _, c := range checks() {
		if c.has(s) {
			out = append(out, c.do(ctx, s, e)...)
		}
	}
	return out
}

func (c check) do(ctx context.Context, s *Stores, e account.Expected) []Difference {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	diffs, err := c.run(ctx, s, e)
	for i := range diffs {
		diffs[i].Store = c.name
	}
	if err != nil {
		diffs = append(diffs, Difference{Store: c.name, Key: "it cannot be read", Got: err.Error()})
	}
	if n := len(diffs); n > most {
		diffs = append(diffs[:most], Difference{Store: c.name, Key: "and more", Got: fmt.Sprintf("%d differences in all", n)})
	}
	return diffs
}

// WaitFor verifies until nothing differs, and then once more after settle, since too much may come later than enough. It returns what differs when ctx ends.
// Progress goes to out: what it waits for.
func WaitFor(ctx context.Context, s *Stores, e account.Expected, settle time.Duration, out io.Writer) []Difference {
	if wait(ctx, s, e, out, checks()) == nil && sleep(ctx, settle) == nil {
		fmt.Fprintln(out, "all equal; look again")
	}
	return Verify(context.WithoutCancel(ctx), s, e) // the stores get a last look, also when ctx is over
}

// wait repeats the checks until none finds a difference, or ctx ends. Of one round it returns what the first check that fails finds.
func wait(ctx context.Context, s *Stores, e account.Expected, out io.Writer, all []check) []Difference {
	began, told := time.Now(), ""
	for pause := 200 * time.Millisecond; ; pause = min(pause*2, 3*time.Second) {
		var open []Difference
		for _, c := range all {
			if !c.has(s) {
				continue
			}
			if open = c.do(ctx, s, e); len(open) > 0 {
				break
			}
		}
		if len(open) == 0 {
			return nil
		}
		if line := fmt.Sprintf("%d differences, %s", len(open), open[0]); line != told {
			fmt.Fprintf(out, "%6.1fs  %s\n", time.Since(began).Seconds(), line)
			told = line
		}
		if sleep(ctx, pause) != nil {
			return open
		}
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func checkAccount(_ context.Context, _ *Stores, e account.Expected) ([]Difference, error) {
	var out []Difference
	if e.Partial != "" {
		out = append(out, Difference{Key: "it is partial", Got: e.Partial})
	}
	for _, f := range e.Faults {
		out = append(out, Difference{Key: "the simulator was answered wrongly", Got: f})
	}
	return out, nil
}

// compare lists the keys at which two maps differ, in order.
func compare[K cmp.Ordered, V comparable](want, got map[K]V) []Difference {
	keys := make([]K, 0, len(want))
	for k := range want {
		keys = append(keys, k)
	}
	for k := range got {
		if _, both := want[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var out []Difference
	for _, k := range keys {
		w, wanted := want[k]
		g, there := got[k]
		if w == g && wanted == there {
			continue
		}
		d := Difference{Key: fmt.Sprint(k)}
		if wanted {
			d.Want = fmt.Sprintf("%+v", w)
		}
		if there {
			d.Got = fmt.Sprintf("%+v", g)
		}
		out = append(out, d)
	}
	return out
}

// WaitForDimensions waits until the dimension stores equal the account, and returns what differs when ctx ends.
func WaitForDimensions(ctx context.Context, s *Stores, e account.Expected, out io.Writer) []Difference {
	return wait(ctx, s, e, out, slices.DeleteFunc(checks(), func(c check) bool { return !c.dimension }))
}
