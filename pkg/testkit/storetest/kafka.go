package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Kafka checks what Freshet relies on of the brokers. Topics and groups have
// names of their own; topics are deleted at the end.
func Kafka(t *testing.T, brokers []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	k := &kafkaSuite{ctx: ctx, cfg: kafka.Config{Brokers: brokers}, prefix: fmt.Sprintf("storetest-%d-", time.Now().UnixNano())}
	cl := k.client(t)
	check(t, kafka.Ping(ctx, cl))
	k.adm = kadm.NewClient(cl)
	t.Cleanup(func() { _, _ = k.adm.DeleteTopics(context.Background(), k.topics...) })
	t.Run("topics", k.ensureTopics)
	t.Run("read committed", k.readCommitted)
	t.Run("group session with metadata", k.groupSession)
	t.Run("fencing", k.fencing)
	t.Run("static membership", k.staticMembership)
	t.Run("lag", k.lag)
	t.Run("errors", k.errors)
}

type kafkaSuite struct {
	ctx    context.Context
	cfg    kafka.Config
	prefix string
	adm    *kadm.Client
	topics []string
}

func (k *kafkaSuite) client(t *testing.T, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kafka.NewClient(k.cfg, opts...)
	check(t, err)
	t.Cleanup(cl.Close)
	return cl
}

func (k *kafkaSuite) topic(t *testing.T, name string, partitions int32) string {
	t.Helper()
	name = k.prefix + name
	k.topics = append(k.topics, name)
	check(t, kafka.EnsureTopics(k.ctx, k.adm, []kafka.Topic{{Name: name, Partitions: partitions, Replication: 1}}))
	return name
}

// values reads n records from the start of a topic, and returns what there is
// when no more come within a second.
func (k *kafkaSuite) values(t *testing.T, topic string, n int, level kgo.IsolationLevel) []string {
	t.Helper()
	cl := k.client(t, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(level))
	defer cl.Close()
	var out []string
	for {
		wait := 10 * time.Second
		if len(out) >= n {
			wait = 200 * time.Millisecond // for what should not be there
		}
		ctx, cancel := context.WithTimeout(k.ctx, wait)
		fetches := cl.PollFetches(ctx)
		cancel()
		before := len(out)
		fetches.EachRecord(func(r *kgo.Record) { out = append(out, string(r.Value)) })
		if len(out) == before && ctx.Err() != nil {
			return out
		}
	}
}

func (k *kafkaSuite) ensureTopics(t *testing.T) {
	name := k.prefix + "ensured"
	k.topics = append(k.topics, name)
	want := kafka.Topic{Name: name, Partitions: 3, Replication: 1, Configs: map[string]string{"cleanup.policy": "compact", "retention.ms": "60000"}}
	check(t, kafka.EnsureTopics(k.ctx, k.adm, []kafka.Topic{want}))
	check(t, kafka.EnsureTopics(k.ctx, k.adm, []kafka.Topic{want}))
	want.Configs = map[string]string{"retention.ms": "120000"}
	check(t, kafka.EnsureTopics(k.ctx, k.adm, []kafka.Topic{want}))
	configs, err := k.adm.DescribeTopicConfigs(k.ctx, name)
	check(t, err)
	got := map[string]string{}
	for _, c := range configs[0].Configs {
		if c.Value != nil {
			got[c.Key] = *c.Value
		}
	}
	expect(t, "cleanup.policy", got["cleanup.policy"], "compact", nil)
	expect(t, "retention.ms", got["retention.ms"], "120000", nil)
	want.Partitions = 4
	err = kafka.EnsureTopics(k.ctx, k.adm, []kafka.Topic{want})
	expect(t, "kind for other partitions", fault.KindOf(err), fault.Config, nil)
}

func (k *kafkaSuite) readCommitted(t *testing.T) {
	topic := k.topic(t, "tx", 1)
	cl := k.client(t, kgo.TransactionalID(k.prefix+"tx"), kgo.DefaultProduceTopic(topic))
	for _, end := range []struct {
		value  string
		commit kgo.TransactionEndTry
	}{{"a", kgo.TryCommit}, {"aborted", kgo.TryAbort}, {"b", kgo.TryCommit}} {
		check(t, cl.BeginTransaction())
		check(t, cl.ProduceSync(k.ctx, kgo.StringRecord(end.value)).FirstErr())
		check(t, cl.EndTransaction(k.ctx, end.commit))
	}
	check(t, cl.BeginTransaction())
	check(t, cl.ProduceSync(k.ctx, kgo.StringRecord("open")).FirstErr())
	expect(t, "committed", strings.Join(k.values(t, topic, 2, kgo.ReadCommitted()), " "), "a b", nil)
	expect(t, "uncommitted", strings.Join(k.values(t, topic, 4, kgo.ReadUncommitted()), " "), "a aborted b open", nil)
	check(t, cl.EndTransaction(k.ctx, kgo.TryAbort))
}

