package sqlcase

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// valuesConnector reads the case's rows: scans outside the transaction, and lookups.
type valuesConnector struct{ w *world }

// collectConnector is a store outside the transaction that takes every insert token once.
type collectConnector struct{ w *world }

// logConnector has both inside one transaction, as Kafka.
type logConnector struct{ w *world }

var (
	_ connector.Scanner  = valuesConnector{}
	_ connector.Lookuper = valuesConnector{}
	_ connector.Sinker   = collectConnector{}
	_ connector.Log      = logConnector{}
	_ connector.Lookuper = logConnector{}
)

var (
	valuesSpecs  = []option.Spec{{Key: "mode", Enum: []string{"append", "all", "upsert"}, Default: "append", Help: "Kinds of rows."}}
	collectSpecs = []option.Spec{{Key: "mode", Enum: []string{"append", "all", "upsert"}, Help: "Kinds of rows it takes; upsert for a table with a key."}}
)

func mode(s string) catalog.ChangeMode {
	return map[string]catalog.ChangeMode{"append": catalog.AppendOnly, "all": catalog.AllChanges, "upsert": catalog.Upsert}[s]
}

func (valuesConnector) Names() []string  { return []string{"values"} }
func (collectConnector) Names() []string { return []string{"collect"} }
func (logConnector) Names() []string     { return []string{"values", "collect"} }

func (valuesConnector) Describe(t *catalog.Table) (catalog.Caps, error) {
	v, err := option.Check(t, valuesSpecs)
	return catalog.Caps{Scan: true, Lookup: true, Bounded: true, SourceMode: mode(v.Get("mode"))}, err
}

func (collectConnector) Describe(t *catalog.Table) (catalog.Caps, error) {
	v, err := option.Check(t, collectSpecs)
	return catalog.Caps{Sink: true, SinkMode: mode(sinkMode(t, v.Get("mode")))}, err
}

func sinkMode(t *catalog.Table, m string) string {
	if m == "" && len(t.PrimaryKey) > 0 {
		return "upsert"
	}
	if m == "" {
		return "all"
	}
	return m
}

func (l logConnector) Describe(t *catalog.Table) (catalog.Caps, error) {
	if t.Options["connector"] == "values" {
		return valuesConnector(l).Describe(t)
	}
	return collectConnector(l).Describe(t)
}

// cursor reads one source node's splits.
type cursor struct {
	w    *world
	s    *plan.Source
	in   *input
	next map[string]int64
}

func newCursor(w *world, s *plan.Source) (*cursor, error) {
	in, err := w.input(s.Table)
	return &cursor{w: w, s: s, in: in, next: map[string]int64{}}, err
}

func (c *cursor) Splits() []string { return c.in.ids }
func (c *cursor) Close() error     { return nil }

func (c *cursor) Seek(p map[string]int64) error {
	for id, n := range p {
		c.next[id] = n
	}
	return nil
}

// Poll gives from every split a few items more, or in a case with barriers all up to the next one.
func (c *cursor) Poll(context.Context) ([]*endpoint.Chunk, error) {
	var out []*endpoint.Chunk
	more := false
	for _, id := range c.in.ids {
		items := c.in.splits[id]
		from := c.next[id]
		n := int64(c.w.perPoll())
		if n <= 0 {
			n = int64(slices.Index(items[from:], -1)) + 1
			if n == 0 {
				n = int64(len(items))
			}
		}
		to := min(from+n, int64(len(items)))
		if from < to {
			out = append(out, chunk(endpoint.Split{Source: c.s.P.ID, ID: id}, items, from, to))
		}
		c.next[id] = to
		more = more || to < int64(len(items))
	}
	if !more {
		return out, io.EOF
	}
	return out, nil
}

func chunk(s endpoint.Split, items []int32, from, to int64) *endpoint.Chunk {
	c := &endpoint.Chunk{Split: s, From: from, Next: to, Rows: int(to - from), Bytes: int(to-from) * 16, Payload: items[from:to]}
	c.Cut = func(at int64) (*endpoint.Chunk, *endpoint.Chunk) {
		return chunk(s, items, from, at), chunk(s, items, at, to)
	}
	return c
}

func (c *cursor) NewReader(int) (endpoint.Reader, error) { return c, nil }

// Decode implements endpoint.Reader; it changes nothing in c.
func (c *cursor) Decode(k *endpoint.Chunk, out func(*batch.Batch) error) error {
	var rows []int32
	for _, i := range k.Payload.([]int32) {
		if i >= 0 {
			rows = append(rows, i)
		}
	}
	if len(rows) == 0 {
		return nil
	}
	return out(batch.Take(batch.Select(c.in.rows, physical(c.s.Table, c.s.Columns)), rows))
}

func (v valuesConnector) NewScan(_ context.Context, _ *connector.Env, s *plan.Source) (connector.Scan, error) {
	return newCursor(v.w, s)
}

// lookup finds rows of a values table by equality of text.
type lookup struct {
	found *batch.Batch
	keys  *batch.Batch
}

func (v valuesConnector) NewLookup(_ context.Context, _ *connector.Env, j *plan.LookupJoin, _ int) (endpoint.Lookup, error) {
	in, err := v.w.input(j.Table)
	if err != nil {
		return nil, err
	}
	return &lookup{found: batch.Select(in.rows, physical(j.Table, j.Columns)), keys: batch.Select(in.rows, physical(j.Table, j.TableKeys))}, nil
}

