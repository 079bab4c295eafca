package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

var (
	_ connector.Connector = (*Connector)(nil)
	_ connector.Log       = (*Connector)(nil)
	_ connector.Session   = (*session)(nil)
)

// session is a job's group session.
type session struct {
	env     *connector.Env
	log     *slog.Logger
	cfg     kafka.Config
	dead    string
	late    string // topic of late rows, "" for none
	group   string
	client  *kgo.GroupTransactSession
	adm     *kadm.Client
	tables  map[plan.Node]*table
	sources []*plan.Source
	byTopic map[string][]int // plan IDs of the sources that read a topic
	began   bool
	chosen  bool            // some sink chooses the partitions itself
	stop    func()          // ends the search for new topics
	ctx     context.Context // of the session: dead letters are sent under it

	mu        sync.Mutex
	assigned  map[string][]int32
	changed   bool          // assignment changed after Recover: start again
	joined    chan struct{} // holds a token after an assignment
	recovered bool

	partitions map[string]int32
	positions  map[tp]int64
	ends       map[tp]int64 // bounded topics: where they end
	sendErr    error
}

type tp struct {
	topic     string
	partition int32
}

// OpenSession implements connector.Log.
func (c *Connector) OpenSession(ctx context.Context, env *connector.Env, p *plan.Plan, sources []*plan.Source, sinks []*plan.Sink) (connector.Session, error) {
	s := &session{ctx: context.WithoutCancel(ctx), env: env, log: env.Tel.Log, group: env.Job, dead: c.DeadLetter, late: p.Settings[connector.LateTopicSetting], tables: map[plan.Node]*table{}, byTopic: map[string][]int{}, sources: sources,
		positions: map[tp]int64{}, ends: map[tp]int64{}, partitions: map[string]int32{}, joined: make(chan struct{}, 1)}
	if s.dead == "" {
		s.dead = DeadLetterTopic
	}
	var all []*table
	for _, n := range sources {
		t, err := parse(n.Table)
		if err != nil {
			return nil, err
		}
		s.tables[n] = t
		all = append(all, t)
		if g := n.Table.Options["properties.group.id"]; g != "" && !env.Ephemeral {
			s.group = g
		}
	}
	for _, n := range sinks {
		t, err := parse(n.Table)
		if err != nil {
			return nil, err
		}
		if len(t.topics) != 1 && !t.writesTopic(n.Columns) {
			return nil, fault.WithRemedy(fault.Newf(fault.Config, "table %s: a sink writes one topic, unless each row names one", n.Table.Name),
				"name one topic, or declare a column STRING METADATA FROM 'topic'")
		}
		s.tables[n] = t
		s.chosen = s.chosen || t.partitioner != "default"
		all = append(all, t)
	}
	var err error
	if s.cfg, err = c.clientConfig(all); err != nil {
		return nil, err
	}
	return s, s.connect(ctx, p)
}

