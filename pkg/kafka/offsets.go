package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Committed is a group's position in one partition: the next offset to read, and what was noted with it.
type Committed struct {
	Topic     string
	Partition int32
	Offset    int64
	Metadata  string
}

// CommittedOffsets gives a group's positions in the partitions, of those that
// have one, with all that transactions have committed.
//
// A broker acknowledges a transaction's end before the group shows it. Asked
// for all of a group's partitions it leaves out those whose first position is
// under way; asked for a partition by name it says that the position is not
// stable. So partitions are named here, and the answer is waited for.
func CommittedOffsets(ctx context.Context, cl *kgo.Client, group string, partitions map[string][]int32) ([]Committed, error) {
	if len(partitions) == 0 {
		return nil, nil
	}
	req := kmsg.NewPtrOffsetFetchRequest()
	req.RequireStable = true
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	for topic, ps := range partitions {
		t := kmsg.NewOffsetFetchRequestGroupTopic()
		t.Topic, t.Partitions = topic, ps
		g.Topics = append(g.Topics, t)
	}
	req.Groups = append(req.Groups, g)
	var out []Committed
	// The longest that a position may be under way is the longest transaction.
	policy := fault.Policy{Initial: 5 * time.Millisecond, Max: 100 * time.Millisecond, MaxElapsed: 2 * time.Minute, Retry: func(err error) bool {
		return errors.Is(err, kerr.UnstableOffsetCommit)
	}}
	err := fault.Retry(ctx, policy, func(ctx context.Context) error {
		out = out[:0]
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return err
		}
		for _, g := range resp.Groups {
			if err := kerr.ErrorForCode(g.ErrorCode); err != nil {
				return err
			}
			for _, t := range g.Topics {
				for _, p := range t.Partitions {
					if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
						return err
					}
					if p.Offset < 0 {
						continue
					}
					c := Committed{Topic: t.Topic, Partition: p.Partition, Offset: p.Offset}
					if p.Metadata != nil {
						c.Metadata = *p.Metadata
					}
					out = append(out, c)
				}
			}
		}
		return nil
	})
	return out, Classify(err, "read the committed offsets of group %s", group)
}
