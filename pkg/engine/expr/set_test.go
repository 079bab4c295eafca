package expr_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/engine/kernel/kerneltest"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func parse(s string) (plan.Expr, []arrow.Array) {
	r := &reader{s: s}
	e := r.expr()
	return e, r.cols
}

func TestFilterSelectsTrueOnly(t *testing.T) {
	e, cols := parse(">(INT[1 null 5 7], 4):BOOLEAN")
	f, err := expr.CompileFilter(e, expr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sel, err := f.Select(nil, cols, 4, nil)
	if err != nil || !slices.Equal(sel, []int32{2, 3}) {
		t.Errorf("selected %v, %v", sel, err)
	}
	e, _ = parse("+(INT[1], 4):INT")
	if _, err := expr.CompileFilter(e, expr.Options{}); fault.KindOf(err) != fault.Config {
		t.Errorf("a condition that is a number: %v", err)
	}
}

func TestCommonPartsAreComputedOnce(t *testing.T) {
	// RAND is computed per call; what is computed from one column's expression twice is the same array.
	col := &plan.ColRef{Index: 0, Name: "s", T: types.String()}
	upper := func() plan.Expr { return &plan.Call{Func: "UPPER", Args: []plan.Expr{col}, T: types.String()} }
	set, err := expr.CompileAll([]plan.Expr{upper(), upper()}, expr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err := set.Eval(nil, []arrow.Array{kerneltest.Column(t, "string:[a null]")}, 2)
	if err != nil {
		t.Fatal(err)
	}
	if out[0] != out[1] {
		t.Error("UPPER(s) was computed twice")
	}
	u := func() plan.Expr { return &plan.Call{Func: "UUID", T: types.String()} }
	set, err = expr.CompileAll([]plan.Expr{u(), u()}, expr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, err = set.Eval(nil, nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range out {
		for i := 0; i < 2; i++ {
			seen[a.ValueStr(i)] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("4 UUIDs are %d different ones", len(seen))
	}
}

func TestConst(t *testing.T) {
	for text, want := range map[string]any{
		"+(1, 2):INT": int64(3), "UPPER('a'):STRING": "A", "+(1, NULL):INT": nil, "AND(TRUE, NULL):BOOLEAN": nil,
		"TO_DATE('2024-01-01'):DATE": int64(19723), "CAST('1.5'):DOUBLE": 1.5,
	} {
		e, _ := parse(text)
		if l, ok := expr.Const(e, expr.Options{}); !ok || l.Value != want {
			t.Errorf("%s = %v, %v; want %v", text, l, ok, want)
		}
	}
	for _, text := range []string{"/(1, 0):INT", "RAND():DOUBLE", "CURRENT_DATE():DATE", "+(INT[1], 2):INT", "UUID():STRING", "PROCTIME():TIMESTAMP_LTZ(3)"} {
		e, _ := parse(text)
		if l, ok := expr.Const(e, expr.Options{}); ok {
			t.Errorf("%s is no constant, got %v", text, l.Value)
		}
	}
}

func TestErrorKinds(t *testing.T) {
	e, cols := parse("/(INT[1], INT[0]):INT")
	p, err := expr.Compile(e, expr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = p.Eval(nil, cols, 1); !errors.Is(err, expr.ErrDivideByZero) || fault.KindOf(err) != fault.Permanent {
		t.Errorf("division by zero: %v of kind %s", err, fault.KindOf(err))
	}
	e, cols = parse("CAST(STRING[x]):INT")
	if p, err = expr.Compile(e, expr.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err = p.Eval(nil, cols, 1); !errors.Is(err, expr.ErrCast) || fault.KindOf(err) != fault.Permanent {
		t.Errorf("cast: %v of kind %s", err, fault.KindOf(err))
	}
	e, _ = parse("UPER(STRING[x]):STRING")
	if _, err = expr.Compile(e, expr.Options{}); fault.KindOf(err) != fault.Config || fault.RemedyOf(err) == "" {
		t.Errorf("unknown function: %v, remedy %q", err, fault.RemedyOf(err))
	}
}

func TestClockAndWatermark(t *testing.T) {
	w := int64(1_000_000)
	e, cols := parse("CURRENT_WATERMARK(TIMESTAMP(3)[null]):TIMESTAMP(3)")
	p, err := expr.Compile(e, expr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Eval(&expr.Context{Now: now, Watermark: &w}, cols, 1)
	if err != nil || kerneltest.Format(a) != "[1970-01-01T00:00:01]" {
		t.Errorf("%v, %v", a, err)
	}
	// The same program follows the clock.
	e, _ = parse("UNIX_TIMESTAMP():BIGINT")
	if p, err = expr.Compile(e, expr.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, sec := range []int64{5, 7} {
		a, err := p.Eval(&expr.Context{Now: time.Unix(sec, 0)}, nil, 2)
		if err != nil || a.Len() != 2 || a.ValueStr(1) != string(rune('0'+sec)) {
			t.Errorf("%v, %v", a, err)
		}
	}
}

func TestEmptyBatch(t *testing.T) {
	for _, text := range []string{"CASE(=(INT[], 0):BOOLEAN, 'a', 'b'):STRING", "UPPER(STRING[]):STRING", "+(INT[], 1):INT", "CURRENT_DATE():DATE",
		"COALESCE(INT[], 1):INT", "ARRAY(INT[], 2):ARRAY<INT>", "ITEM(MAP<STRING,INT>[], 'a'):INT"} {
		e, cols := parse(text)
		p, err := expr.Compile(e, expr.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if a, err := p.Eval(nil, cols, 0); err != nil || a.Len() != 0 {
			t.Errorf("%s: %v, %v", text, a, err)
		}
	}
}

func TestFunctionsAreSortedAndKnown(t *testing.T) {
	names := expr.Functions()
	if !slices.IsSorted(names) || !slices.Contains(names, "SUBSTRING") || !slices.Contains(names, "CASE") {
		t.Errorf("%v", names)
	}
}
