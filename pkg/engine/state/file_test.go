package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// entries gives what a loaded operator holds, as text.
func entries(t interface{ Fatal(...any) }, r Reader, tables ...string) []string {
	var out []string
	for _, table := range tables {
		if err := r.Entries(table, func(group uint16, key, value []byte) error {
			out = append(out, fmt.Sprintf("%s/%d/%s=%s", table, group, key, value))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(out)
	return out
}

func TestFilesMergeAsTheLastWriteWins(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		model := map[string]string{}
		var files [][]byte
		for range rapid.IntRange(1, 4).Draw(t, "files") {
			var buf bytes.Buffer
			f := NewFileWriter(&buf)
			for range rapid.IntRange(0, 40).Draw(t, "entries") {
				op := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "op")
				table := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "table")
				group := rapid.Uint16Range(0, 3).Draw(t, "group")
				key := fmt.Sprint("k", rapid.IntRange(0, 9).Draw(t, "key"))
				id := fmt.Sprintf("%s:%s/%d/%s", op, table, group, key)
				if rapid.IntRange(0, 2).Draw(t, "delete") == 0 {
					delete(model, id)
					if err := f.For(op).Delete(table, group, []byte(key)); err != nil {
						t.Fatal(err)
					}
					continue
				}
				v := fmt.Sprintf("%0*d", rapid.SampledFrom([]int{0, 3, 100_000}).Draw(t, "len"), rapid.IntRange(0, 9).Draw(t, "value"))
				model[id] = v
				if err := f.For(op).Put(table, group, []byte(key), []byte(v)); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			if f.Bytes() != int64(buf.Len()) {
				t.Fatalf("Bytes is %d, the file has %d", f.Bytes(), buf.Len())
			}
			files = append(files, buf.Bytes())
		}
		from := rapid.IntRange(0, 3).Draw(t, "from")
		to := rapid.IntRange(from, 4).Draw(t, "to")
		l, err := Load(files, func(g uint16) bool { return int(g) >= from && int(g) < to })
		if err != nil {
			t.Fatal(err)
		}
		var merged bytes.Buffer
		f := NewFileWriter(&merged)
		if err := l.WriteTo(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := Load([][]byte{merged.Bytes()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, op := range []string{"1", "2"} {
			var want []string
			for id, v := range model {
				var group int
				if _, err := fmt.Sscanf(id[3:], "/%d", &group); err != nil {
					t.Fatal(err)
				}
				if id[:1] == op && group >= from && group < to {
					want = append(want, id[2:]+"="+v)
				}
			}
			slices.Sort(want)
			for _, l := range []*Loaded{l, again} {
				if got := entries(t, l.For(op), "a", "b"); !slices.Equal(got, want) {
					t.Fatalf("operator %s: got %.300v, want %.300v", op, got, want)
				}
			}
		}
	})
}

func sampleFile(t testing.TB, n int) []byte {
	var buf bytes.Buffer
	f := NewFileWriter(&buf)
	w := f.For("7")
	for i := range n {
		key := binary.BigEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15)
		if err := w.Put("groups", uint16(i%32), key, []byte("0123456789abcdef")); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// TestDamagedFile: every flipped bit and every cut is noticed.
func TestDamagedFile(t *testing.T) {
	good := sampleFile(t, 50)
	for i := range good {
		for bit := range 8 {
			bad := slices.Clone(good)
			bad[i] ^= 1 << bit
			if _, err := Load([][]byte{bad}, nil); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("bit %d of byte %d flipped: error %v", bit, i, err)
			}
		}
		if _, err := Load([][]byte{good[:i]}, nil); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: error %v", i, err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(sampleFile(f, 3))
	f.Add([]byte(fileMagic + "\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Load([][]byte{data}, nil); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("error %v is not ErrCorrupt", err)
		}
		// What is inside a block that has a right checksum must not crash either.
		l := &Loaded{tables: map[string]*loadedTable{}}
		if err := l.table("x").add(data, 5, func(uint16) bool { return true }); err != nil && !errors.Is(err, ErrCorrupt) {
			t.Fatalf("error %v is not ErrCorrupt", err)
		}
	})
}

func TestLoadIsFast(t *testing.T) {
	data := sampleFile(t, 1_000_000)
	start := time.Now()
	l, err := Load([][]byte{data}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := l.For("7").Entries("groups", func(uint16, []byte, []byte) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d entries, %d bytes, loaded in %v", n, len(data), time.Since(start))
	if n != 1_000_000 {
		t.Fatalf("%d entries", n)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Fatalf("loading took %v", d)
	}
}
