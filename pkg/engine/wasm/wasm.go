// Package wasm runs user functions that come as WebAssembly modules, by wazero.
//
// A module is a reactor: it exports its memory, an optional _initialize, and
//
//	freshet_functions() i64        where the text of its signatures is: address<<32 | length
//	freshet_alloc(size i32) i32    memory for the host to write to
//
// and the functions. The text has a signature a line, with types as in SQL:
//
//	SCALAR add(BIGINT, BIGINT) RETURNS BIGINT
//	SCALAR or_else(STRING, STRING) RETURNS STRING CALLED ON NULL INPUT
//	TABLE words(STRING) RETURNS ROW<word STRING, n BIGINT>
//	AGGREGATE weighted(BIGINT, BIGINT) RETURNS BIGINT RETRACT MERGE
//
// VOLATILE at the end of a line says that a function may give different values for the same arguments.
//
// A SCALAR function takes and gives plain values: BOOLEAN, integers, DATE (days), TIME (milliseconds), TIMESTAMP and TIMESTAMP_LTZ (microseconds
// since the epoch) and intervals as i64; FLOAT and DOUBLE as f64; text, bytes and DECIMAL (as text) as address i32 and length i32, and
// as a result address<<32 | length in an i64. It is called for rows without NULLs only, and NULL is the value of the others.
// An i64 result of text whose bits are all set is NULL.
//
// CALLED ON NULL INPUT, TABLE and AGGREGATE functions take rows: a byte for each value, 0 for NULL or 1 and then the value: 8 bytes little
// endian of the i64 or f64, or 4 bytes of length and the bytes. f(address i32, length i32) i64 gives, as address<<32 | length, one row of one
// value (SCALAR), or 4 bytes with the number of rows and the rows (TABLE). An AGGREGATE f has f_add(state address, state length, row
// address, row length) i64, which gives the new state, bytes of its own choice, of which the empty state has none; f_result(state address,
// length) i64 gives one row of one value; f_retract is like f_add, f_merge(address, length, address, length) i64 puts two states together.
//
// What the host has written and what functions have given must stay valid until the next freshet_alloc. Functions must not keep anything else
// between calls: an instance of the module serves any rows in any order.
//
// Modules see no files, no network and no clock (WASI's clock stands still and its random numbers are always the same ones), take at most
// Limits.Memory, and a batch must be done within Limits.Time. A trap or an overrun stops the job.
package wasm

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/freshet-dw/freshet/pkg/engine/udf"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// Limits are what a module's instance may take; zero fields have defaults: 64 MiB and 10 s a batch.
type Limits struct {
	Memory int64
	Time   time.Duration
}

func (l Limits) pages() uint32 {
	if l.Memory <= 0 {
		return 64 << 20 >> 16
	}
	return uint32(min(max(l.Memory>>16, 1), 1<<16))
}

func (l Limits) time() time.Duration {
	if l.Time <= 0 {
		return 10 * time.Second
	}
	return l.Time
}

// Loader makes functions of identifiers 'wasm:path#function', and of 'function' with LANGUAGE WASM and USING FILE 'path' (or JAR).
// Modules are compiled once by each Loader.
type Loader struct {
	limits Limits
	cache  wazero.CompilationCache
}

// NewLoader makes a loader whose modules have the limits.
func NewLoader(limits Limits) *Loader {
	return &Loader{limits: limits, cache: wazero.NewCompilationCache()}
}

var _ udf.Loader = (*Loader)(nil)

// Load implements udf.Loader. It starts the module once, to read its signatures.
func (l *Loader) Load(file, identifier, language string, resources []string) (*catalog.Function, bool, error) {
	path, name, ok := strings.Cut(strings.TrimPrefix(identifier, "wasm:"), "#")
	switch {
	case ok && (strings.HasPrefix(identifier, "wasm:") || language == "WASM"):
	case language == "WASM" && len(resources) == 1:
		path, name = resources[0], identifier
	case language == "WASM" || strings.HasPrefix(identifier, "wasm:"):
		return nil, false, fault.WithRemedy(fault.Newf(fault.Config, "%q names no function of a module", identifier), "write AS 'wasm:path/to/module.wasm#function'")
	default:
		return nil, false, nil
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(file), path)
	}
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, false, fault.Wrap(fault.Config, err, "read the module of function %s", name)
	}
	f, err := l.Function(code, name)
	return f, true, err
}

