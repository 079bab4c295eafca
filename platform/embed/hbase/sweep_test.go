package hbase

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/tsuna/gohbase/pb"
)

// stored counts the cells a table has on disk, visible or not.
func stored(t *testing.T, s *Server, tab *table) int {
	t.Helper()
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: dataPrefix(tab.Data), UpperBound: dataEnd(tab.Data)})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for it.First(); it.Valid(); it.Next() {
		n++
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSweep checks what a sweep removes and that it changes no answer.
func TestSweep(t *testing.T) {
	s, err := Start(t.Context(), Config{Dir: t.TempDir(), SweepInterval: -1, TombstoneGrace: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	tab := &table{Namespace: defaultNamespace, Name: "t", Enabled: true, Families: []*family{
		{Name: "a", Attrs: map[string]string{"VERSIONS": "2"}},
		{Name: "ttl", Attrs: map[string]string{"TTL": "60", "MIN_VERSIONS": "0"}},
	}}
	if err := s.catalog.create(tab); err != nil {
		t.Fatal(err)
	}
	r := tab.regions[0]
	w := &writer{server: s}
	write := func(row, fam string, ts uint64, typ byte) {
		t.Helper()
		c := cell{row: []byte(row), fam: []byte(fam), qual: []byte("q"), val: []byte("v"), ts: ts, typ: typ}
		if typ == typeDeleteFamily {
			c.qual = nil
		}
		m := &mutation{kind: pb.MutationProto_PUT, row: c.row, cells: []cell{c}}
		if err := w.blind(r, []*mutation{m}); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		for v := range uint64(5) {
			write(fmt.Sprintf("versions%03d", i), "a", 10+v, typePut)
		}
	}
	write("expired", "ttl", 10, typePut)
	write("fresh", "ttl", nowMillis(), typePut)
	write("deleted", "a", 10, typePut)
	write("deleted", "a", 20, typeDeleteFamily)
	write("deleted", "a", 21, typePut)
	if err := w.wait(); err != nil {
		t.Fatal(err)
	}
	answers := func() string {
		rd, err := s.newReader(r, span{}, &query{versions: 9, limit: -1, times: newTimeRange(nil), now: nowMillis()})
		if err != nil {
			t.Fatal(err)
		}
		out := ""
		for {
			cells, err := rd.next()
			if err != nil {
				t.Fatal(err)
			}
			if cells == nil {
				break
			}
			for _, c := range cells {
				out += fmt.Sprintf("%s %s %s@%d\n", c.row, c.fam, c.qual, c.ts)
			}
		}
		if err := rd.Close(); err != nil {
			t.Fatal(err)
		}
		return out
	}
	before, cells := answers(), stored(t, s, tab)
	removed, err := s.sweep(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := 100*3 + 2; removed != want || stored(t, s, tab) != cells-want {
		t.Errorf("%d cells removed, %d of %d left, want %d removed", removed, stored(t, s, tab), cells, want)
	}
	if after := answers(); after != before {
		t.Errorf("answers changed from\n%s to\n%s", before, after)
	}
	// The tombstone goes when its grace is over.
	s.cfg.TombstoneGrace = -time.Second
	if removed, err = s.sweep(r); err != nil || removed != 1 {
		t.Errorf("second sweep removed %d, %v, want the tombstone", removed, err)
	}
	if after := answers(); after != before {
		t.Errorf("answers changed from\n%s to\n%s", before, after)
	}
}
