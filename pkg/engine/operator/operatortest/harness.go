package operatortest

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/state"
)

// Harness runs one operator as several instances that share out the key groups, as a job's workers do, and can stop them and
// go on with another number of instances from the saved state. Output collects what all gave, in the order of instances.
type Harness struct {
	// New makes an instance; first is true for the one that owns key group 0.
	New func(first bool) (operator.Stateful, error)
	// Keys are the columns by which rows are routed, one list a port.
	Keys   [][]int
	Groups int
	Collect

	store     *Store
	files     [][]byte // what is in store, as base and deltas
	instances []operator.Stateful
}

// Start makes n instances, restoring what the last Snapshot saved.
func (h *Harness) Start(n int) error {
	if h.store == nil {
		h.store = NewStore()
	}
	h.instances = nil
	for i := range n {
		op, err := h.New(i == 0)
		if err != nil {
			return err
		}
		loaded, err := state.Load(h.files, func(g uint16) bool { return int(g)%n == i })
		if err != nil {
			return err
		}
		if err := op.Restore(loaded.For("op")); err != nil {
			return fmt.Errorf("restore instance %d of %d: %w", i, n, err)
		}
		h.instances = append(h.instances, op)
	}
	return nil
}

// Process routes the rows of b to the instances.
func (h *Harness) Process(port int, b *batch.Batch) error {
	var cols []arrow.Array
	for _, k := range h.Keys[port] {
		cols = append(cols, b.Cols[k])
	}
	hash := make([]uint64, b.N)
	if len(cols) > 0 {
		kernel.Hash(cols, b.N, hash)
	}
	dst := make([]uint16, b.N)
	for i := range dst {
		dst[i] = state.Group(hash[i], h.Groups) % uint16(len(h.instances))
	}
	for i, part := range batch.Partition(b, dst, len(h.instances)) {
		if part == nil {
			continue
		}
		if err := h.instances[i].Process(port, part, h.Out); err != nil {
			return err
		}
	}
	return nil
}

// EndEpoch ends the epoch of all instances.
func (h *Harness) EndEpoch(e operator.Epoch) error {
	for _, op := range h.instances {
		if err := op.EndEpoch(e, h.Out); err != nil {
			return err
		}
	}
	return nil
}

// Snapshot saves what changed as one more state file, or everything if full as a new first one.
func (h *Harness) Snapshot(full bool) error {
	if full {
		h.store, h.files = NewStore(), nil
	}
	var buf bytes.Buffer
	fw := state.NewFileWriter(&buf)
	for _, op := range h.instances {
		if err := op.Snapshot(both{h.store, fw.For("op")}, full); err != nil {
			return err
		}
	}
	if err := fw.Close(); err != nil {
		return err
	}
	h.files = append(h.files, buf.Bytes())
	return nil
}

// both writes to a store and to a file.
type both [2]state.Writer

func (b both) Put(table string, group uint16, key, value []byte) error {
	if err := b[0].Put(table, group, key, value); err != nil {
		return err
	}
	return b[1].Put(table, group, key, value)
}

func (b both) Delete(table string, group uint16, key []byte) error {
	if err := b[0].Delete(table, group, key); err != nil {
		return err
	}
	return b[1].Delete(table, group, key)
}

// Store is the saved state.
func (h *Harness) Store() *Store { return h.store }

// Materialize applies a change stream to an empty table and gives the rows that are left, as text, sorted. It is an error
// when a row is taken back that is not there. key: nil for a stream with -U, else the columns of an upsert stream's key.
func Materialize(bs []*batch.Batch, key []int) ([]string, error) {
	rows := map[string]int{}
	byKey := map[string]string{}
	for _, b := range bs {
		for i := 0; i < b.N; i++ {
			row, kind := b.RowString(i)[2:], b.Kind(i)
			if key != nil {
				k := batch.Select(b, key).RowString(i)[2:]
				if kind == batch.UpdateBefore {
					return nil, fmt.Errorf("-U%s in an upsert stream", row)
				}
				_, had := byKey[k]
				if had == (kind == batch.Insert) {
					return nil, fmt.Errorf("%s%s: the key was there: %v", kind, row, had)
				}
				if kind == batch.Delete {
					delete(byKey, k)
				} else {
					byKey[k] = row
				}
				continue
			}
			if kind.Retracts() {
				if rows[row] == 0 {
					return nil, fmt.Errorf("%s%s: there is no such row", kind, row)
				}
				rows[row]--
			} else {
				rows[row]++
			}
		}
	}
	var out []string
	for row, n := range rows {
		for range n {
			out = append(out, row)
		}
	}
	for _, row := range byKey {
		out = append(out, row)
	}
	slices.Sort(out)
	return out, nil
}
