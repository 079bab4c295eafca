package operator

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// matchRecognize is plan.Match. Rows wait until the watermark has passed them, are put in order, and are read by an automaton per key (matchMachine). A
// key's search goes on from epoch to epoch where it was; kept are its rows from the start of the search on. After a restart the search is repeated
// over them, which comes to the same: conditions depend on the rows only.
//
// All keys that have rows to read are run together, chunk by chunk, so that conditions and measures are computed over columns.
type matchRecognize struct {
	node  *plan.Match
	opts  Options
	clock clock
	codec *state.Codec // keys
	row   *state.Codec
	prog  *matchProgram
	vm    *matchMachine
	conds *matchConds
	out   *matchOutput
	args  *expr.Set // AggArgs that DEFINE reads
	argAt []int
	order []plan.SortKey // what the time does not decide
	look  int            // rows after a row that must be known before it is read
	heads bool           // keys without rows are kept: they have numbers
	first [2]matchEntry  // where attempts start: on a row that is not the partition's first, and on one that is

	groups *state.Table
	keys   []matchKey
	gone   goneWriter
	mark   int64
	saved  int64
	size   int64

	hash    state.Keys
	keyCols []arrow.Array
	late    []int32
}

// matchEntry is the closure of the program's start.
type matchEntry struct {
	pcs  []int32
	done bool // the empty match is in it
}

// matchKey is a partition. rows[:done] have been put in order and are read; the others wait.
type matchKey struct {
	rows    []matchRow
	done    int
	base    int64 // number of rows[0] in the partition, from 0
	next    int   // where the next attempt starts; where this one has, if there is one
	number  int64 // of the last match
	covered int64 // rows with lower numbers were in a match
	seq     uint64
	soon    int64 // nothing happens before this time
	attempt *matchAttempt
}

type matchRow struct {
	at    int64
	seq   uint64
	data  []byte
	saved bool
	own   bool // data is no part of a batch's encoding
}

// NewMatch makes the operator of a Match node whose input has columns of types in. Errors are of kind fault.Config: a pattern that is too large, a
// condition or aggregate that the engine does not have, an order that is none.
func NewMatch(n *plan.Match, in []types.Type, opts Options) (Stateful, error) {
	if err := checkOrder(n.Order, in); err != nil {
		return nil, err
	}
	m := &matchRecognize{node: n, opts: opts, clock: opts.clock(), mark: NoWatermark, saved: NoWatermark, keyCols: make([]arrow.Array, len(n.PartitionBy))}
	var err error
	if m.prog, err = compilePattern(n.Pattern, n.Eager); err != nil {
		return nil, err
	}
	m.vm = newMatchMachine(m.prog, n.Eager)
	if m.conds, err = compileConds(n, m.vm, opts); err != nil {
		return nil, err
	}
	if m.out, err = newMatchOutput(n, in, opts); err != nil {
		return nil, err
	}
	if err := m.compileArgs(opts); err != nil {
		return nil, err
	}
	m.order = n.Order
	if n.TimeCol >= 0 {
		m.order = n.Order[1:]
	}
	m.look = m.conds.look
	if m.prog.atEnd {
		m.look = max(m.look, 1)
	}
	m.heads = m.prog.atStart || slices.ContainsFunc(n.Slots, func(s plan.MatchSlot) bool { return s.Kind == plan.SlotNumber }) || n.AggNumber()
	for i := range m.first {
		a, err := m.vm.begin(0, i == 1)
		if err != nil {
			return nil, err
		}
		for _, t := range a.threads {
			m.first[i].pcs = append(m.first[i].pcs, t.pc)
		}
		m.first[i].done = a.found
		m.vm.end(a)
	}
	keys := make([]types.Type, len(n.PartitionBy))
	for i, k := range n.PartitionBy {
		keys[i] = in[k]
	}
	m.codec, m.row = state.NewCodec(batch.ArrowTypes(keys)), state.NewCodec(batch.ArrowTypes(in))
	m.groups = state.NewTable(m.codec)
	return m, nil
}

func exprTypes(es []plan.Expr) []types.Type {
	ts := make([]types.Type, len(es))
	for i, e := range es {
		ts[i] = e.Type()
	}
	return ts
}

