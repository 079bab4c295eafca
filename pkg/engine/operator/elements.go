package operator

import (
	"encoding/binary"
	"fmt"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
	"github.com/freshet-dw/freshet/pkg/engine/state"
)

// owners numbers the lives of groups. A group's elements (distinct values) carry its owner id in memory and its generation in
// saved state, so that a group that is dropped and comes again does not see what its earlier life left behind. What a dead life
// left is swept later, when there is enough of it.
type owners struct {
	id      []int32
	gen     []uint64
	free    []int32
	nextID  int32
	nextGen uint64
	dead    map[int32]deadGroup
	row     []int32 // group row by id, -1: the life is over
}

type deadGroup struct {
	group uint16
	key   []byte
	gen   uint64
}

func (o *owners) grow(n int) {
	for len(o.id) < n {
		o.id = append(o.id, -1)
		o.gen = append(o.gen, 0)
	}
}

// begin starts a new life of a row.
func (o *owners) begin(row int32) {
	if o.id[row] < 0 {
		if n := len(o.free); n > 0 {
			o.id[row], o.free = o.free[n-1], o.free[:n-1]
		} else {
			o.id[row] = o.nextID
			o.nextID++
			o.row = append(o.row, row)
		}
		o.row[o.id[row]] = row
	}
	o.gen[row] = o.nextGen
}

// end ends a life that left elements behind; one that left none hands its id to the row's next life.
func (o *owners) end(row int32, group uint16, key []byte) {
	if o.dead == nil {
		o.dead = map[int32]deadGroup{}
	}
	o.dead[o.id[row]] = deadGroup{group, append([]byte(nil), key...), o.gen[row]}
	o.row[o.id[row]] = -1
	o.id[row] = -1
	o.nextGen++
}

// elements is the set of distinct values of every group for one argument: a plain set when rows are only added, a table
// with counts when rows may be taken back.
type elements struct {
	name    string
	groups  *state.Table
	nGroups int
	owners  *owners
	set     *state.Set
	table   *state.Table
	count   []int64
	n       []int32 // elements by owner
	dead    int     // elements of dead owners
	// gone are the saved keys of swept elements, to be deleted by the next snapshot.
	gone      state.Keys
	goneGroup []uint16

	buf, keyBuf, valueBuf []byte
	who, few              []int32
}

func newElements(name string, groups *state.Table, nGroups int, o *owners, retract bool) *elements {
	e := &elements{name: name, groups: groups, nGroups: nGroups, owners: o}
	if retract {
		e.table = state.NewBytesTable()
	} else {
		e.set = state.NewSet()
	}
	return e
}

func (e *elements) len() int {
	if e.set != nil {
		return e.set.Len()
	}
	return e.table.Len()
}

func (e *elements) bytes() int64 {
	if e.set != nil {
		return e.set.Bytes() + int64(cap(e.n))*4
	}
	return e.table.Bytes() + int64(cap(e.count))*8 + int64(cap(e.n))*4
}

// addAll inserts value i of k for every i in sel and gives those that were new. The set must be without counts.
func (e *elements) addAll(in *input, sel []int32, k *state.Keys) ([]int32, error) {
	e.n = extend(e.n, int(e.owners.nextID))
	if len(sel) < in.n/16 {
		// A few rows of many, as of a frame that grows by one row: each for itself.
		e.few = e.few[:0]
		for _, i := range sel {
			owner := e.owners.id[in.rows[i]]
			fresh, err := e.set.AddOne(uint32(owner), k.At(int(i)))
			if err != nil {
				return e.few, err
			}
			if fresh {
				e.n[owner]++
				e.few = append(e.few, i)
			}
		}
		return e.few, nil
	}
	e.who = state.Resize(e.who, in.n)
	if len(sel) == in.n {
		for i, r := range in.rows {
			e.who[i] = e.owners.id[r]
		}
	} else {
		for i := range e.who {
			e.who[i] = -1
		}
		for _, i := range sel {
			e.who[i] = e.owners.id[in.rows[i]]
		}
	}
	added, err := e.set.Add(e.who, k)
	for _, i := range added {
		e.n[e.who[i]]++
	}
	return added, err
}

// change adds sign to the count of a value. It gives the element's row and its count before; -1 if it was not there and
// cannot be taken back.
func (e *elements) change(owner int32, value []byte, sign int64) (row int32, before int64, err error) {
	e.buf = append(binary.LittleEndian.AppendUint32(e.buf[:0], uint32(owner)), value...)
	hash := kernel.HashBytes(e.buf)
	if sign < 0 {
		if row = e.table.FindKey(e.buf, hash); row < 0 || e.count[row] == 0 {
			return -1, 0, nil
		}
	} else {
		var fresh bool
		if row, fresh, err = e.table.UpsertKey(e.buf, hash); err != nil {
			return 0, 0, err
		}
		if fresh {
			e.count = extend(e.count, e.table.Rows())
			e.count[row] = 0
			e.n = extend(e.n, int(e.owners.nextID))
			e.n[owner]++
			before = -1
		}
	}
	if before == 0 {
		before = e.count[row]
	}
	e.count[row] += sign
	e.table.Touch(row)
	return row, before, nil
}

// remove drops an element of a counted set.
func (e *elements) remove(row int32) {
	key := e.table.Key(row)
	owner := int32(binary.LittleEndian.Uint32(key))
	e.n[owner]--
	if e.table.Saved(row) {
		group, k := e.saved(owner, key[4:])
		e.forget(group, k)
	}
	e.table.Delete(row)
}

