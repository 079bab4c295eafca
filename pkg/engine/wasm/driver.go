package wasm

import "encoding/binary"

// The driver is a small module of ours that calls the guest's function for all rows of a batch, so that a batch crosses the border between Go
// and WebAssembly once. It imports the guest's memory and function and exports
//
//	run(n i32, base i32, out i32)
//
// which loops over n rows: argument k of row i is the 8 bytes at base + 8·(k·n + i) (i64, f64, or address and length as two i32), the result
// goes to the 8 bytes at out + 8·i.

// Opcodes and types of the WebAssembly core specification, version 1.
const (
	wasmI32, wasmI64, wasmF64 = 0x7f, 0x7e, 0x7c

	opBlock, opLoop, opEnd, opBr, opBrIf, opCall = 0x02, 0x03, 0x0b, 0x0c, 0x0d, 0x10
	opGet, opSet, opI32Const                     = 0x20, 0x21, 0x41
	opI32Load, opI64Load, opF64Load              = 0x28, 0x29, 0x2b
	opI64Store, opF64Store                       = 0x37, 0x39
	opI32GeU, opI32Add, opI32Mul                 = 0x4f, 0x6a, 0x6c
	emptyBlock                                   = 0x40
)

func vec(items ...[]byte) []byte {
	out := binary.AppendUvarint(nil, uint64(len(items)))
	for _, it := range items {
		out = append(out, it...)
	}
	return out
}

func sized(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

func section(id byte, content []byte) []byte { return append([]byte{id}, sized(content)...) }

func driver(function string, params []class, result class) []byte {
	var in [][]byte
	for _, p := range params {
		switch p {
		case classInt:
			in = append(in, []byte{wasmI64})
		case classFloat:
			in = append(in, []byte{wasmF64})
		case classBytes:
			in = append(in, []byte{wasmI32}, []byte{wasmI32})
		}
	}
	out, store := byte(wasmI64), byte(opI64Store)
	if result == classFloat {
		out, store = wasmF64, opF64Store
	}
	guest := append(append([]byte{0x60}, vec(in...)...), vec([]byte{out})...)
	run := append(append([]byte{0x60}, vec([]byte{wasmI32}, []byte{wasmI32}, []byte{wasmI32})...), vec()...)
	from := sized([]byte("guest"))
	fn := append(append(append([]byte{}, from...), sized([]byte(function))...), 0x00, 0x00)
	mem := append(append(append([]byte{}, from...), sized([]byte("memory"))...), 0x02, 0x00, 0x00)

	const n, base, dst, i = 0, 1, 2, 3
	code := []byte{opBlock, emptyBlock, opLoop, emptyBlock, opGet, i, opGet, n, opI32GeU, opBrIf, 1}
	code = append(code, opGet, dst, opGet, i, opI32Const, 8, opI32Mul, opI32Add)
	for k, p := range params {
		at := append([]byte{opGet, base, opGet, n, opI32Const}, sleb(int64(8*k))...)
		at = append(at, opI32Mul, opI32Add, opGet, i, opI32Const, 8, opI32Mul, opI32Add)
		code = append(code, at...)
		switch p { // alignment 2^3 or 2^2, then the offset
		case classInt:
			code = append(code, opI64Load, 3, 0)
		case classFloat:
			code = append(code, opF64Load, 3, 0)
		case classBytes:
			code = append(code, opI32Load, 2, 0)
			code = append(code, at...)
			code = append(code, opI32Load, 2, 4)
		}
	}
	code = append(code, opCall, 0, store, 3, 0, opGet, i, opI32Const, 1, opI32Add, opSet, i, opBr, 0, opEnd, opEnd, opEnd)
	body := append([]byte{1, 1, wasmI32}, code...) // one more local: i

	m := []byte{0, 'a', 's', 'm', 1, 0, 0, 0}
	m = append(m, section(1, vec(guest, run))...)
	m = append(m, section(2, vec(fn, mem))...)
	m = append(m, section(3, vec([]byte{1}))...)
	m = append(m, section(7, vec(append(sized([]byte("run")), 0x00, 1)))...)
	return append(m, section(10, vec(sized(body)))...)
}

// sleb is v in signed LEB128.
func sleb(v int64) []byte {
	var out []byte
	for {
		b := byte(v & 0x7f)
		v >>= 7
		if v == 0 && b&0x40 == 0 || v == -1 && b&0x40 != 0 {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}