// Function makes the function name of a module.
func (l *Loader) Function(code []byte, name string) (*catalog.Function, error) {
	m := &module{code: code, limits: l.limits, cache: l.cache}
	in, err := m.start()
	if err != nil {
		return nil, err
	}
	defer in.close()
	text, err := in.text("freshet_functions")
	if err != nil {
		return nil, err
	}
	sigs, err := parseSignatures(text)
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "read the module's signatures")
	}
	var names []string
	for _, s := range sigs {
		if s.name == name {
			return m.function(s, in)
		}
		names = append(names, s.name)
	}
	remedy := fault.DidYouMean(name, names)
	if remedy == "" {
		remedy = "it has " + strings.Join(names, ", ")
	}
	return nil, fault.WithRemedy(fault.Newf(fault.Config, "the module has no function %s", name), remedy)
}

// module is the code of which instances are made.
type module struct {
	code   []byte
	limits Limits
	cache  wazero.CompilationCache
}

// instance is a running module. It is used by one goroutine.
type instance struct {
	limits Limits
	rt     wazero.Runtime
	mod    api.Module
	alloc  api.Function
	buf    []byte
}

func (m *module) start() (*instance, error) {
	ctx, stop := context.WithTimeout(context.Background(), m.limits.time())
	defer stop()
	cfg := wazero.NewRuntimeConfig().WithMemoryLimitPages(m.limits.pages()).WithCloseOnContextDone(true).WithCompilationCache(m.cache)
	rt := wazero.NewRuntimeWithConfig(ctx, cfg)
	in := &instance{limits: m.limits, rt: rt}
	fail := func(err error, deed string) (*instance, error) {
		in.close()
		return nil, fault.Wrap(fault.Config, err, "%s", deed)
	}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, rt); err != nil {
		return fail(err, "prepare WASI")
	}
	var err error
	if in.mod, err = rt.InstantiateWithConfig(ctx, m.code, wazero.NewModuleConfig().WithName("guest").WithStartFunctions("_initialize")); err != nil {
		return fail(err, "start the WebAssembly module")
	}
	if in.alloc = in.mod.ExportedFunction("freshet_alloc"); in.alloc == nil || in.mod.Memory() == nil {
		return fail(fault.Newf(fault.Config, "it exports no freshet_alloc or no memory"), "start the WebAssembly module")
	}
	return in, nil
}

func (in *instance) close() { _ = in.rt.Close(context.Background()) }

// call runs an exported function within the time limit.
func (in *instance) call(name string, args ...uint64) (uint64, error) {
	f := in.mod.ExportedFunction(name)
	if f == nil {
		return 0, fault.Newf(fault.Config, "the module does not export %s", name)
	}
	ctx, stop := context.WithTimeout(context.Background(), in.limits.time())
	defer stop()
	out, err := f.Call(ctx, args...)
	if err != nil {
		return 0, fault.Wrap(fault.Permanent, err, "call %s", name)
	}
	if len(out) != 1 {
		return 0, fault.Newf(fault.Config, "%s gives %d values, not one", name, len(out))
	}
	return out[0], nil
}

// put writes data into memory that the module gives and returns its address.
func (in *instance) put(data []byte) (uint32, error) {
	at, err := in.call("freshet_alloc", uint64(len(data)))
	if err != nil {
		return 0, err
	}
	if !in.mod.Memory().Write(uint32(at), data) {
		return 0, fault.Newf(fault.Permanent, "freshet_alloc gave an address outside the module's memory")
	}
	return uint32(at), nil
}

// bytes reads address<<32 | length; it is valid until the next call.
func (in *instance) bytes(packed uint64) ([]byte, error) {
	data, ok := in.mod.Memory().Read(uint32(packed>>32), uint32(packed))
	if !ok {
		return nil, fault.Newf(fault.Permanent, "the function gave %d bytes at %d, outside the module's memory", uint32(packed), packed>>32)
	}
	return data, nil
}

func (in *instance) text(name string) (string, error) {
	p, err := in.call(name)
	if err != nil {
		return "", err
	}
	data, err := in.bytes(p)
	return string(data), err
}
