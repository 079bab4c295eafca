package lookup

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// keys reads a table's keys. A key has one text: 017 and 17 are the same BIGINT and so the same key, "17". Other types than whole numbers
// and strings are read by SQL's CAST, whose result is printed again.
type keys struct {
	names []string
	types []types.Type
	cast  []bool // by CAST

	mu    sync.Mutex // a Set is for one goroutine
	parse *expr.Set  // TRY_CAST of every column that is no string
}

func newKeys(names []string, ts []types.Type, zone *time.Location) (*keys, error) {
	k := &keys{names: names, types: ts}
	var es []plan.Expr
	for i, t := range ts {
		in := &plan.ColRef{Index: i, Name: names[i], T: types.String()}
		switch {
		case t.IsString():
			es = append(es, in)
		case t.Kind >= types.Array || t.Kind == types.Null:
			return nil, fault.Newf(fault.Config, "key column %s is %s, which has no text form", names[i], t)
		default:
			es = append(es, &plan.Call{Func: "TRY_CAST", Args: []plan.Expr{in}, T: t.AsNullable()})
		}
		k.cast = append(k.cast, !t.IsString() && !t.IsInteger())
	}
	var err error
	k.parse, err = expr.CompileAll(es, expr.Options{Zone: zone})
	return k, err
}

// canonical gives the one text of a key whose columns are parts.
func (k *keys) canonical(parts []string) (string, error) {
	if len(parts) != len(k.types) {
		return "", fault.WithRemedy(fault.Newf(fault.Data, "a key has %d parts (%s), not %d", len(k.types), strings.Join(k.names, ", "), len(parts)), "give them in this order")
	}
	if len(parts) == 1 {
		return k.part(0, parts[0])
	}
	out := make([]byte, 0, 32)
	for i, p := range parts {
		text, err := k.part(i, p)
		if err != nil {
			return "", err
		}
		out = join(out, text)
	}
	return string(out), nil
}

// join appends a part of a key of several: its length, so that no two keys have one text.
func join(out []byte, part string) []byte {
	return append(append(strconv.AppendInt(out, int64(len(part)), 10), ':'), part...)
}

// split takes a canonical key apart again.
func (k *keys) split(key string) []string {
	if len(k.types) == 1 {
		return []string{key}
	}
	var parts []string
	for key != "" {
		n, rest, _ := strings.Cut(key, ":")
		size, _ := strconv.Atoi(n) // join wrote it
		parts, key = append(parts, rest[:size]), rest[size:]
	}
	return parts
}

func (k *keys) part(i int, text string) (string, error) {
	t := k.types[i]
	switch {
	case k.cast[i]:
		cols, err := k.eval([]string{text}, i)
		if err != nil {
			return "", err
		}
		if cols.IsNull(0) {
			return "", k.bad(i, text)
		}
		return batch.ValueString(cols, 0), nil
	case t.IsInteger():
		n, err := strconv.ParseInt(text, 10, 8<<(t.Kind-types.TinyInt))
		if err != nil {
			return "", k.bad(i, text)
		}
		if c := text[0]; c == '+' || (c == '0' || c == '-') && len(text) > 1 {
			return strconv.FormatInt(n, 10), nil
		}
	}
	return text, nil
}

func (k *keys) bad(i int, text string) error {
	return fault.Newf(fault.Data, "key column %s is %s: %q is none", k.names[i], k.types[i].AsNullable(), text)
}

// eval reads texts as column i alone.
func (k *keys) eval(texts []string, i int) (arrow.Array, error) {
	cols := make([]arrow.Array, len(k.types))
	for c := range cols {
		cols[c] = stringsOf(texts)
	}
	out, err := k.run(cols, len(texts))
	if err != nil {
		return nil, err
	}
	return out[i], nil
}

func (k *keys) run(cols []arrow.Array, n int) ([]arrow.Array, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.parse.Eval(&expr.Context{Now: time.Now()}, cols, n)
}

// columns are the keys as the store is asked for them.
func (k *keys) columns(canonical []string) (*batch.Batch, error) {
	texts := make([][]string, len(k.types))
	for _, key := range canonical {
		if len(k.types) == 1 {
			texts[0] = append(texts[0], key)
			continue
		}
		for i, p := range k.split(key) {
			texts[i] = append(texts[i], p)
		}
	}
	cols := make([]arrow.Array, len(texts))
	for i, t := range texts {
		cols[i] = stringsOf(t)
	}
	cols, err := k.run(cols, len(canonical))
	if err != nil {
		return nil, err
	}
	return batch.New(len(canonical), cols...), nil
}

// ofRow is the canonical key in row r of columns of the key's types; false when a part is null, which no key is.
func (k *keys) ofRow(cols []arrow.Array, r int) (string, bool) {
	var out []byte
	for _, c := range cols {
		if c.IsNull(r) {
			return "", false
		}
		text := batch.ValueString(c, r)
		if len(cols) == 1 {
			return text, true
		}
		out = join(out, text)
	}
	return string(out), true
}

func stringsOf(texts []string) arrow.Array {
	b := batch.NewBuilder(arrow.BinaryTypes.String)
	for _, t := range texts {
		b.Cols[0].(*array.StringBuilder).Append(t)
		b.RowDone(batch.Insert, -1)
	}
	return b.Build().Cols[0]
}
