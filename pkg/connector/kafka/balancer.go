package kafka

import (
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// ownerBalancer gives all partitions to one member of the group; the others stand by. Jobs whose exchange is in memory use it: all rows of
// a key must meet in one process. The member that owns partitions already keeps them.
type ownerBalancer struct{}

var _ kgo.GroupBalancer = ownerBalancer{}

func (ownerBalancer) ProtocolName() string { return "freshet-owner" }

func (ownerBalancer) IsCooperative() bool { return false }

func (ownerBalancer) JoinGroupMetadata(topics []string, current map[string][]int32, generation int32) []byte {
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Version = 3
	meta.Topics = topics
	meta.Generation = generation
	for t, ps := range current {
		o := kmsg.NewConsumerMemberMetadataOwnedPartition()
		o.Topic, o.Partitions = t, ps
		meta.OwnedPartitions = append(meta.OwnedPartitions, o)
	}
	return meta.AppendTo(nil)
}

func (ownerBalancer) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	return kgo.ParseConsumerSyncAssignment(assignment)
}

func (o ownerBalancer) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	b, err := kgo.NewConsumerBalancer(o, members)
	if err != nil {
		return nil, nil, err
	}
	return b, b.MemberTopics(), nil
}

// Balance implements kgo.ConsumerBalancerBalance.
func (ownerBalancer) Balance(b *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	p := b.NewPlan()
	var owner *kmsg.JoinGroupResponseMember
	newest := int32(-2)
	for i := range b.Members() {
		m, meta := b.MemberAt(i)
		generation := int32(-2)
		if len(meta.OwnedPartitions) > 0 {
			generation = meta.Generation
		}
		if owner == nil || generation > newest {
			owner, newest = m, generation
		}
	}
	for topic, n := range topics {
		for i := range n {
			p.AddPartition(owner, topic, i)
		}
	}
	return p
}
