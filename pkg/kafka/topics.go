package kafka

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Topic is a topic as it should be. Replication 0 is the broker's default.
type Topic struct {
	Name        string
	Partitions  int32
	Replication int16
	Configs     map[string]string
}

// EnsureTopics creates the topics that are missing and sets configurations
// that differ. It may be called at every start and from several processes. It
// returns once every broker that is asked knows the topics.
//
// A topic with another number of partitions is left as it is and is an error
// of kind Config: growing it would move keys between partitions.
func EnsureTopics(ctx context.Context, adm *kadm.Client, topics []Topic) error {
	if len(topics) == 0 {
		return nil
	}
	var names []string
	for _, t := range topics {
		names = append(names, t.Name)
	}
	existing, err := adm.ListTopics(ctx, names...)
	if err != nil {
		return Classify(err, "list topics")
	}
	var errs []error
	var old []Topic
	for _, t := range topics {
		if d, ok := existing[t.Name]; ok && d.Err == nil {
			old = append(old, t)
			continue
		}
		created, err := create(ctx, adm, t)
		if err != nil {
			errs = append(errs, err)
		} else if !created {
			old = append(old, t) // another process was faster
		}
	}
	if len(errs) > 0 {
		return fault.Join(errs...)
	}
	details, err := awaitTopics(ctx, adm, names)
	if err != nil {
		return err
	}
	for _, t := range topics {
		if got := int32(len(details[t.Name].Partitions)); t.Partitions > 0 && got != t.Partitions {
			errs = append(errs, fault.WithRemedy(
				fault.Newf(fault.Config, "topic %s has %d partitions, not %d", t.Name, got, t.Partitions),
				"set the topic's partitions to what exists, or copy it into a new topic: keys would change partitions"))
		}
	}
	errs = append(errs, alter(ctx, adm, old))
	return fault.Join(errs...)
}

func create(ctx context.Context, adm *kadm.Client, t Topic) (created bool, err error) {
	configs := map[string]*string{}
	for k, v := range t.Configs {
		configs[k] = &v
	}
	partitions, replication := t.Partitions, t.Replication
	if partitions <= 0 {
		partitions = -1
	}
	if replication <= 0 {
		replication = -1
	}
	resp, err := adm.CreateTopic(ctx, partitions, replication, configs, t.Name)
	if err == nil {
		err = resp.Err
	}
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return false, nil
	}
	return err == nil, Classify(err, "create topic %s", t.Name)
}

// awaitTopics waits until all topics have leaders; brokers learn of a new topic
// some milliseconds after it was created.
func awaitTopics(ctx context.Context, adm *kadm.Client, names []string) (kadm.TopicDetails, error) {
	var details kadm.TopicDetails
	policy := fault.Policy{Initial: 20 * time.Millisecond, Max: 500 * time.Millisecond, MaxElapsed: 30 * time.Second}
	err := fault.Retry(ctx, policy, func(ctx context.Context) error {
		var err error
		details, err = adm.ListTopics(ctx, names...)
		if err != nil {
			return Classify(err, "list topics")
		}
		for _, name := range names {
			d, ok := details[name]
			if !ok {
				return fault.Newf(fault.Transient, "topic %s is not known yet", name)
			}
			if d.Err != nil {
				return Classify(d.Err, "describe topic %s", name)
			}
			for _, p := range d.Partitions {
				if p.Leader < 0 {
					return fault.Newf(fault.Transient, "topic %s has no leader for partition %d yet", name, p.Partition)
				}
			}
		}
		return nil
	})
	return details, err
}

// alter sets the declared configurations that differ from what topics have.
func alter(ctx context.Context, adm *kadm.Client, topics []Topic) error {
	var names []string
	want := map[string]map[string]string{}
	for _, t := range topics {
		if len(t.Configs) > 0 {
			names = append(names, t.Name)
			want[t.Name] = t.Configs
		}
	}
	if len(names) == 0 {
		return nil
	}
	have, err := adm.DescribeTopicConfigs(ctx, names...)
	if err != nil {
		return Classify(err, "describe topic configurations")
	}
	var errs []error
	for _, r := range have {
		if r.Err != nil {
			errs = append(errs, Classify(r.Err, "describe configuration of topic %s", r.Name))
			continue
		}
		current := map[string]string{}
		for _, c := range r.Configs {
			if c.Value != nil {
				current[c.Key] = *c.Value
			}
		}
		var changes []kadm.AlterConfig
		for k, v := range want[r.Name] {
			if got, ok := current[k]; !ok || got != v {
				changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: k, Value: &v})
			}
		}
		if len(changes) == 0 {
			continue
		}
		slices.SortFunc(changes, func(a, b kadm.AlterConfig) int { return strings.Compare(a.Name, b.Name) })
		resp, err := adm.AlterTopicConfigs(ctx, changes, r.Name)
		if err == nil {
			for _, a := range resp {
				err = errors.Join(err, a.Err)
			}
		}
		errs = append(errs, Classify(err, "set configuration of topic %s", r.Name))
	}
	return fault.Join(errs...)
}
