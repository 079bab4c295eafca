package operatortest

import (
	"fmt"
	"sort"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/state"
)

// Store is a snapshot in memory: state.Writer and state.Reader. Written to again and again it holds base plus deltas.
type Store struct {
	entries map[id][]byte
}

type id struct {
	table string
	group uint16
	key   string
}

// NewStore makes an empty store.
func NewStore() *Store { return &Store{entries: map[id][]byte{}} }

var (
	_ state.Writer = (*Store)(nil)
	_ state.Reader = (*Store)(nil)
)

// Put implements state.Writer.
func (s *Store) Put(table string, group uint16, key, value []byte) error {
	s.entries[id{table, group, string(key)}] = append([]byte{}, value...)
	return nil
}

// Delete implements state.Writer.
func (s *Store) Delete(table string, group uint16, key []byte) error {
	delete(s.entries, id{table, group, string(key)})
	return nil
}

// Len is the number of live entries.
func (s *Store) Len() int { return len(s.entries) }

// Entries implements state.Reader.
func (s *Store) Entries(table string, fn func(group uint16, key, value []byte) error) error {
	var ids []id
	for e := range s.entries {
		if e.table == table {
			ids = append(ids, e)
		}
	}
	sort.Slice(ids, func(i, j int) bool {
		if ids[i].group != ids[j].group {
			return ids[i].group < ids[j].group
		}
		return ids[i].key < ids[j].key
	})
	for _, e := range ids {
		if err := fn(e.group, []byte(e.key), s.entries[e]); err != nil {
			return err
		}
	}
	return nil
}

// Groups gives the part of the store whose key groups keep accepts.
func (s *Store) Groups(keep func(group uint16) bool) *Store {
	out := NewStore()
	for e, v := range s.entries {
		if keep(e.group) {
			out.entries[e] = v
		}
	}
	return out
}

// Equal tells whether two stores hold the same entries, and if not, how they differ.
func (s *Store) Equal(o *Store) error {
	for e, v := range s.entries {
		if w, ok := o.entries[e]; !ok || string(v) != string(w) {
			return fmt.Errorf("%s, group %d, key %q: %q, want %q (there: %v)", e.table, e.group, e.key, v, w, ok)
		}
	}
	if len(s.entries) != len(o.entries) {
		return fmt.Errorf("%d entries, want %d", len(s.entries), len(o.entries))
	}
	return nil
}

// Collect is an operator.Output that keeps the batches.
type Collect struct{ Batches []*batch.Batch }

// Out takes a batch.
func (c *Collect) Out(b *batch.Batch) error {
	if b.N > 0 {
		c.Batches = append(c.Batches, b)
	}
	return nil
}

// Take gives the text of the rows collected so far and forgets them.
func (c *Collect) Take() string {
	s := String(c.Batches...)
	c.Batches = nil
	return s
}

var _ operator.Output = (&Collect{}).Out
