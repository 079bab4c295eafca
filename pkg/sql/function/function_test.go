package function

import (
	"slices"
	"strings"
	"testing"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// TestSignatures calls every overload with arguments of just the kinds it names: the table holds no unknown letter or result.
func TestSignatures(t *testing.T) {
	of := map[byte]types.Type{'s': types.String(), 'n': types.DecimalOf(10, 2), 'i': types.Of(types.Int), 'l': types.Of(types.BigInt),
		'd': types.Of(types.Double), 'b': types.Of(types.Boolean), 'z': types.Bytes(), 't': types.TimestampOf(3), 'L': types.TimestampLTZOf(3),
		'D': types.Of(types.Date), 'T': types.TimestampOf(3), 'a': types.ArrayOf(types.Of(types.Int)), 'm': types.MapOf(types.String(), types.Of(types.Int)),
		'x': types.Of(types.Int), 'c': types.ArrayOf(types.Of(types.Int)), 'e': types.Of(types.Int), 'E': types.Of(types.Int), 'S': types.String(), 'A': types.ArrayOf(types.Of(types.Int)), 'M': types.MapOf(types.String(), types.Of(types.Int))}
	for _, s := range signatures {
		var args []plan.Expr
		for i := range len(s.Params) {
			if at, ok := of[s.Params[i]]; ok {
				args = append(args, &plan.ColRef{Index: len(args), T: at})
			} else if !strings.ContainsRune("?*", rune(s.Params[i])) {
				t.Errorf("%s: letter %q", s.Name, s.Params[i])
			}
		}
		e, ok := s.apply(args)
		if !ok {
			t.Errorf("%s cannot take its own arguments", s)
			continue
		}
		if e.Type().Kind == types.Null {
			t.Errorf("%s: result %q is not a type", s, s.Result)
		}
	}
}

func TestSynonymsAreKnown(t *testing.T) {
	names := Names()
	for from, to := range synonyms {
		if !slices.Contains(names, from) || to != "%" && !slices.Contains(names, to) {
			t.Errorf("%s or %s is not among the names", from, to)
		}
	}
	for name := range parts {
		if !slices.Contains(names, name) {
			t.Errorf("%s is not among the names", name)
		}
	}
}

func TestUnknownNamesTheNearest(t *testing.T) {
	if got := fault.RemedyOf(Unknown("COALESC")); got != "did you mean COALESCE?" {
		t.Error(got)
	}
}

func TestDecimalRules(t *testing.T) {
	d := types.DecimalOf
	for _, c := range []struct {
		op         string
		a, b, want types.Type
	}{
		{"+", d(10, 2), d(5, 4), d(13, 4)},
		{"*", d(10, 2), d(5, 4), d(16, 6)},
		{"/", d(10, 2), d(5, 4), d(20, 8)},
		{"%", d(10, 2), d(5, 4), d(5, 4)},
		{"+", d(38, 10), d(38, 10), d(38, 9)}, {"+", d(38, 10), d(38, 2), d(38, 6)},
		{"*", d(38, 10), d(38, 10), d(38, 6)},
		{"/", d(38, 18), d(20, 0), d(38, 18)},
	} {
		if got := DecimalOp(c.op, c.a, c.b); !got.Equal(c.want) {
			t.Errorf("%s %s %s is %s, want %s", c.a, c.op, c.b, got, c.want)
		}
	}
}

func TestCommon(t *testing.T) {
	for _, c := range []struct {
		a, b types.Type
		want string
	}{
		{types.Of(types.TinyInt), types.Of(types.BigInt), "BIGINT"},
		{types.Of(types.Int), types.DecimalOf(10, 2), "DECIMAL(12, 2)"},
		{types.Of(types.Int), types.Of(types.Float), "FLOAT"},
		{types.DecimalOf(10, 2), types.Of(types.Float), "DOUBLE"},
		{types.Type{Kind: types.Char, Precision: 3}, types.Type{Kind: types.Char, Precision: 5}, "VARCHAR(5)"},
		{types.Of(types.Date), types.TimestampOf(3), ""},
		{types.TimestampOf(6), types.TimestampLTZOf(3), "TIMESTAMP(6)"},
		{types.Of(types.Float), types.Of(types.Double), "FLOAT"},
		{types.Of(types.Double), types.Of(types.Float), "DOUBLE"},
		{types.Type{}, types.Of(types.Int).AsNotNull(), "INT"},
		{types.Of(types.Boolean), types.Of(types.Int), ""},
		{types.ArrayOf(types.Of(types.Int)), types.ArrayOf(types.Of(types.BigInt)), "ARRAY<BIGINT>"},
		{types.RowOf(types.Field{Name: "a", Type: types.Of(types.Int)}), types.RowOf(types.Field{Name: "b", Type: types.Of(types.Double)}), "ROW<`a` DOUBLE>"},
	} {
		got, ok := Common(c.a, c.b)
		if ok != (c.want != "") || ok && got.String() != c.want {
			t.Errorf("%s and %s: %s, want %s", c.a, c.b, got, c.want)
		}
	}
}
