package operator

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/freshet-dw/freshet/pkg/engine/kernel"
)

func sketchOf(from, to int) *hyperLogLog {
	h := &hyperLogLog{}
	for i := from; i < to; i++ {
		h.add(kernel.HashBytes(binary.LittleEndian.AppendUint64(nil, uint64(i))))
	}
	return h
}

func TestHyperLogLog(t *testing.T) {
	for _, n := range []int{0, 1, sparseHashes, sparseHashes + 1, 1000, 20_000, 100_000, 1_000_000} {
		h := sketchOf(0, n)
		err := math.Abs(float64(h.count()-int64(n))) / float64(max(n, 1))
		if n <= sparseHashes && err > 0 || err > 0.025 { // three standard errors
			t.Errorf("%d values are counted as %d", n, h.count())
		}
		// Two halves that overlap are the whole; and what is saved comes back.
		a, b := sketchOf(0, n*2/3), sketchOf(n/3, n)
		a.merge(b)
		if a.count() != h.count() {
			t.Errorf("%d values: merged %d, at once %d", n, a.count(), h.count())
		}
		var back hyperLogLog
		rest, e := back.load(append(h.save(nil), 7))
		if e != nil || len(rest) != 1 || back.count() != h.count() {
			t.Errorf("%d values: restored %d, %v, %d bytes left", n, back.count(), e, len(rest))
		}
	}
}

func BenchmarkHyperLogLog(b *testing.B) {
	h := sketchOf(0, 10_000)
	b.ReportAllocs()
	b.SetBytes(8)
	x := uint64(1)
	for b.Loop() {
		x = x*6364136223846793005 + 1442695040888963407
		h.add(x)
	}
}
