package operator

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
)

// hyperLogLog estimates the number of distinct hashes put into it, with a standard error of 0.8 %: 2^14 registers of the longest run of
// zeros (Flajolet et al., 2007), read by the estimator of Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), which
// needs neither ranges nor tables of bias. Up to sparseHashes hashes are kept as they are, and counted exactly.
type hyperLogLog struct {
	exact     []uint64 // sorted; nil once there are registers
	registers []uint8
}

const (
	hllBits      = 14
	sparseHashes = 256
)

func (h *hyperLogLog) add(hash uint64) {
	if h.registers == nil {
		i, ok := slices.BinarySearch(h.exact, hash)
		if ok {
			return
		}
		if len(h.exact) < sparseHashes {
			h.exact = slices.Insert(h.exact, i, hash)
			return
		}
		h.registers = make([]uint8, 1<<hllBits)
		for _, x := range h.exact {
			h.register(x)
		}
		h.exact = nil
	}
	h.register(hash)
}

func (h *hyperLogLog) register(hash uint64) {
	// The run of zeros is counted in the bits that do not choose the register; the guard bit ends it.
	n := uint8(bits.LeadingZeros64(hash<<hllBits|1<<(hllBits-1)) + 1)
	if r := &h.registers[hash>>(64-hllBits)]; *r < n {
		*r = n
	}
}

func (h *hyperLogLog) merge(o *hyperLogLog) {
	if o.registers == nil {
		for _, x := range o.exact {
			h.add(x)
		}
		return
	}
	if h.registers == nil {
		own := h.exact
		*h = hyperLogLog{registers: slices.Clone(o.registers)}
		for _, x := range own {
			h.register(x)
		}
		return
	}
	for i, n := range o.registers {
		h.registers[i] = max(h.registers[i], n)
	}
}

func (h *hyperLogLog) count() int64 {
	if h.registers == nil {
		return int64(len(h.exact))
	}
	const q = 64 - hllBits
	const m = float64(1 << hllBits)
	var c [q + 2]float64 // registers by value
	for _, n := range h.registers {
		c[n]++
	}
	z := m * tau(1-c[q+1]/m)
	for k := q; k >= 1; k-- {
		z = 0.5 * (z + c[k])
	}
	z += m * sigma(c[0]/m)
	return int64(math.Round(m * m / (2 * math.Ln2 * z)))
}

// sigma and tau are the functions of these names in Ertl's paper.
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		old := z
		z += x * y
		y += y
		if z == old {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		old := z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
		if z == old {
			return z / 3
		}
	}
}

// save writes the number of exact hashes and them, or a number above for the registers.
func (h *hyperLogLog) save(dst []byte) []byte {
	if h.registers != nil {
		return append(binary.AppendUvarint(dst, sparseHashes+1), h.registers...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(h.exact)))
	for _, x := range h.exact {
		dst = putUint64(dst, x)
	}
	return dst
}

func (h *hyperLogLog) load(data []byte) ([]byte, error) {
	n, l := binary.Uvarint(data)
	if l <= 0 || n > sparseHashes+1 {
		return nil, errShort
	}
	data = data[l:]
	*h = hyperLogLog{}
	if n > sparseHashes {
		if len(data) < 1<<hllBits {
			return nil, errShort
		}
		h.registers = slices.Clone(data[:1<<hllBits])
		for _, r := range h.registers {
			if r > 64-hllBits+1 {
				return nil, errShort
			}
		}
		return data[1<<hllBits:], nil
	}
	for ; n > 0; n-- {
		x, rest, err := getUint64(data)
		if err != nil {
			return nil, err
		}
		h.exact, data = append(h.exact, x), rest
	}
	return data, nil
}