func (k *kafkaSuite) session(t *testing.T, id, group, topic, out string, opts ...kgo.Opt) *kgo.GroupTransactSession {
	t.Helper()
	base, err := kafka.Options(k.cfg)
	check(t, err)
	s, err := kgo.NewGroupTransactSession(append(append(base,
		kgo.TransactionalID(id), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DefaultProduceTopic(out),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())), opts...)...)
	check(t, err)
	t.Cleanup(s.Close)
	return s
}

// move passes n records on in one or more transactions, each committing
// offsets that name a snapshot.
func (k *kafkaSuite) move(t *testing.T, s *kgo.GroupTransactSession, n int, snapshot string) {
	t.Helper()
	for n > 0 {
		fetches := s.PollFetches(k.ctx)
		check(t, fetches.Err())
		check(t, s.Begin())
		fetches.EachRecord(func(r *kgo.Record) {
			n--
			s.Produce(k.ctx, kgo.StringRecord("x"+string(r.Value)), nil)
		})
		ctx := kgo.PreTxnCommitFnContext(k.ctx, func(req *kmsg.TxnOffsetCommitRequest) error {
			for i := range req.Topics {
				for j := range req.Topics[i].Partitions {
					req.Topics[i].Partitions[j].Metadata = &snapshot
				}
			}
			return nil
		})
		committed, err := s.End(ctx, kgo.TryCommit)
		expect(t, "committed", committed, true, err)
	}
}

// groupSession is the heart of recovery: outputs, offsets and the name of the
// state become visible together, and the name is read back.
func (k *kafkaSuite) groupSession(t *testing.T) {
	in, out, group := k.topic(t, "in", 1), k.topic(t, "out", 1), k.prefix+"session"
	cl := k.client(t, kgo.DefaultProduceTopic(in))
	for i := range 5 {
		check(t, cl.ProduceSync(k.ctx, kgo.StringRecord(fmt.Sprint(i))).FirstErr())
	}
	s := k.session(t, k.prefix+"session", group, in, out)
	k.move(t, s, 5, "snapshot-17")
	offsets, err := kafka.CommittedOffsets(k.ctx, cl, group, map[string][]int32{in: {0}})
	expect(t, "offsets", fmt.Sprint(offsets), fmt.Sprintf("[{%s 0 5 snapshot-17}]", in), err)

	// An aborted epoch leaves no trace.
	check(t, cl.ProduceSync(k.ctx, kgo.StringRecord("again")).FirstErr())
	fetches := s.PollFetches(k.ctx)
	check(t, fetches.Err())
	check(t, s.Begin())
	check(t, s.ProduceSync(k.ctx, kgo.StringRecord("never")).FirstErr())
	committed, err := s.End(k.ctx, kgo.TryAbort)
	expect(t, "aborted", committed, false, err)
	k.move(t, s, 1, "snapshot-18")
	expect(t, "outputs", strings.Join(k.values(t, out, 6, kgo.ReadCommitted()), " "), "x0 x1 x2 x3 x4 xagain", nil)
}

func (k *kafkaSuite) fencing(t *testing.T) {
	topic := k.topic(t, "fenced", 1)
	zombie := k.client(t, kgo.TransactionalID(k.prefix+"owner"), kgo.DefaultProduceTopic(topic))
	check(t, zombie.BeginTransaction())
	check(t, zombie.ProduceSync(k.ctx, kgo.StringRecord("late")).FirstErr())
	heir := k.client(t, kgo.TransactionalID(k.prefix+"owner"), kgo.DefaultProduceTopic(topic))
	check(t, heir.BeginTransaction())
	check(t, heir.ProduceSync(k.ctx, kgo.StringRecord("new")).FirstErr())
	check(t, heir.EndTransaction(k.ctx, kgo.TryCommit))
	err := kafka.Classify(zombie.EndTransaction(k.ctx, kgo.TryCommit), "commit")
	expect(t, "kind of the zombie's commit", fault.KindOf(err), fault.Fenced, nil)
	expect(t, "values", strings.Join(k.values(t, topic, 1, kgo.ReadCommitted()), " "), "new", nil)
}