func (s *session) connect(ctx context.Context, p *plan.Plan) error {
	base, err := kafka.Options(s.cfg)
	if err != nil {
		return err
	}
	plainClient, err := kgo.NewClient(base...)
	if err != nil {
		return fmt.Errorf("make Kafka client: %w", err)
	}
	s.adm = kadm.NewClient(plainClient)
	if err = s.resolvePatterns(ctx); err == nil {
		err = s.ensureTopics(ctx)
	}
	if err != nil {
		plainClient.Close()
		return err
	}
	topics := make([]string, 0, len(s.byTopic))
	for t := range s.byTopic {
		topics = append(topics, t)
	}
	if len(topics) == 0 {
		topics = []string{ControlTopic}
	}
	slices.Sort(topics)
	balancer := kgo.CooperativeStickyBalancer()
	for _, n := range p.Nodes {
		if _, ok := n.(*plan.Exchange); ok {
			balancer = ownerBalancer{}
		}
	}
	id := s.group + "-" + s.env.Instance
	opts := append(base,
		kgo.TransactionalID(id), kgo.TransactionTimeout(60*time.Second), kgo.ConsumerGroup(s.group),
		kgo.ConsumeTopics(topics...), kgo.Balancers(balancer), kgo.SessionTimeout(10*time.Second), kgo.HeartbeatInterval(2*time.Second), kgo.RebalanceTimeout(30*time.Second),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.KeepControlRecords(),
		kgo.FetchMaxWait(100*time.Millisecond), kgo.FetchMaxPartitionBytes(4<<20), kgo.FetchMaxBytes(32<<20), kgo.MaxConcurrentFetches(4),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(200_000), kgo.ProducerBatchMaxBytes(1<<20), kgo.ProducerBatchCompression(kgo.Lz4Compression(), kgo.NoCompression()),
		kgo.AdjustFetchOffsetsFn(s.startOffsets),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.onAssigned(m) }),
		kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.onRevoked(m) }),
		kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, m map[string][]int32) { s.onRevoked(m) }),
	)
	if !s.env.Ephemeral { // a static member does not leave its group
		opts = append(opts, kgo.InstanceID(id))
	}
	if s.chosen {
		opts = append(opts, kgo.RecordPartitioner(newPartitioner()))
	}
	for _, n := range s.sources {
		if d := s.tables[n].discovery; d > 0 { // new partitions of known topics come with the client's metadata
			opts = append(opts, kgo.MetadataMaxAge(max(d, time.Second)), kgo.MetadataMinAge(min(max(d, time.Second)/2, 5*time.Second)))
			break
		}
	}
	if s.client, err = kgo.NewGroupTransactSession(opts...); err != nil {
		plainClient.Close()
		return fault.Wrap(fault.Config, err, "open Kafka session of job %s", s.env.Job)
	}
	background, stop := context.WithCancel(s.ctx)
	s.stop = stop
	go s.discover(background)
	return nil
}

func (s *session) onAssigned(m map[string][]int32) {
	n := 0
	for _, ps := range m {
		n += len(ps)
	}
	if n == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.recovered {
		s.changed = true
	}
	if s.assigned == nil {
		s.assigned = map[string][]int32{}
	}
	for t, ps := range m {
		s.assigned[t] = append(s.assigned[t], ps...)
	}
	select {
	case s.joined <- struct{}{}:
	default:
	}
}

func (s *session) onRevoked(m map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for t, ps := range m {
		s.assigned[t] = slices.DeleteFunc(s.assigned[t], func(p int32) bool { return slices.Contains(ps, p) })
		if s.recovered && len(ps) > 0 {
			s.changed = true
		}
	}
}

// saved is what the offsets' metadata says.
type saved struct {
	Epoch    int64  `json:"e"`
	Snapshot string `json:"s,omitempty"`
}

// Recover implements connector.Session. Making the producer id fences an earlier process of this instance and ends its transaction, so that the offsets read
// afterwards are final. Then it waits until the group gives this member partitions: a standby waits here.
func (s *session) Recover(ctx context.Context) (endpoint.Progress, error) {
	cl := s.client.Client()
	if _, _, err := cl.ProducerID(ctx); err != nil {
		return endpoint.Progress{}, kafka.Classify(err, "fence earlier instances of job %s", s.env.Job)
	}
	wait := time.NewTimer(5 * time.Second)
	defer wait.Stop()
	for joined := false; !joined; {
		select {
		case <-s.joined:
			joined = true
		case <-wait.C:
			s.log.Info("wait for the consumer group to assign partitions; another instance may own them", "job", s.env.Job, "group", s.group)
		case <-ctx.Done():
			return endpoint.Progress{}, ctx.Err()
		}
	}
	p := endpoint.Progress{Positions: map[endpoint.Split]int64{}}
	s.mu.Lock()
	assigned := make(map[string][]int32, len(s.assigned))
	for topic, ps := range s.assigned {
		if len(ps) > 0 {
			assigned[topic] = slices.Clone(ps)
		}
	}
	s.mu.Unlock()
	offsets, err := kafka.CommittedOffsets(ctx, s.client.Client(), s.group, assigned)
	if err != nil {
		return p, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range offsets {
		if !slices.Contains(s.assigned[o.Topic], o.Partition) {
			continue
		}
		var m saved
		if json.Unmarshal([]byte(o.Metadata), &m) == nil && m.Epoch > p.Epoch {
			p.Epoch, p.Snapshot = m.Epoch, m.Snapshot
		}
		s.positions[tp{o.Topic, o.Partition}] = o.Offset
		for _, id := range s.byTopic[o.Topic] {
			p.Positions[endpoint.Split{Source: id, ID: splitID(o.Topic, o.Partition)}] = o.Offset
		}
	}
	s.recovered = true
	return p, s.findEnds(ctx)
}

func splitID(topic string, partition int32) string {
	return topic + "/" + strconv.FormatInt(int64(partition), 10)
}

// Splits implements connector.Session: the assigned partitions.
func (s *session) Splits(n *plan.Source) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, topic := range s.tables[n].topics {
		for _, p := range s.assigned[topic] {
			out = append(out, splitID(topic, p))
		}
	}
	slices.Sort(out)
	return out
}

