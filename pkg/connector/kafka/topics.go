package kafka

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// compilePattern compiles a topic-pattern, which must match whole names.
func compilePattern(s string) (*regexp.Regexp, error) {
	re, err := regexp.Compile("^(?:" + s + ")$")
	if err != nil {
		return nil, fmt.Errorf("%q is not a regular expression that Go's engine knows: %w", s, err)
	}
	return re, nil
}

// matching lists the topics that there are and that the pattern matches, sorted.
func (s *session) matching(ctx context.Context, re *regexp.Regexp) ([]string, error) {
	all, err := s.adm.ListTopics(ctx)
	if err != nil {
		return nil, kafka.Classify(err, "list topics of job %s", s.env.Job)
	}
	var out []string
	for _, name := range all.Names() {
		if re.MatchString(name) && name != s.dead && name != s.late && name != ControlTopic {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// resolvePatterns finds the topics of the sources that name a pattern.
func (s *session) resolvePatterns(ctx context.Context) error {
	for _, n := range s.sources {
		t := s.tables[n]
		if t.pattern != nil {
			var err error
			if t.topics, err = s.matching(ctx, t.pattern); err != nil {
				return err
			}
			if len(t.topics) == 0 {
				return fault.WithRemedy(fault.Newf(fault.Unavailable, "table %s: no topic matches %s yet", n.Table.Name, t.t.Options["topic-pattern"]), "create one, or correct 'topic-pattern'")
			}
		}
		for _, topic := range t.topics {
			s.byTopic[topic] = append(s.byTopic[topic], n.P.ID)
		}
	}
	return nil
}

// discover looks for topics that begin to match the sources' patterns, and has the job start again with them.
func (s *session) discover(ctx context.Context) {
	every := time.Duration(0)
	for _, n := range s.sources {
		if t := s.tables[n]; t.pattern != nil && t.discovery > 0 && (every == 0 || t.discovery < every) {
			every = t.discovery
		}
	}
	if every == 0 {
		return
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, n := range s.sources {
			t := s.tables[n]
			if t.pattern == nil {
				continue
			}
			now, err := s.matching(ctx, t.pattern)
			if err != nil {
				s.log.Warn("look for new topics", "job", s.env.Job, "err", err)
				continue
			}
			for _, topic := range now {
				if !slices.Contains(t.topics, topic) {
					s.log.Info("a new topic matches the pattern", "job", s.env.Job, "table", t.t.Name, "topic", topic)
					s.mu.Lock()
					s.changed = true
					s.mu.Unlock()
				}
			}
		}
	}
}

// ensureTopics creates what the job writes and does not exist, waits for nothing else, and counts the partitions of what it reads.
func (s *session) ensureTopics(ctx context.Context) error {
	want := map[string]kafka.Topic{s.dead: {Name: s.dead, Partitions: 1}}
	if s.late != "" {
		want[s.late] = kafka.Topic{Name: s.late, Partitions: 1}
	}
	for n, t := range s.tables {
		for _, topic := range t.topics {
			k := kafka.Topic{Name: topic, Partitions: 4}
			if _, ok := n.(*plan.Sink); ok && t.upsert {
				k.Configs = map[string]string{"cleanup.policy": "compact"}
			}
			if old, ok := want[topic]; !ok || old.Configs == nil {
				want[topic] = k
			}
		}
	}
	if len(s.byTopic) == 0 {
		want[ControlTopic] = kafka.Topic{Name: ControlTopic, Partitions: 1}
	}
	names := make([]string, 0, len(want))
	for n := range want {
		names = append(names, n)
	}
	slices.Sort(names)
	existing, err := s.adm.ListTopics(ctx, names...)
	if err != nil {
		return kafka.Classify(err, "list topics of job %s", s.env.Job)
	}
	var missing []kafka.Topic
	for _, n := range names {
		if d, ok := existing[n]; !ok || errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
			missing = append(missing, want[n])
		}
	}
	if len(missing) > 0 {
		if err := kafka.EnsureTopics(ctx, s.adm, missing); err != nil {
			return fmt.Errorf("create topics of job %s: %w", s.env.Job, err)
		}
		if existing, err = s.adm.ListTopics(ctx, names...); err != nil {
			return kafka.Classify(err, "list topics of job %s", s.env.Job)
		}
	}
	for _, n := range names {
		s.partitions[n] = int32(len(existing[n].Partitions))
	}
	return nil
}
