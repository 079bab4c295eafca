package lookup

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/obs"
)

// follower reads the change topics of one cluster from now on. Each process reads them all: each has its own cache.
type follower struct {
	client  *kgo.Client
	adm     *kadm.Client
	changes map[string][]*change // by topic
	tables  map[*table]bool
	tel     *obs.Telemetry
}

// skew is what the clocks of producers may lag behind.
const skew = 10 * time.Second

// followers makes one for each cluster. Nothing is connected.
func followers(base kafka.Config, changes []*change, tel *obs.Telemetry, now time.Time) ([]*follower, error) {
	by := map[string]*follower{}
	for _, c := range changes {
		f := by[c.brokers]
		if f == nil {
			f = &follower{changes: map[string][]*change{}, tables: map[*table]bool{}, tel: tel}
			by[c.brokers] = f
		}
		for _, t := range c.topics {
			f.changes[t] = append(f.changes[t], c)
		}
		f.tables[c.table] = true
	}
	var out []*follower
	for _, brokers := range slices.Sorted(maps.Keys(by)) {
		f, cfg := by[brokers], base
		if brokers != "" {
			cfg.Brokers = strings.Split(brokers, ",")
		}
		var err error
		f.client, err = kafka.NewClient(cfg, kgo.ConsumeTopics(slices.Sorted(maps.Keys(f.changes))...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			kgo.ConsumeResetOffset(kgo.NewOffset().AfterMilli(now.Add(-skew).UnixMilli())), kgo.MetadataMaxAge(10*time.Second))
		if err != nil {
			for _, f := range out {
				f.client.Close()
			}
			return nil, err
		}
		f.adm = kadm.NewClient(f.client)
		out = append(out, f)
	}
	return out, nil
}

// run reads until ctx ends.
func (f *follower) run(ctx context.Context) {
	defer f.client.Close()
	var wg sync.WaitGroup
	wg.Go(func() { f.settle(ctx) })
	defer wg.Wait()
	for ctx.Err() == nil {
		fetches := f.client.PollFetches(ctx)
		fetches.EachError(func(topic string, p int32, err error) {
			if ctx.Err() == nil {
				f.tel.Log.Warn("changes of a topic are not seen; cached rows live until their time ends", "topic", topic, "partition", p, "err", kafka.Classify(err, "read changes"))
			}
		})
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if len(p.Records) == 0 {
				return
			}
			msgs := make([]format.Message, len(p.Records))
			offsets := make([]int64, len(p.Records))
			for i, r := range p.Records {
				msgs[i], offsets[i] = format.Message{Key: r.Key, Value: r.Value}, r.Offset
			}
			for _, c := range f.changes[p.Topic] {
				c.apply(partition{topic: p.Topic, partition: p.Partition}, msgs, offsets)
			}
		})
	}
}

// settleEvery is how often marks are looked through.
const settleEvery = 200 * time.Millisecond

// settle compares the changes with what the jobs have committed.
func (f *follower) settle(ctx context.Context) {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		waiting := map[partition]bool{}
		for t := range f.tables {
			t.cache.waiting(waiting)
		}
		offsets := f.committed(ctx, waiting)
		for t := range f.tables {
			t.cache.settle(func(p partition) (int64, bool) { n, ok := offsets[p]; return n, ok })
		}
	}
}

func (f *follower) committed(ctx context.Context, waiting map[partition]bool) map[partition]int64 {
	groups := map[string]bool{}
	for p := range waiting {
		groups[p.group] = true
	}
	out := map[partition]int64{}
	for g := range groups {
		rctx, cancel := context.WithTimeout(ctx, time.Second)
		resp, err := f.adm.FetchOffsets(rctx, g)
		cancel()
		if err != nil {
			continue // time alone decides
		}
		resp.Each(func(o kadm.OffsetResponse) {
			if o.Err == nil && o.At >= 0 {
				out[partition{group: g, topic: o.Topic, partition: o.Partition}] = o.At
			}
		})
	}
	return out
}