func (m *matchRecognize) compileArgs(opts Options) error {
	var es []plan.Expr
	for _, a := range m.vm.ctx.aggs {
		args := slices.Clone(a.call.Args)
		if a.call.Filter >= 0 {
			args = append(args, a.call.Filter)
		}
		for _, i := range args {
			if !slices.Contains(m.argAt, i) {
				m.argAt, es = append(m.argAt, i), append(es, m.node.AggArgs[i])
			}
		}
	}
	var err error
	m.args, err = expr.CompileAll(es, opts.Expr())
	return err
}

// Process implements Operator.
func (m *matchRecognize) Process(_ int, b *batch.Batch, _ Output) error {
	if b = inserts(b); b.N == 0 {
		return nil
	}
	for i, k := range m.node.PartitionBy {
		m.keyCols[i] = b.Cols[k]
	}
	hashKeys(&m.hash, m.codec, m.keyCols, b.N)
	var times *array.Timestamp
	if m.node.TimeCol >= 0 && !m.node.ProcTime {
		times = b.Cols[m.node.TimeCol].(*array.Timestamp)
	}
	var rows state.Keys // kept by the keys
	m.row.Encode(&rows, b.Cols, b.N)
	now, late := m.clock.time().UnixMicro(), m.late[:0]
	for i := range b.N {
		at := now
		if times != nil {
			if times.IsNull(i) || int64(times.Value(i)) <= m.mark {
				late = append(late, int32(i))
				continue
			}
			at = int64(times.Value(i))
		}
		g, fresh, err := m.groups.UpsertKey(m.hash.At(i), m.hash.Hash[i])
		if err != nil {
			return err
		}
		if fresh {
			m.beginKey(g)
		}
		k := &m.keys[g]
		m.wait(k, matchRow{at: at, seq: k.seq, data: rows.At(i)})
		m.groups.Touch(g)
	}
	m.late = late
	return m.opts.late(0, b, late)
}

func (m *matchRecognize) beginKey(g int32) {
	m.keys = extend(m.keys, m.groups.Rows())
	m.keys[g] = matchKey{soon: MaxWatermark}
}

func (m *matchRecognize) wait(k *matchKey, r matchRow) {
	k.rows = append(k.rows, r)
	k.seq = max(k.seq, r.seq+1)
	k.soon = min(k.soon, r.at)
	m.size += int64(len(r.data)) + matchRowSize
}

const matchRowSize = 48

// matchChunkRows is how many rows are run together, about.
const matchChunkRows = 1 << 15

// EndEpoch implements Operator.
func (m *matchRecognize) EndEpoch(e Epoch, out Output) error {
	m.clock.endEpoch(e)
	mark := e.Watermark
	switch {
	case m.node.ProcTime:
		mark = e.Now.UnixMicro()
	case e.Final:
		mark = MaxWatermark
	case m.node.TimeCol < 0:
		return nil // put in order when all are there
	}
	if mark < m.mark || mark == m.mark && !m.node.ProcTime {
		return nil
	}
	m.mark = mark
	c := &matchChunk{m: m, mark: mark, final: e.Final, ctx: &expr.Context{Now: e.Now}}
	var gone []int32
	err := m.groups.Each(func(g int32) error {
		k := &m.keys[g]
		if k.soon > mark && !(e.Final && (k.next < len(k.rows) || k.attempt != nil)) {
			return nil
		}
		if err := c.take(g); err != nil {
			return err
		}
		if c.size < matchChunkRows {
			return nil
		}
		var err error
		gone, err = c.flush(out, gone)
		return err
	})
	if err == nil {
		gone, err = c.flush(out, gone)
	}
	for _, g := range gone {
		m.groups.Delete(g)
		m.keys[g] = matchKey{}
	}
	return err
}

// expired tells whether a match from a row at start can no longer be complete at now.
func (m *matchRecognize) expired(start, now int64) bool {
	if m.node.Within == 0 {
		return false
	}
	if now == MaxWatermark {
		return true
	}
	ms := func(us int64) int64 {
		if us < 0 {
			us -= millisecond - 1
		}
		return us / millisecond
	}
	return ms(now)-ms(start) >= m.node.Within/millisecond
}