func (l logConnector) NewLookup(ctx context.Context, env *connector.Env, j *plan.LookupJoin, worker int) (endpoint.Lookup, error) {
	return valuesConnector(l).NewLookup(ctx, env, j, worker)
}

func (l *lookup) Lookup(_ context.Context, keys *batch.Batch) (*batch.Batch, []int32, error) {
	var rows []int32
	offsets := []int32{0}
	for i := range keys.N {
		for r := range l.keys.N {
			same := true
			for c := range keys.Cols {
				same = same && !keys.Cols[c].IsNull(i) && !l.keys.Cols[c].IsNull(r) &&
					batch.ValueString(keys.Cols[c], i) == batch.ValueString(l.keys.Cols[c], r)
			}
			if same {
				rows = append(rows, int32(r))
			}
		}
		offsets = append(offsets, int32(len(rows)))
	}
	if len(rows) == 0 { // what a store's client makes of no answer: columns without buffers
		var ts []arrow.DataType
		for _, c := range l.found.Cols {
			ts = append(ts, c.DataType())
		}
		return batch.NewBuilder(ts...).Build(), offsets, nil
	}
	return batch.Take(l.found, rows), offsets, nil
}

func (l *lookup) Close() error { return nil }

// sink collects one worker's changes; flush says where they go.
type sink struct {
	p     pending
	epoch endpoint.Epoch
	flush func(*sink) error
}

func newSink(s *plan.Sink, worker int, flush func(*sink) error) *sink {
	return &sink{p: pending{table: s.Table.Name, worker: worker, keys: s.Keys, upsert: s.Caps.SinkMode == catalog.Upsert}, flush: flush}
}

func (s *sink) Begin(e endpoint.Epoch) error { s.epoch, s.p.rows = e, nil; return nil }

func (s *sink) Write(_ context.Context, b *batch.Batch) error {
	s.p.rows = append(s.p.rows, b)
	return nil
}

func (s *sink) Flush(context.Context) error                  { return s.flush(s) }
func (s *sink) Commit(context.Context, endpoint.Epoch) error { return nil }
func (s *sink) Close() error                                 { return nil }

func (c collectConnector) NewSink(_ context.Context, _ *connector.Env, s *plan.Sink, worker int) (endpoint.Sink, error) {
	return newSink(s, worker, func(k *sink) error {
		token := fmt.Sprintf("%s/%d/%d", k.epoch.Token, s.P.ID, worker)
		p := k.p
		c.w.stage(token, &p)
		return c.w.fail("flushed")
	}), nil
}

// session is a running job's transaction.
type session struct {
	w       *world
	sources []*cursor
	txn     []*pending
}

func (l logConnector) OpenSession(_ context.Context, _ *connector.Env, _ *plan.Plan, sources []*plan.Source, _ []*plan.Sink) (connector.Session, error) {
	s := &session{w: l.w}
	for _, n := range sources {
		c, err := newCursor(l.w, n)
		if err != nil {
			return nil, err
		}
		s.sources = append(s.sources, c)
	}
	return s, nil
}

func (s *session) of(n *plan.Source) *cursor {
	return s.sources[slices.IndexFunc(s.sources, func(c *cursor) bool { return c.s == n })]
}

func (s *session) Recover(context.Context) (endpoint.Progress, error) {
	for split, n := range s.w.committed.Positions {
		for _, c := range s.sources {
			if c.s.P.ID == split.Source {
				c.next[split.ID] = n
			}
		}
	}
	return s.w.committed, nil
}

func (s *session) Splits(n *plan.Source) []string { return s.of(n).Splits() }

func (s *session) Poll(ctx context.Context) ([]*endpoint.Chunk, error) {
	var out []*endpoint.Chunk
	ended := true
	for _, c := range s.sources {
		chunks, err := c.Poll(ctx)
		out = append(out, chunks...)
		ended = ended && err != nil
	}
	if ended {
		return out, io.EOF
	}
	return out, nil
}

func (s *session) Reader(n *plan.Source, worker int) (endpoint.Reader, error) {
	return s.of(n).NewReader(worker)
}

func (s *session) Sink(n *plan.Sink, worker int) (endpoint.Sink, error) {
	return newSink(n, worker, func(k *sink) error {
		p := k.p
		s.w.mu.Lock()
		s.txn = append(s.txn, &p)
		s.w.mu.Unlock()
		return s.w.fail("flushed")
	}), nil
}

func (s *session) Begin() error { s.txn = nil; return nil }

func (s *session) Commit(_ context.Context, p endpoint.Progress) error {
	positions := map[endpoint.Split]int64{}
	for split, n := range p.Positions {
		positions[split] = n
	}
	p.Positions = positions
	s.w.committed = p
	s.w.take(s.txn)
	s.txn = nil
	return s.w.fail("committed")
}

func (s *session) Close() error { return nil }

// connectors makes the set over w, inside or outside one transaction.
func connectors(w *world, inside bool) *connector.Set {
	if inside {
		return connector.NewSet(logConnector{w})
	}
	return connector.NewSet(valuesConnector{w}, collectConnector{w})
}

// rows prints lines for a message.
func rows(ls []string) string {
	if len(ls) == 0 {
		return "  (none)"
	}
	return "  " + strings.Join(ls, "\n  ")
}
