package point

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

var alloc = memory.DefaultAllocator

// store has for key k as many rows as its length says; it notes what it was asked.
type store struct {
	asked []string
	now   time.Time
	err   error
}

func (s *store) fetch(_ context.Context, keys *batch.Batch, out *batch.Builder) error {
	if s.err != nil {
		return s.err
	}
	k := keys.Cols[0].(*array.String)
	for i := keys.N - 1; i >= 0; i-- {
		s.asked = append(s.asked, k.Value(i))
		for n := range len(k.Value(i)) {
			out.Cols[0].(*array.StringBuilder).Append(strings.Clone(k.Value(i)))
			out.Cols[1].(*array.Int32Builder).Append(int32(n))
			out.RowDone(batch.Insert, int32(i))
		}
	}
	return nil
}

func (s *store) lookup(set Settings) *Lookup {
	t := &catalog.Table{Columns: []catalog.Column{{Name: "k", Type: types.String()}, {Name: "n", Type: types.Of(types.Int)}}}
	set.Now = func() time.Time { return s.now }
	return New(&plan.LookupJoin{Table: t, TableKeys: []int{0}, Columns: []int{0, 1}}, set, s.fetch)
}

// ask gives the rows per key; "-" is null. The store's questions are taken.
func (s *store) ask(t *testing.T, l *Lookup, keys ...string) (answer, asked string) {
	t.Helper()
	b := array.NewStringBuilder(alloc)
	for _, k := range keys {
		if k == "-" {
			b.AppendNull()
		} else {
			b.Append(k)
		}
	}
	rows, offsets, err := l.Lookup(t.Context(), batch.New(len(keys), b.NewArray()))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range keys {
		var one []string
		for r := offsets[i]; r < offsets[i+1]; r++ {
			one = append(one, batch.ValueString(rows.Cols[0], int(r))+batch.ValueString(rows.Cols[1], int(r)))
		}
		out = append(out, strings.Join(one, ","))
	}
	asked = strings.Join(s.asked, " ")
	s.asked = nil
	return strings.Join(out, "|"), asked
}

func TestKeysAreAskedOnce(t *testing.T) {
	s := &store{}
	l := s.lookup(Settings{})
	for range 2 { // no cache
		answer, asked := s.ask(t, l, "b", "aa", "-", "", "b", "aa")
		if answer != "b0|aa0,aa1|||b0|aa0,aa1" || asked != " aa b" {
			t.Errorf("answer %q, asked %q", answer, asked)
		}
	}
}

func TestCache(t *testing.T) {
	s := &store{now: time.Unix(0, 0)}
	l := s.lookup(Settings{On: true, MaxRows: 2, AfterWrite: time.Minute, AfterAccess: 20 * time.Second, Missing: true})
	step := func(after time.Duration, want string, keys ...string) {
		t.Helper()
		s.now = s.now.Add(after)
		if _, asked := s.ask(t, l, keys...); asked != want {
			t.Errorf("asked %q, want %q", asked, want)
		}
	}
	step(0, " a", "a", "")         // also the absence is kept
	step(0, "", "a", "")           // both known
	step(0, "c", "a", "c")         // pushes out ""
	step(0, "", "a", "c")          //
	step(21*time.Second, "a", "a") // not used for too long
	step(19*time.Second, "", "a")  //
	step(19*time.Second, "", "a")  //
	step(19*time.Second, "", "a")  // 57 s old
	step(4*time.Second, "a", "a")  // written too long ago
	step(0, "c", "c")              //
	step(0, "d b", "b", "d")       // more keys than room
}

func TestMissingIsNotKept(t *testing.T) {
	s := &store{}
	l := s.lookup(Settings{On: true, MaxRows: 2})
	for range 2 {
		if _, asked := s.ask(t, l, "", "a"); !strings.HasPrefix(asked, "a") && asked != "" {
			t.Errorf("asked %q", asked)
		}
	}
	if l.lru.Len() != 1 {
		t.Errorf("%d entries, the one of a missing row too", l.lru.Len())
	}
}

func TestErrorIsNotKept(t *testing.T) {
	s := &store{err: errors.New("down")}
	l := s.lookup(Settings{On: true, MaxRows: 2, Missing: true})
	b := array.NewStringBuilder(alloc)
	b.Append("a")
	if _, _, err := l.Lookup(t.Context(), batch.New(1, b.NewArray())); !errors.Is(err, s.err) {
		t.Fatal(err)
	}
	s.err = nil
	if answer, asked := s.ask(t, l, "a"); answer != "a0" || asked != "a" {
		t.Errorf("answer %q, asked %q", answer, asked)
	}
}