// arrange puts the rows that are due in order behind those that were before them.
func (m *matchRecognize) arrange(k *matchKey, mark int64, final bool) error {
	from := k.done
	rest := k.rows[from:]
	due := len(rest)
	if !final && !m.node.ProcTime {
		slices.SortStableFunc(rest, func(a, b matchRow) int { // those that are not due keep their order
			x, y := a.at > mark, b.at > mark
			switch {
			case x == y:
				return 0
			case x:
				return 1
			}
			return -1
		})
		for due > 0 && rest[due-1].at > mark {
			due--
		}
	}
	rest = rest[:due]
	if len(m.order) == 0 {
		slices.SortStableFunc(rest, func(a, b matchRow) int { return compareRows(a, b) })
	} else if err := m.sortByKeys(rest); err != nil {
		return err
	}
	k.done = from + due
	return nil
}

// compareRows orders rows by time and arrival.
func compareRows(a, b matchRow) int {
	switch {
	case a.at < b.at || a.at == b.at && a.seq < b.seq:
		return -1
	case a.at == b.at && a.seq == b.seq:
		return 0
	}
	return 1
}

func (m *matchRecognize) sortByKeys(rows []matchRow) error {
	b, err := m.decode(func(yield func([]byte) error) error {
		for _, r := range rows {
			if err := yield(r.data); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var keys state.Keys
	encodeOrder(&keys, m.order, b.Cols, b.N)
	idx := make([]int, len(rows))
	for i := range idx {
		idx[i] = i
	}
	timed := m.node.TimeCol >= 0
	slices.SortFunc(idx, func(i, j int) int {
		x, y := rows[i], rows[j]
		if timed && x.at != y.at {
			return compareRows(x, y)
		}
		if c := bytes.Compare(keys.At(i), keys.At(j)); c != 0 {
			return c
		}
		return compareRows(matchRow{seq: x.seq}, matchRow{seq: y.seq})
	})
	sorted := make([]matchRow, len(rows))
	for i, j := range idx {
		sorted[i] = rows[j]
	}
	copy(rows, sorted)
	return nil
}

// decode reads encoded rows into a batch.
func (m *matchRecognize) decode(each func(yield func([]byte) error) error) (*batch.Batch, error) {
	b := batch.NewBuilder(m.row.Types()...)
	err := each(func(data []byte) error {
		if _, err := m.row.DecodeRow(data, b.Cols); err != nil {
			return fmt.Errorf("read a row of MATCH_RECOGNIZE: %w", err)
		}
		b.RowDone(batch.Insert, -1)
		return nil
	})
	return b.Build(), err
}

// release drops the rows that no match can need any more, and says when the key is due again; done: there is nothing left of it.
func (m *matchRecognize) release(g int32) (done bool) {
	k := &m.keys[g]
	lo := max(0, min(k.next, k.done)-m.conds.back)
	for i := range k.rows[:lo] {
		r := &k.rows[i]
		m.size -= int64(len(r.data)) + matchRowSize
		if r.saved {
			_ = m.gone.Delete("rows", state.Group(m.groups.Hash(g), m.opts.groups()), sessionKey(nil, m.groups.Key(g), r.seq)) // it only collects
		}
	}
	if lo > 0 {
		k.rows = slices.Delete(k.rows, 0, lo)
		if cap(k.rows) > 64 && cap(k.rows) > 4*len(k.rows) {
			k.rows = slices.Clone(k.rows)
		}
		k.base += int64(lo)
		k.next -= lo
		k.done -= lo
		if k.attempt != nil {
			k.attempt.start -= lo
			k.attempt.at -= lo
		}
	}
	size := 0
	for _, r := range k.rows[:k.done] {
		if !r.own {
			size += len(r.data)
		}
	}
	if size > 0 { // lets go of the batches
		buf := make([]byte, 0, size)
		for i := range k.rows[:k.done] {
			if r := &k.rows[i]; !r.own {
				buf = append(buf, r.data...)
				r.data, r.own = buf[len(buf)-len(r.data):len(buf):len(buf)], true
			}
		}
	}
	k.soon = MaxWatermark
	for _, r := range k.rows[k.done:] {
		k.soon = min(k.soon, r.at)
	}
	if m.node.Within > 0 && k.next < k.done {
		k.soon = min(k.soon, k.rows[k.next].at+m.node.Within)
	}
	return len(k.rows) == 0 && !m.heads
}

// Snapshot implements Stateful.
func (m *matchRecognize) Snapshot(w state.Writer, full bool) error {
	if full {
		m.gone = goneWriter{}
	} else if err := m.gone.flush(w); err != nil {
		return fmt.Errorf("write rows of MATCH_RECOGNIZE: %w", err)
	}
	var key, val []byte
	err := m.groups.Changes(full, func(key []byte, hash uint64) error {
		return w.Delete("keys", state.Group(hash, m.opts.groups()), key)
	}, func(g int32) error {
		k, group := &m.keys[g], state.Group(m.groups.Hash(g), m.opts.groups())
		val = val[:0]
		for _, x := range []uint64{uint64(k.base), uint64(k.next), uint64(k.number), uint64(k.covered), k.seq} {
			val = binary.AppendUvarint(val, x)
		}
		if err := w.Put("keys", group, m.groups.Key(g), val); err != nil {
			return err
		}
		for i := range k.rows {
			r := &k.rows[i]
			if r.saved && !full {
				continue
			}
			key = sessionKey(key[:0], m.groups.Key(g), r.seq)
			val = append(putUint64(val[:0], uint64(r.at)), r.data...)
			if err := w.Put("rows", group, key, val); err != nil {
				return err
			}
			r.saved = true
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("write rows of MATCH_RECOGNIZE: %w", err)
	}
	if !full && m.saved == m.mark {
		return nil
	}
	m.saved = m.mark
	return saveMark(w, m.opts.groups(), m.mark)
}

// Restore implements Stateful.
func (m *matchRecognize) Restore(r state.Reader) error {
	var err error
	if m.mark, err = loadMark(r); err != nil {
		return err
	}
	m.saved = m.mark
	err = m.groups.Restore(r, "keys", m.codec, m.opts.groups(), func(g int32, data []byte) error {
		m.beginKey(g)
		k := &m.keys[g]
		var x [5]uint64
		for i := range x {
			v, n := binary.Uvarint(data)
			if n <= 0 {
				return errShort
			}
			x[i], data = v, data[n:]
		}
		k.base, k.next, k.number, k.covered, k.seq = int64(x[0]), int(x[1]), int64(x[2]), int64(x[3]), x[4]
		return nil
	})
	if err != nil {
		return err
	}
	err = state.HashEntries(r, "rows", m.codec, m.opts.groups(), func(e state.Entry) error {
		seq, n := binary.Uvarint(e.Suffix)
		if n <= 0 {
			return errShort
		}
		at, data, err := getUint64(e.Value)
		if err != nil {
			return err
		}
		if n, err := m.row.Size(data); err != nil || n != len(data) {
			return fmt.Errorf("%w: a row of MATCH_RECOGNIZE of %d bytes", state.ErrCorrupt, len(data))
		}
		g := m.groups.FindKey(e.Key, e.Hash)
		if g < 0 {
			return fmt.Errorf("%w: a row of MATCH_RECOGNIZE has no key", state.ErrCorrupt)
		}
		m.wait(&m.keys[g], matchRow{at: int64(at), seq: seq, data: slices.Clone(data), saved: true, own: true})
		return nil
	})
	if err != nil {
		return fmt.Errorf("restore rows of MATCH_RECOGNIZE: %w", err)
	}
	return m.groups.Each(func(g int32) error { return m.settle(&m.keys[g]) })
}

// settle parts a restored key's rows into those that had been put in order before the snapshot and those that wait.
func (m *matchRecognize) settle(k *matchKey) error {
	slices.SortFunc(k.rows, func(a, b matchRow) int {
		if a.seq < b.seq {
			return -1
		}
		return 1
	})
	if m.mark != NoWatermark && (m.node.TimeCol >= 0 || m.mark == MaxWatermark) {
		if err := m.arrange(k, m.mark, false); err != nil {
			return err
		}
	}
	if k.next > k.done {
		return fmt.Errorf("%w: MATCH_RECOGNIZE goes on at row %d of %d", state.ErrCorrupt, k.next, k.done)
	}
	k.soon = MaxWatermark
	for _, r := range k.rows[k.done:] {
		k.soon = min(k.soon, r.at)
	}
	if m.node.Within > 0 && k.next < k.done {
		k.soon = min(k.soon, k.rows[k.next].at+m.node.Within)
	}
	return nil
}

// StateBytes implements Stateful.
func (m *matchRecognize) StateBytes() int64 {
	return m.groups.Bytes() + int64(cap(m.keys))*112 + m.size + m.vm.ctx.bytes() + int64(cap(m.gone.keys.Data))
}

var _ Stateful = (*matchRecognize)(nil)
