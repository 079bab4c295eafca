package screen

import (
	"context"
	"time"

	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// roadPoller reads where topics end and how far their readers are.
type roadPoller struct {
	cl     *kgo.Client
	adm    *kadm.Client
	clicks string
	dead   int64 // letters read
	misses func() int64
	meters map[string]*meter
	views  meter
}

// Kafka polls the topics ods_*, dwd_* and dm_*: records, rates, the age of the newest one and what groups have yet to read. Offsets count transactions'
// control records too, so totals of records are a little high; dead letters, which are few, are read and counted. misses counts failed look-ups of
// joins; it may be nil.
func Kafka(cfg kafka.Config, deadLetter string, misses func() int64) (Poller, error) {
	cl, err := kafka.NewClient(cfg, kgo.ConsumeTopics(deadLetter), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxBytes(4<<20))
	if err != nil {
		return nil, err
	}
	return &roadPoller{cl: cl, adm: kadm.NewClient(cl), clicks: "ods_page_view", misses: misses,
		meters: map[string]*meter{ODSLayer: {}, DWDLayer: {}, DMLayer: {}}}, nil
}

func (*roadPoller) Store() string { return "kafka" }

func (*roadPoller) Fail(s *Snapshot, what Source) { s.Road.Source = what }

func (p *roadPoller) Close() error {
	p.cl.Close()
	return nil
}

func (p *roadPoller) Poll(ctx context.Context, _ time.Time) (func(*Snapshot), error) {
	listed, err := p.adm.ListTopics(ctx)
	if err != nil {
		return nil, kafka.Classify(err, "list topics")
	}
	var topics []string
	for name := range listed {
		if layerOf(name) != "" {
			topics = append(topics, name)
		}
	}
	layers := map[string]*Layer{}
	for _, name := range []string{ODSLayer, DWDLayer, DMLayer} {
		layers[name] = &Layer{Name: name}
	}
	road := Road{DeadLetters: p.deadLetters(ctx)}
	var views int64
	if len(topics) > 0 {
		ends, err := p.adm.ListCommittedOffsets(ctx, topics...)
		if err != nil {
			return nil, kafka.Classify(err, "list ends of topics")
		}
		newest, err := p.adm.ListMaxTimestampOffsets(ctx, topics...)
		if err != nil {
			return nil, kafka.Classify(err, "list newest records of topics")
		}
		at := time.Now()
		young := map[string]int64{}
		newest.Each(func(o kadm.ListedOffset) {
			young[layerOf(o.Topic)] = max(young[layerOf(o.Topic)], o.Timestamp)
		})
		ends.Each(func(o kadm.ListedOffset) {
			if o.Err != nil || o.Offset < 0 {
				return
			}
			layers[layerOf(o.Topic)].Rows += o.Offset
			if o.Topic == p.clicks {
				views += o.Offset
			}
		})
		for name, l := range layers {
			l.age(young[name], at)
		}
		if err := p.lag(ctx, ends, layers); err != nil {
			return nil, err
		}
	}
	at := time.Now()
	for name, l := range layers {
		l.Rate, l.Rates = p.meters[name].rate(l.Rows, at)
		road.Lag += l.Lag
	}
	rate, _ := p.views.rate(views, at)
	return func(s *Snapshot) {
		stations := []Layer{*layers[ODSLayer], *layers[DWDLayer], *layers[DMLayer]}
		store := s.Road.Layers
		s.Road = road
		s.Road.Layers = append(stations, store...)
		if p.misses != nil {
			s.Road.JoinMisses = p.misses()
		}
		s.ViewsRate = rate
	}, nil
}

// deadLetters counts those that have come since the last poll to those before. Many at once are counted over several polls.
func (p *roadPoller) deadLetters(ctx context.Context) int64 {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	for ctx.Err() == nil {
		// Errors are the client's to repeat; without records this waits for the time-out.
		n := p.cl.PollRecords(ctx, 10_000).NumRecords()
		if p.dead += int64(n); n == 0 {
			break
		}
	}
	return p.dead
}

// lag adds up what the consumer groups have yet to read.
func (p *roadPoller) lag(ctx context.Context, ends kadm.ListedOffsets, layers map[string]*Layer) error {
	groups, err := p.adm.ListGroups(ctx)
	if err != nil {
		return kafka.Classify(err, "list consumer groups")
	}
	for _, g := range p.adm.FetchManyOffsets(ctx, groups.Groups()...) {
		if g.Err != nil {
			return kafka.Classify(g.Err, "read offsets of group %s", g.Group)
		}
		g.Fetched.Each(func(c kadm.OffsetResponse) {
			end, ok := ends.Lookup(c.Topic, c.Partition)
			l := layers[layerOf(c.Topic)]
			if !ok || l == nil || c.At < 0 {
				return
			}
			// The last entry may be a transaction's marker, which nobody reads.
			if behind := end.Offset - c.At; behind > 1 {
				l.Lag += behind
			}
		})
	}
	return nil
}