// staticMembership: a member that comes back under its name gets its
// partitions without a rebalance of the others.
func (k *kafkaSuite) staticMembership(t *testing.T) {
	topic, group := k.topic(t, "static", 4), k.prefix+"static"
	join := func(name string) *kgo.Client {
		return k.client(t, kgo.ConsumerGroup(group), kgo.InstanceID(name), kgo.ConsumeTopics(topic), kgo.SessionTimeout(30*time.Second))
	}
	assigned := func(a, b *kgo.Client) map[string]string {
		var m map[string]string
		await(t, k.ctx, "two members with partitions", func() bool {
			for _, c := range []*kgo.Client{a, b} {
				ctx, cancel := context.WithTimeout(k.ctx, 10*time.Millisecond)
				c.PollFetches(ctx)
				cancel()
			}
			groups, err := k.adm.DescribeGroups(k.ctx, group)
			if err != nil || groups[group].State != "Stable" || len(groups[group].Members) != 2 {
				return false
			}
			m = map[string]string{}
			for _, member := range groups[group].Members {
				if member.InstanceID == nil {
					return false
				}
				if c, ok := member.Assigned.AsConsumer(); ok && len(c.Topics) == 1 && len(c.Topics[0].Partitions) == 2 {
					m[*member.InstanceID] = fmt.Sprint(c.Topics[0].Partitions)
				}
			}
			return len(m) == 2
		})
		return m
	}
	a, b := join("a"), join("b")
	before := assigned(a, b)
	a.CloseAllowingRebalance() // a static member does not leave
	a = join("a")
	expect(t, "assignment", fmt.Sprint(assigned(a, b)), fmt.Sprint(before), nil)
}

func (k *kafkaSuite) lag(t *testing.T) {
	topic, group := k.topic(t, "lag", 2), k.prefix+"lag"
	cl := k.client(t, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	for i := range 10 {
		r := kgo.StringRecord(fmt.Sprint(i))
		r.Partition = int32(i % 2)
		check(t, cl.ProduceSync(k.ctx, r).FirstErr())
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, 3, -1)
	check(t, k.adm.CommitAllOffsets(k.ctx, group, offsets))
	lags, err := kafka.Lag(k.ctx, k.adm, group, topic)
	check(t, err)
	expect(t, "partitions", len(lags), 2, nil)
	expect(t, "lag of partition 0", lags[0].Lag, int64(2), nil)
	expect(t, "total", kafka.TotalLag(lags), int64(7), nil)
}

func (k *kafkaSuite) errors(t *testing.T) {
	topic := k.topic(t, "errors", 1)
	cl := k.client(t, kgo.DefaultProduceTopic(topic), kgo.ProducerBatchMaxBytes(100<<20), kgo.BrokerMaxWriteBytes(200<<20),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	err := cl.ProduceSync(k.ctx, &kgo.Record{Value: make([]byte, 20<<20)}).FirstErr()
	expect(t, "too large", fault.KindOf(kafka.Classify(err, "produce")), fault.Data, nil)
	expect(t, "cause kept", errors.Is(kafka.Classify(err, "produce"), kerr.MessageTooLarge), true, nil)

	down, err := kafka.NewClient(kafka.Config{Brokers: []string{"127.0.0.1:1"}})
	check(t, err)
	defer down.Close()
	ctx, cancel := context.WithTimeout(k.ctx, 5*time.Second)
	defer cancel()
	expect(t, "no broker", fault.KindOf(kafka.Ping(ctx, down)).Retryable(), true, nil)
}

// KafkaDurable writes what must survive a restart of the broker, and returns
// the function that checks it afterwards at the broker's new addresses.
func KafkaDurable(t *testing.T, brokers []string) (verify func(brokers []string)) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	k := &kafkaSuite{ctx: ctx, cfg: kafka.Config{Brokers: brokers}, prefix: fmt.Sprintf("storetest-%d-", time.Now().UnixNano())}
	k.adm = kadm.NewClient(k.client(t))
	in, out, group := k.topic(t, "in", 1), k.topic(t, "out", 1), k.prefix+"g"
	cl := k.client(t, kgo.DefaultProduceTopic(in))
	for i := range 100 {
		check(t, cl.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(i))).FirstErr())
	}
	s := k.session(t, k.prefix+"id", group, in, out, kgo.SessionTimeout(time.Second*6))
	k.move(t, s, 100, "state-1")
	check(t, s.Begin())
	check(t, s.ProduceSync(ctx, kgo.StringRecord("open at the crash")).FirstErr())
	return func(brokers []string) {
		t.Helper()
		s.Close() // the crashed job's: it must not go on in the group
		k.cfg.Brokers = brokers
		k.adm = kadm.NewClient(k.client(t))
		cl := k.client(t, kgo.DefaultProduceTopic(in))
		offsets, err := kafka.CommittedOffsets(ctx, cl, group, map[string][]int32{in: {0}})
		expect(t, "offset and metadata", fmt.Sprint(offsets), fmt.Sprintf("[{%s 0 100 state-1}]", in), err)
		check(t, cl.ProduceSync(ctx, kgo.StringRecord("100")).FirstErr())
		heir := k.session(t, k.prefix+"id", group, in, out)
		k.move(t, heir, 1, "state-2")
		got := k.values(t, out, 101, kgo.ReadCommitted())
		expect(t, "outputs", len(got), 101, nil)
		expect(t, "last output", got[100], "x100", nil)
	}
}
