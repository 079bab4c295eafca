package state

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/apache/arrow/go/v15/arrow"
	"pgregory.net/rapid"
)

// TestTableAgainstMap runs random inserts, deletes and snapshots beside a Go map.
func TestTableAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.SampledFrom([]int{0, 8}).Draw(t, "width")
		tab := newTable(width)
		model := map[string]int32{}
		saved := map[string]bool{}
		key := func() []byte {
			n := rapid.IntRange(0, 60).Draw(t, "key")
			if width == 8 {
				return binary.LittleEndian.AppendUint64(nil, uint64(n))
			}
			return []byte(fmt.Sprintf("%0*d", n*n, n))
		}
		// A poor hash makes long runs, the hard case of deletion.
		hash := func(k []byte) uint64 {
			if len(k) == 0 {
				return 0
			}
			return uint64(k[len(k)-1]) << 62
		}
		check := func() {
			if tab.Len() != len(model) {
				t.Fatalf("table has %d keys, want %d", tab.Len(), len(model))
			}
			for k, row := range model {
				if got := tab.FindKey([]byte(k), hash([]byte(k))); got != row {
					t.Fatalf("row of %q is %d, want %d", k, got, row)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"": func(*rapid.T) { check() },
			"upsert": func(*rapid.T) {
				var k Keys
				for range rapid.IntRange(1, 20).Draw(t, "n") {
					b := key()
					k.Append(b, hash(b))
				}
				rows := make([]int32, k.Len())
				fresh, err := tab.Upsert(&k, rows)
				if err != nil {
					t.Fatal(err)
				}
				for i, row := range rows {
					b := string(k.At(i))
					old, had := model[b]
					isFresh := len(fresh) > 0 && int(fresh[0]) == i
					if isFresh {
						fresh = fresh[1:]
					}
					if isFresh == had || had && old != row {
						t.Fatalf("key %q: fresh %v, row %d; had %v, row %d", b, isFresh, row, had, old)
					}
					model[b] = row
				}
			},
			"delete": func(*rapid.T) {
				b := key()
				if row, ok := model[string(b)]; ok {
					tab.Delete(row)
					delete(model, string(b))
				}
			},
			"compact": func(*rapid.T) {
				if width == 0 {
					tab.compact()
				}
			},
			"changes": func(*rapid.T) {
				err := tab.Changes(rapid.Bool().Draw(t, "full"), func(key []byte, h uint64) error {
					if !saved[string(key)] {
						t.Fatalf("delete of %q, which was never saved", key)
					}
					delete(saved, string(key))
					return nil
				}, func(row int32) error {
					saved[string(tab.Key(row))] = true
					return nil
				})
				if err != nil {
					t.Fatal(err)
				}
				for k := range model {
					if !saved[k] {
						t.Fatalf("%q was not saved", k)
					}
				}
				for k := range saved {
					if _, ok := model[k]; !ok {
						delete(saved, k) // a full snapshot starts anew
					}
				}
			},
		})
	})
}

func TestSetAgainstMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSet()
		type elem struct {
			owner uint32
			value string
		}
		model, fresh := map[elem]bool{}, map[elem]bool{}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(*rapid.T) {
				n := rapid.IntRange(1, 50).Draw(t, "n")
				owners := make([]int32, n)
				var k Keys
				var want []int32
				for i := range owners {
					owners[i] = rapid.Int32Range(-1, 3).Draw(t, "owner")
					v := fmt.Sprintf("%0*d", rapid.SampledFrom([]int{1, 16, 200, 70_000}).Draw(t, "len"), rapid.IntRange(0, 5).Draw(t, "v"))
					k.Append([]byte(v), 0)
					e := elem{uint32(owners[i]), v}
					if owners[i] >= 0 && !model[e] {
						model[e], fresh[e] = true, true
						want = append(want, int32(i))
					}
				}
				got, err := s.Add(owners, &k)
				if err != nil {
					t.Fatal(err)
				}
				if fmt.Sprint(got) != fmt.Sprint(want) {
					t.Fatalf("added %v, want %v", got, want)
				}
				if s.Len() != len(model) {
					t.Fatalf("%d elements, want %d", s.Len(), len(model))
				}
			},
			"new": func(*rapid.T) {
				full := rapid.Bool().Draw(t, "full")
				want := fresh
				if full {
					want = model
				}
				n := 0
				if err := s.New(full, func(owner uint32, value []byte) error {
					n++
					if !want[elem{owner, string(value)}] {
						t.Fatalf("unexpected element %d %.20q", owner, value)
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				if n != len(want) {
					t.Fatalf("%d elements, want %d", n, len(want))
				}
				fresh = map[elem]bool{}
			},
			"sweep": func(*rapid.T) {
				dead := rapid.Uint32Range(0, 3).Draw(t, "dead")
				err := s.Sweep(func(o uint32) bool { return o == dead }, func(owner uint32, value []byte) {
					e := elem{owner, string(value)}
					if !model[e] {
						t.Fatalf("swept unknown element %v", e)
					}
					delete(model, e)
					delete(fresh, e)
				})
				if err != nil {
					t.Fatal(err)
				}
				for e := range model {
					if e.owner == dead {
						t.Fatalf("element %v is still there", e)
					}
				}
			},
		})
	})
}

// TestSetMemory holds the promise of Set's comment.
func TestSetMemory(t *testing.T) {
	s := NewSet()
	for i := range 1_000_000 {
		if _, err := s.AddOne(0, fmt.Appendf(nil, "%016d", i*7919)); err != nil {
			t.Fatal(err)
		}
	}
	if per := float64(s.Bytes()) / 1e6; per > 45 {
		t.Fatalf("a 16-byte string takes %.1f bytes", per)
	}
}

func BenchmarkSetAdd(b *testing.B) {
	for _, distinct := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(distinct), func(b *testing.B) {
			const n = 4096
			batches := make([]Keys, 256)
			x := uint64(1)
			for j := range batches {
				for range n {
					x = x*6364136223846793005 + 1442695040888963407
					batches[j].Append(fmt.Appendf(nil, "%016d", x>>33%uint64(distinct)), 0)
				}
			}
			owners := make([]int32, n)
			s := NewSet()
			b.SetBytes(n * 16)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := s.Add(owners, &batches[i%len(batches)]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrows/s")
		})
	}
}

func BenchmarkTableUpsert(b *testing.B) {
	const n = 4096
	c := NewCodec([]arrow.DataType{arrow.PrimitiveTypes.Int64})
	t := NewTable(c)
	batches := make([]Keys, 64)
	x := uint64(1)
	for j := range batches {
		for range n {
			x = x*6364136223846793005 + 1442695040888963407
			v := x >> 33 % 100_000
			batches[j].Append(binary.LittleEndian.AppendUint64([]byte{0}, v), v*0x9e3779b97f4a7c15)
		}
	}
	rows := make([]int32, n)
	b.SetBytes(n * 9)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := t.Upsert(&batches[i%len(batches)], rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*n/b.Elapsed().Seconds()/1e6, "Mrows/s")
}
