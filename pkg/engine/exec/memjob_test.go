package exec

import (
	"context"
	"fmt"
	"io"
	"sort"
	"sync"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// world is what survives a crash: the input, what was committed, and the outside stores.
type world struct {
	mu        sync.Mutex
	input     map[string][]row // by split
	committed endpoint.Progress
	inTxn     []string            // rows committed by transactions
	outside   map[string][]string // rows of a store outside, by insert token: a token is taken once
	final     map[string]string   // outside again, as an upsert store by key
	published map[int64]int
}

type row struct {
	key   string
	value int64
}

func newWorld() *world {
	return &world{input: map[string][]row{}, outside: map[string][]string{}, final: map[string]string{}, published: map[int64]int{}}
}

// memJob is one process's view of the world.
type memJob struct {
	w       *world
	outside bool // sinks are outside the transaction
	perPoll int
	pos     map[string]int64
	mu      sync.Mutex
	txn     []string
	source  int
}

func (j *memJob) Recover(context.Context) (endpoint.Progress, error) {
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	j.pos = map[string]int64{}
	for s, p := range j.w.committed.Positions {
		j.pos[s.ID] = p
	}
	return j.w.committed, nil
}

func (j *memJob) Resume(context.Context, map[endpoint.Split]int64) error { return nil }
func (j *memJob) KeepsPositions() bool                                   { return true }
func (j *memJob) NeedsIntent() bool                                      { return j.outside }
func (j *memJob) BeginEpoch(endpoint.Epoch) error                        { j.txn = nil; return nil }
func (j *memJob) Close() error                                           { return nil }

func (j *memJob) Splits(*plan.Source) []string {
	var ids []string
	for id := range j.w.input {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return ids
}

func (j *memJob) Poll(context.Context) ([]*endpoint.Chunk, error) {
	var out []*endpoint.Chunk
	more := false
	for _, id := range j.Splits(nil) {
		rows := j.w.input[id]
		from := j.pos[id]
		to := min(from+int64(j.perPoll), int64(len(rows)))
		if from < to {
			out = append(out, memChunk(endpoint.Split{Source: j.source, ID: id}, rows, from, to))
		}
		j.pos[id] = to
		more = more || to < int64(len(rows))
	}
	if !more {
		return out, io.EOF
	}
	return out, nil
}

func memChunk(s endpoint.Split, rows []row, from, to int64) *endpoint.Chunk {
	c := &endpoint.Chunk{Split: s, From: from, Next: to, Rows: int(to - from), Bytes: int(to-from) * 16, Payload: rows[from:to]}
	c.Cut = func(at int64) (*endpoint.Chunk, *endpoint.Chunk) {
		return memChunk(s, rows, from, at), memChunk(s, rows, at, to)
	}
	return c
}

type memReader struct{}

func (memReader) Decode(c *endpoint.Chunk, out func(*batch.Batch) error) error {
	rows := c.Payload.([]row)
	kb, vb := array.NewStringBuilder(memory.DefaultAllocator), array.NewInt64Builder(memory.DefaultAllocator)
	for _, r := range rows {
		kb.Append(r.key)
		vb.Append(r.value)
	}
	return out(batch.New(len(rows), kb.NewArray(), vb.NewArray()))
}

func (j *memJob) Reader(*plan.Source, int) (endpoint.Reader, error) { return memReader{}, nil }

func (j *memJob) Lookup(*plan.LookupJoin, int) (endpoint.Lookup, error) {
	return nil, fmt.Errorf("no lookups here")
}

func (j *memJob) Sink(_ *plan.Sink, worker int) (endpoint.Sink, error) {
	return &memSink{j: j, worker: worker}, nil
}

func (j *memJob) Commit(_ context.Context, p endpoint.Progress) error {
	j.w.mu.Lock()
	defer j.w.mu.Unlock()
	pos := map[endpoint.Split]int64{}
	for s, n := range p.Positions {
		pos[s] = n
	}
	p.Positions = pos
	j.w.committed = p
	j.w.inTxn = append(j.w.inTxn, j.txn...)
	j.txn = nil
	return nil
}

type memSink struct {
	j      *memJob
	worker int
	epoch  endpoint.Epoch
	rows   []string
	keys   []string
}

func (s *memSink) Begin(e endpoint.Epoch) error { s.epoch, s.rows, s.keys = e, nil, nil; return nil }

func (s *memSink) Write(_ context.Context, b *batch.Batch) error {
	for i := range b.N {
		s.rows = append(s.rows, b.RowString(i))
		s.keys = append(s.keys, batch.ValueString(b.Cols[0], i))
	}
	return nil
}

func (s *memSink) Flush(context.Context) error {
	if !s.j.outside {
		s.j.mu.Lock()
		s.j.txn = append(s.j.txn, s.rows...)
		s.j.mu.Unlock()
		return nil
	}
	s.j.w.mu.Lock()
	defer s.j.w.mu.Unlock()
	token := fmt.Sprintf("%s/%d", s.epoch.Token, s.worker)
	if _, taken := s.j.w.outside[token]; !taken {
		s.j.w.outside[token] = s.rows
	}
	return nil
}

func (s *memSink) Commit(_ context.Context, e endpoint.Epoch) error {
	s.j.w.mu.Lock()
	defer s.j.w.mu.Unlock()
	s.j.w.published[e.ID]++
	return nil
}

func (s *memSink) Close() error { return nil }