// forget has the next snapshot delete a saved key.
func (e *elements) forget(group uint16, key []byte) {
	e.gone.Append(key, 0)
	e.goneGroup = append(e.goneGroup, group)
}

// saved is where an element is in saved state: under the group's key, its generation, the value.
func (e *elements) saved(owner int32, value []byte) (uint16, []byte) {
	group, key, gen := uint16(0), []byte(nil), uint64(0)
	if row := e.owners.row[owner]; row >= 0 {
		group, key, gen = state.Group(e.groups.Hash(row), e.nGroups), e.groups.Key(row), e.owners.gen[row]
	} else {
		d := e.owners.dead[owner]
		group, key, gen = d.group, d.key, d.gen
	}
	e.keyBuf = append(binary.AppendUvarint(append(e.keyBuf[:0], key...), gen), value...)
	return group, e.keyBuf
}

// value is the value of a counted set's element.
func (e *elements) value(row int32) []byte { return e.table.Key(row)[4:] }

// left tells whether a group has elements.
func (e *elements) left(row int32) bool {
	id := e.owners.id[row]
	return int(id) < len(e.n) && e.n[id] > 0
}

// bury counts a dead group's elements.
func (e *elements) bury(row int32) {
	if id := e.owners.id[row]; int(id) < len(e.n) {
		e.dead += int(e.n[id])
	}
}

// sweep removes the elements of dead groups.
func (e *elements) sweep() error {
	isDead := func(owner uint32) bool {
		_, ok := e.owners.dead[int32(owner)]
		return ok
	}
	drop := func(owner uint32, value []byte) {
		group, key := e.saved(int32(owner), value)
		e.forget(group, key)
		e.n[owner]--
	}
	e.dead = 0
	if e.set != nil {
		return e.set.Sweep(isDead, drop)
	}
	return e.table.Each(func(row int32) error {
		if isDead(binary.LittleEndian.Uint32(e.table.Key(row))) {
			e.remove(row)
		}
		return nil
	})
}

// snapshot writes the elements that changed.
func (e *elements) snapshot(w state.Writer, full bool) error {
	for i := range e.goneGroup {
		if full {
			break // there is nothing to delete from
		}
		if err := w.Delete(e.name, e.goneGroup[i], e.gone.At(i)); err != nil {
			return err
		}
	}
	e.gone, e.goneGroup = state.Keys{}, nil
	if e.set != nil {
		return e.set.New(full, func(owner uint32, value []byte) error {
			if e.owners.row[owner] < 0 {
				return nil // its group is dead
			}
			group, key := e.saved(int32(owner), value)
			return w.Put(e.name, group, key, nil)
		})
	}
	// Deleted elements are in gone: their groups may be gone too by now.
	return e.table.Changes(full, func([]byte, uint64) error { return nil }, func(row int32) error {
		key := e.table.Key(row)
		owner := int32(binary.LittleEndian.Uint32(key))
		if e.owners.row[owner] < 0 {
			return nil // its group is dead
		}
		group, k := e.saved(owner, key[4:])
		if e.count[row] == 0 {
			if full {
				return nil
			}
			return w.Delete(e.name, group, k)
		}
		e.valueBuf = putUint64(e.valueBuf[:0], uint64(e.count[row]))
		return w.Put(e.name, group, k, e.valueBuf)
	})
}

// drop deletes everything that was saved.
func (e *elements) drop(w state.Writer) error {
	for i := range e.goneGroup {
		if err := w.Delete(e.name, e.goneGroup[i], e.gone.At(i)); err != nil {
			return err
		}
	}
	if e.set != nil {
		return e.set.Saved(func(owner uint32, value []byte) error {
			group, key := e.saved(int32(owner), value)
			return w.Delete(e.name, group, key)
		})
	}
	return e.table.Each(func(row int32) error {
		if !e.table.Saved(row) {
			return nil
		}
		key := e.table.Key(row)
		group, k := e.saved(int32(binary.LittleEndian.Uint32(key)), key[4:])
		return w.Delete(e.name, group, k)
	})
}

// restore reads the elements after the groups were restored. added is called for each element of a counted set.
func (e *elements) restore(r state.Reader, c *state.Codec, added func(groupRow, row int32)) error {
	err := state.HashEntries(r, e.name, c, e.nGroups, func(x state.Entry) error {
		gen, n := binary.Uvarint(x.Suffix)
		if n <= 0 {
			return fmt.Errorf("%w: an element without a generation", state.ErrCorrupt)
		}
		row := e.groups.FindKey(x.Key, x.Hash)
		if row < 0 || e.owners.gen[row] != gen {
			// Left behind by a dead group that was not swept before the snapshot.
			e.forget(state.Group(x.Hash, e.nGroups), append(append(e.keyBuf[:0], x.Key...), x.Suffix...))
			e.owners.nextGen = max(e.owners.nextGen, gen+1)
			return nil
		}
		owner := e.owners.id[row]
		e.n = extend(e.n, int(e.owners.nextID))
		if e.set != nil {
			fresh, err := e.set.AddOne(uint32(owner), x.Suffix[n:])
			if fresh {
				e.n[owner]++
			}
			return err
		}
		count, _, err := getUint64(x.Value)
		if err != nil {
			return err
		}
		el, _, err := e.change(owner, x.Suffix[n:], int64(count))
		if err == nil && el >= 0 && added != nil {
			added(row, el)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("restore state table %s: %w", e.name, err)
	}
	if e.set != nil {
		e.set.MarkSaved()
	} else {
		e.table.MarkSaved()
	}
	return nil
}