// Begin implements connector.Session.
func (s *session) Begin() error {
	if s.began {
		return nil
	}
	if err := s.client.Begin(); err != nil {
		return kafka.Classify(err, "begin a transaction of job %s", s.env.Job)
	}
	s.began = true
	return nil
}

// Commit implements connector.Session.
func (s *session) Commit(ctx context.Context, p endpoint.Progress) error {
	meta, err := json.Marshal(saved{Epoch: p.Epoch, Snapshot: p.Snapshot})
	if err != nil {
		return err
	}
	for split, pos := range p.Positions {
		if i := strings.LastIndexByte(split.ID, '/'); i > 0 && slices.Contains(s.byTopic[split.ID[:i]], split.Source) {
			n, err := strconv.ParseInt(split.ID[i+1:], 10, 32)
			if err != nil {
				return fault.Wrap(fault.Internal, err, "split %s", split.ID)
			}
			s.positions[tp{split.ID[:i], int32(n)}] = pos
		}
	}
	metadata := string(meta)
	ctx = kgo.PreTxnCommitFnContext(ctx, func(req *kmsg.TxnOffsetCommitRequest) error {
		s.offsets(req, metadata)
		return nil
	})
	ok, err := s.client.End(ctx, kgo.TryCommit)
	s.began = false
	if err = errors.Join(err, s.sent()); err != nil {
		return kafka.Classify(err, "commit the transaction of job %s", s.env.Job)
	}
	if !ok {
		return fault.Newf(fault.Transient, "the transaction of job %s was aborted: the consumer group was rebalanced", s.env.Job)
	}
	return nil
}

// offsets replaces the request's offsets, which are those polled, by those of the epoch, each with the progress as metadata.
func (s *session) offsets(req *kmsg.TxnOffsetCommitRequest, metadata string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := map[string][16]byte{}
	for _, t := range req.Topics {
		ids[t.Topic] = t.TopicID
	}
	byTopic := map[string][]kmsg.TxnOffsetCommitRequestTopicPartition{}
	add := func(topic string, partition int32, at int64) {
		p := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = partition, at, -1, &metadata
		byTopic[topic] = append(byTopic[topic], p)
	}
	for k, at := range s.positions {
		if slices.Contains(s.assigned[k.topic], k.partition) && k.topic != ControlTopic {
			add(k.topic, k.partition, at)
		}
	}
	if len(s.byTopic) == 0 {
		add(ControlTopic, 0, 0)
	} else if len(byTopic) == 0 {
		// Nothing was read yet, and still something is committed: carry it at the first position of a partition.
		for topic, ps := range s.assigned {
			if len(ps) > 0 {
				add(topic, ps[0], 0)
				break
			}
		}
	}
	req.Topics = req.Topics[:0]
	for topic, ps := range byTopic {
		t := kmsg.NewTxnOffsetCommitRequestTopic()
		t.Topic, t.TopicID, t.Partitions = topic, ids[topic], ps
		req.Topics = append(req.Topics, t)
	}
}

// sent is the first error that a record of the epoch met.
func (s *session) sent() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sendErr
}

// produce sends one record in the transaction.
func (s *session) produce(ctx context.Context, r *kgo.Record) {
	s.client.Produce(ctx, r, s.promise)
}

