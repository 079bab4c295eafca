package kafka

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
)

// place is where a table begins or ends to be read: a mode of scan.startup.mode or scan.bounded.mode and what it needs.
type place struct {
	mode    string
	millis  int64
	offsets map[int32]int64 // specific-offsets
}

// The modes. unbounded is an end only, earliest a beginning only.
const (
	earliest     = "earliest-offset"
	latest       = "latest-offset"
	groupOffsets = "group-offsets"
	atTime       = "timestamp"
	specific     = "specific-offsets"
	unbounded    = "unbounded"
)

// parseOffsets reads 'partition:0,offset:42;partition:1,offset:300'.
func parseOffsets(s string) (map[int32]int64, error) {
	out := map[int32]int64{}
	for part := range strings.SplitSeq(s, ";") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		p, o, ok := strings.Cut(part, ",")
		p, isPartition := strings.CutPrefix(strings.TrimSpace(p), "partition:")
		o, isOffset := strings.CutPrefix(strings.TrimSpace(o), "offset:")
		partition, err := strconv.ParseInt(p, 10, 32)
		offset, err2 := strconv.ParseInt(o, 10, 64)
		if !ok || !isPartition || !isOffset || err != nil || err2 != nil || partition < 0 || offset < 0 {
			return nil, fmt.Errorf("%q is not of the form partition:0,offset:42", part)
		}
		out[int32(partition)] = offset
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it names no partition")
	}
	return out, nil
}

// start is the position where a partition without a committed offset begins.
func (p place) start(partition int32, reset string) kgo.Offset {
	switch p.mode {
	case latest:
		return kgo.NewOffset().AtEnd()
	case atTime:
		return kgo.NewOffset().AfterMilli(p.millis)
	case specific:
		if o, ok := p.offsets[partition]; ok {
			return kgo.NewOffset().At(o)
		}
	case groupOffsets:
		if reset == "latest" {
			return kgo.NewOffset().AtEnd()
		}
	}
	return kgo.NewOffset().AtStart() // also group-offsets without one: nothing may be lost
}

// startOffsets tells the group consumer where partitions without a committed offset start, by their table's scan.startup.mode.
func (s *session) startOffsets(_ context.Context, m map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	for topic, ps := range m {
		t := s.reads(topic)
		for p, o := range ps {
			if o.EpochOffset().Offset >= 0 {
				continue
			}
			if t == nil {
				ps[p] = kgo.NewOffset().AtStart()
				continue
			}
			ps[p] = t.startup.start(p, t.reset)
		}
	}
	return m, nil
}

// reads is a table that reads the topic, nil if none does.
func (s *session) reads(topic string) *table {
	var found *table
	for _, n := range s.sources {
		if t := s.tables[n]; slices.Contains(t.topics, topic) {
			found = t
		}
	}
	return found
}

// findEnds notes where the bounded topics end, and sets the ends of partitions that are to be read from there or later to 0: nothing comes
// from them.
func (s *session) findEnds(ctx context.Context) error {
	for _, n := range s.sources {
		t := s.tables[n]
		if t.bounds.mode == unbounded {
			continue
		}
		for _, topic := range t.topics {
			for _, o := range s.sources {
				if s.tables[o].bounds.mode == unbounded && slices.Contains(s.tables[o].topics, topic) {
					return fault.Newf(fault.Config, "topic %s is read both bounded (%s) and unbounded (%s) in one job", topic, n.Table.Name, o.Table.Name)
				}
			}
		}
		ends, err := s.listed(ctx, t.topics, t.bounds)
		if err != nil {
			return kafka.Classify(err, "find the end of %s", strings.Join(t.topics, ", "))
		}
		first, err := s.adm.ListStartOffsets(ctx, t.topics...)
		if err != nil {
			return kafka.Classify(err, "find the start of %s", strings.Join(t.topics, ", "))
		}
		startup := t.startup
		if startup.mode == groupOffsets && t.reset == "latest" {
			startup.mode = latest
		}
		var starts map[tp]int64
		switch startup.mode {
		case latest, atTime, specific:
			if starts, err = s.listed(ctx, t.topics, startup); err != nil {
				return kafka.Classify(err, "find where to start in %s", strings.Join(t.topics, ", "))
			}
		}
		for _, topic := range t.topics {
			for p := range s.partitions[topic] {
				k := tp{topic, p}
				begin := int64(0)
				if o, ok := first.Lookup(topic, p); ok {
					begin = o.Offset
				}
				if at, committed := s.positions[k]; committed {
					begin = max(begin, at)
				} else {
					begin = max(begin, starts[k])
				}
				if s.ends[k] = ends[k]; begin >= ends[k] {
					s.ends[k] = 0
				}
			}
		}
	}
	return nil
}

// listed gives the offsets that a place stands for now, of all partitions of the topics.
func (s *session) listed(ctx context.Context, topics []string, p place) (map[tp]int64, error) {
	out := map[tp]int64{}
	note := func(l kadm.ListedOffsets, err error) (map[tp]int64, error) {
		if err == nil {
			err = l.Error()
		}
		l.Each(func(o kadm.ListedOffset) { out[tp{o.Topic, o.Partition}] = o.Offset })
		return out, err
	}
	switch p.mode {
	case atTime:
		l, err := s.adm.ListOffsetsAfterMilli(ctx, p.millis, topics...)
		if _, err = note(l, err); err != nil {
			return nil, err
		}
		last, err := s.adm.ListCommittedOffsets(ctx, topics...)
		last.Each(func(o kadm.ListedOffset) { // a topic whose last record is older has no such offset, or its end
			k := tp{o.Topic, o.Partition}
			if out[k] < 0 || out[k] > o.Offset {
				out[k] = o.Offset
			}
		})
		return out, err
	case specific:
		for partition, offset := range p.offsets {
			out[tp{topics[0], partition}] = offset
		}
		return out, nil
	case groupOffsets:
		want := map[string][]int32{}
		for _, t := range topics {
			for i := range s.partitions[t] {
				want[t] = append(want[t], i)
			}
		}
		committed, err := kafka.CommittedOffsets(ctx, s.client.Client(), s.group, want)
		for _, c := range committed {
			out[tp{c.Topic, c.Partition}] = c.Offset
		}
		return out, err
	}
	return note(s.adm.ListCommittedOffsets(ctx, topics...))
}
