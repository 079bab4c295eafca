package kafka

import (
	"context"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
)

// PartitionLag is how far a group is behind in one partition.
type PartitionLag struct {
	Topic     string
	Partition int32
	Committed int64 // next offset to read; -1 when nothing is committed
	End       int64 // offset after the last committed record
	Lag       int64 // records not yet committed by the group
	Metadata  string
}

// Lag returns the lag of the group in every partition of the topics, ordered
// by topic and partition; without topics, in those that it has committed. A
// partition without a commit counts from its first record. Control records of
// transactions count too, as offsets do.
func Lag(ctx context.Context, adm *kadm.Client, group string, topics ...string) ([]PartitionLag, error) {
	commits, err := adm.FetchOffsets(ctx, group)
	if err != nil {
		return nil, Classify(err, "read offsets of group %s", group)
	}
	if err := commits.Error(); err != nil {
		return nil, Classify(err, "read offsets of group %s", group)
	}
	if len(topics) == 0 {
		for t := range commits {
			topics = append(topics, t)
		}
		if len(topics) == 0 {
			return nil, nil
		}
	}
	starts, err := adm.ListStartOffsets(ctx, topics...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, Classify(err, "list start offsets")
	}
	ends, err := adm.ListCommittedOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return nil, Classify(err, "list end offsets")
	}
	var out []PartitionLag
	ends.Each(func(end kadm.ListedOffset) {
		p := PartitionLag{Topic: end.Topic, Partition: end.Partition, Committed: -1, End: end.Offset}
		from := int64(0)
		if s, ok := starts.Lookup(end.Topic, end.Partition); ok {
			from = s.Offset
		}
		if c, ok := commits.Lookup(end.Topic, end.Partition); ok && c.At >= 0 {
			p.Committed, p.Metadata = c.At, c.Metadata
			from = max(from, c.At)
		}
		p.Lag = max(0, end.Offset-from)
		out = append(out, p)
	})
	slices.SortFunc(out, func(a, b PartitionLag) int {
		if a.Topic != b.Topic {
			return strings.Compare(a.Topic, b.Topic)
		}
		return int(a.Partition - b.Partition)
	})
	return out, nil
}

// TotalLag adds the lags up.
func TotalLag(lags []PartitionLag) int64 {
	var n int64
	for _, l := range lags {
		n += l.Lag
	}
	return n
}