func (s *session) promise(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sendErr == nil {
		s.sendErr = fmt.Errorf("write to topic %s: %w", r.Topic, err)
	}
}

// Close implements connector.Session. An open transaction is aborted.
func (s *session) Close() error {
	if s.stop != nil {
		s.stop()
	}
	if s.began {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if _, err := s.client.End(ctx, kgo.TryAbort); err != nil {
			s.log.Debug("abort at close", "job", s.env.Job, "err", err)
		}
	}
	if s.client != nil { // not when opening was cut short
		s.client.Close()
	}
	if s.adm != nil {
		if s.env.Ephemeral && len(s.sources) > 0 {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if _, err := s.adm.DeleteGroup(ctx, s.group); err != nil {
				s.log.Debug("delete the query's consumer group", "group", s.group, "err", err)
			}
		}
		s.adm.Close()
	}
	return nil
}

// Poll implements connector.Session.
func (s *session) Poll(ctx context.Context) ([]*endpoint.Chunk, error) {
	s.mu.Lock()
	changed := s.changed
	s.mu.Unlock()
	if changed {
		return nil, fault.Newf(fault.Transient, "the partitions of job %s were reassigned", s.env.Job)
	}
	if s.atEnd() {
		return nil, io.EOF
	}
	if ctx.Err() != nil {
		ctx = nil // return what is buffered
	}
	fetches := s.client.PollRecords(ctx, pollRecords)
	var errs []error
	fetches.EachError(func(topic string, partition int32, err error) {
		if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			return
		}
		if k := fault.KindOf(kafka.Classify(err, "")); k.Retryable() {
			s.log.Warn("fetch is retried", "job", s.env.Job, "topic", topic, "partition", partition, "err", err)
			return
		}
		errs = append(errs, kafka.Classify(err, "fetch %s/%d", topic, partition))
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var out []*endpoint.Chunk
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) == 0 || p.Topic == ControlTopic {
			return
		}
		k := tp{p.Topic, p.Partition}
		recs := p.Records
		if end, bounded := s.ends[k]; bounded {
			for len(recs) > 0 && recs[len(recs)-1].Offset >= end {
				recs = recs[:len(recs)-1]
			}
			if len(recs) == 0 {
				s.positions[k] = max(s.positions[k], end)
				return
			}
		}
		for len(recs) > 0 {
			n := min(len(recs), chunkRecords)
			for _, id := range s.byTopic[p.Topic] {
				out = append(out, newChunk(endpoint.Split{Source: id, ID: splitID(p.Topic, p.Partition)}, recs[:n]))
			}
			s.positions[k] = recs[n-1].Offset + 1
			recs = recs[n:]
		}
	})
	if s.atEnd() {
		return out, io.EOF
	}
	return out, nil
}

const (
	pollRecords  = 50_000
	chunkRecords = 8192
)

// atEnd is true when all sources are bounded and read to their ends.
func (s *session) atEnd() bool {
	for _, n := range s.sources {
		t := s.tables[n]
		if t.bounds.mode == unbounded {
			return false
		}
		for _, topic := range t.topics {
			for p := range s.partitions[topic] {
				k := tp{topic, p}
				if s.positions[k] < s.ends[k] {
					return false
				}
			}
		}
	}
	return true
}

func newChunk(split endpoint.Split, recs []*kgo.Record) *endpoint.Chunk {
	c := &endpoint.Chunk{Split: split, From: recs[0].Offset, Next: recs[len(recs)-1].Offset + 1, Payload: recs}
	for _, r := range recs {
		if r.Attrs.IsControl() {
			continue
		}
		c.Rows++
		c.Bytes += len(r.Key) + len(r.Value)
		c.Time = max(c.Time, r.Timestamp.UnixMilli())
	}
	c.Cut = func(at int64) (*endpoint.Chunk, *endpoint.Chunk) {
		i, _ := slices.BinarySearchFunc(recs, at, func(r *kgo.Record, at int64) int { return int(r.Offset - at) })
		return newChunk(split, recs[:i]), newChunk(split, recs[i:])
	}
	return c
}
