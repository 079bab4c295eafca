//go:build wasip1

// Command guest is a module of user functions for tests, in plain Go: GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared.
package main

import (
	"encoding/binary"
	"strings"
	"time"
	"unsafe"
)

func main() {}

// keep holds what must stay valid until the next freshet_alloc.
var keep [][]byte

//go:wasmexport freshet_alloc
func alloc(n int32) int32 {
	b := make([]byte, max(n, 1))
	keep = append(keep[:0], b)
	return int32(uintptr(unsafe.Pointer(&b[0])))
}

func give(b []byte) int64 {
	if len(b) == 0 {
		return 0
	}
	keep = append(keep, b)
	return int64(uintptr(unsafe.Pointer(&b[0])))<<32 | int64(len(b))
}

func take(at, n int32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(uintptr(at))), n)
}

//go:wasmexport freshet_functions
func functions() int64 {
	return give([]byte(`
SCALAR add(BIGINT, BIGINT) RETURNS BIGINT
SCALAR half(DOUBLE) RETURNS DOUBLE
SCALAR shout(STRING) RETURNS STRING
SCALAR repeat_text(STRING, INT) RETURNS STRING
SCALAR plus_day(TIMESTAMP(3)) RETURNS TIMESTAMP(3)
SCALAR exact(DECIMAL(10, 2)) RETURNS DECIMAL(10, 2)
SCALAR or_else(STRING, STRING) RETURNS STRING CALLED ON NULL INPUT
SCALAR clock() RETURNS BIGINT VOLATILE
SCALAR crash(BIGINT) RETURNS BIGINT
SCALAR spin(BIGINT) RETURNS BIGINT
SCALAR hoard(BIGINT) RETURNS BIGINT
SCALAR missing(BIGINT) RETURNS BIGINT
SCALAR mistyped(STRING) RETURNS BIGINT
TABLE words(STRING) RETURNS ROW<word STRING, n BIGINT>
AGGREGATE weighted(BIGINT, BIGINT) RETURNS BIGINT RETRACT MERGE
AGGREGATE longest(STRING) RETURNS STRING
`))
}

//go:wasmexport add
func add(a, b int64) int64 { return a + b }

//go:wasmexport half
func half(x float64) float64 { return x / 2 }

//go:wasmexport shout
func shout(at, n int32) int64 { return give([]byte(strings.ToUpper(string(take(at, n))))) }

//go:wasmexport repeat_text
func repeatText(at, n int32, times int64) int64 {
	if times < 0 {
		return -1
	}
	return give([]byte(strings.Repeat(string(take(at, n)), int(times))))
}

//go:wasmexport plus_day
func plusDay(us int64) int64 { return us + 86_400_000_000 }

//go:wasmexport exact
func exact(at, n int32) int64 { return give([]byte(string(take(at, n)))) }

//go:wasmexport clock
func clock() int64 { return time.Now().Unix() }

//go:wasmexport crash
func crash(x int64) int64 { return 1 / (x - x) }

//go:wasmexport spin
func spin(x int64) int64 {
	for x != 42 {
		x = x*3 + x%7
		if x == 42 {
			x = 1
		}
	}
	return x
}

//go:wasmexport hoard
func hoard(mib int64) int64 {
	b := make([]byte, mib<<20)
	return int64(len(b))
}

//go:wasmexport mistyped
func mistyped(x int64) int64 { return x }

// field reads a row's next value of text or bytes; ok is false for NULL.
func field(row []byte) (v []byte, ok bool, rest []byte) {
	if row[0] == 0 {
		return nil, false, row[1:]
	}
	n := binary.LittleEndian.Uint32(row[1:])
	return row[5 : 5+n], true, row[5+n:]
}

func number(row []byte) (v int64, ok bool, rest []byte) {
	if row[0] == 0 {
		return 0, false, row[1:]
	}
	return int64(binary.LittleEndian.Uint64(row[1:])), true, row[9:]
}

func text(dst []byte, v []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(append(dst, 1), uint32(len(v))), v...)
}

func integer(dst []byte, v int64) []byte {
	return binary.LittleEndian.AppendUint64(append(dst, 1), uint64(v))
}

//go:wasmexport or_else
func orElse(at, n int32) int64 {
	a, ok, rest := field(take(at, n))
	if !ok {
		if a, ok, _ = field(rest); !ok {
			return give([]byte{0})
		}
	}
	return give(text(nil, a))
}

//go:wasmexport words
func words(at, n int32) int64 {
	s, ok, _ := field(take(at, n))
	if !ok {
		return give([]byte{0, 0, 0, 0})
	}
	fs := strings.Fields(string(s))
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(fs)))
	for _, f := range fs {
		out = integer(text(out, []byte(f)), int64(len(f)))
	}
	return give(out)
}

// weighted is the average of values by weights; its state is the two sums.
func weighted(state, row []byte, sign int64) int64 {
	var sum, weight int64
	if len(state) == 16 {
		sum, weight = int64(binary.LittleEndian.Uint64(state)), int64(binary.LittleEndian.Uint64(state[8:]))
	}
	v, ok, rest := number(row)
	w, ok2, _ := number(rest)
	if ok && ok2 {
		sum += sign * v * w
		weight += sign * w
	}
	return give(binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, uint64(sum)), uint64(weight)))
}

//go:wasmexport weighted_add
func weightedAdd(s, sn, r, rn int32) int64 { return weighted(take(s, sn), take(r, rn), 1) }

//go:wasmexport weighted_retract
func weightedRetract(s, sn, r, rn int32) int64 { return weighted(take(s, sn), take(r, rn), -1) }

//go:wasmexport weighted_merge
func weightedMerge(s, sn, o, on int32) int64 {
	a, b := take(s, sn), take(o, on)
	if len(a) < 16 {
		return give(append([]byte(nil), b...))
	}
	if len(b) < 16 {
		return give(append([]byte(nil), a...))
	}
	out := make([]byte, 16)
	for i := 0; i < 16; i += 8 {
		binary.LittleEndian.PutUint64(out[i:], binary.LittleEndian.Uint64(a[i:])+binary.LittleEndian.Uint64(b[i:]))
	}
	return give(out)
}

//go:wasmexport weighted_result
func weightedResult(s, sn int32) int64 {
	state := take(s, sn)
	if len(state) < 16 || binary.LittleEndian.Uint64(state[8:]) == 0 {
		return give([]byte{0})
	}
	return give(integer(nil, int64(binary.LittleEndian.Uint64(state))/int64(binary.LittleEndian.Uint64(state[8:]))))
}

//go:wasmexport longest_add
func longestAdd(s, sn, r, rn int32) int64 {
	state := take(s, sn)
	if v, ok, _ := field(take(r, rn)); ok && len(v) > len(state) {
		state = v
	}
	return give(append([]byte(nil), state...))
}

//go:wasmexport longest_result
func longestResult(s, sn int32) int64 { return give(text(nil, take(s, sn))) }
