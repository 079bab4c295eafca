package bind

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

func lit(v any, t types.Type) *plan.Literal { return &plan.Literal{Value: v, T: t.AsNotNull()} }

func stringLit(s string) *plan.Literal {
	return lit(s, types.Type{Kind: types.Char, Precision: utf8.RuneCountInString(s)})
}

// number gives the literal's value; neg puts a minus before it, which matters for the smallest integers.
func (b *Binder) number(n *ast.NumberLit, neg bool) plan.Expr {
	text := n.Text
	if neg {
		text = "-" + text
	}
	whole, frac, _ := strings.Cut(text, ".")
	if n.Kind != ast.Approx && frac == "" { // 5. is an INT too
		if v, err := strconv.ParseInt(whole, 10, 64); err == nil {
			t := types.Of(types.BigInt)
			if v == int64(int32(v)) {
				t = types.Of(types.Int)
			}
			return lit(v, t)
		}
		b.errorf(n.Pos(), "number %s is out of BIGINT's range", n.Text)
		return poison()
	}
	if n.Kind == ast.Approx {
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			b.errorf(n.Pos(), "number %s is out of DOUBLE's range", n.Text)
			return poison()
		}
		return lit(f, types.Of(types.Double))
	}
	v, ok := new(big.Int).SetString(whole+frac, 10)
	if !ok && whole+frac != "" {
		v, ok = new(big.Int).SetString(strings.Replace(whole, "-", "-0", 1)+frac, 10)
	}
	if !ok {
		b.errorf(n.Pos(), "%s is not a number", n.Text)
		return poison()
	}
	digits := len(strings.TrimPrefix(whole, "-")) + len(frac) // as written: 0.1 has two
	if digits > 38 {
		b.errorf(n.Pos(), "number %s has more than 38 digits", n.Text)
		return poison()
	}
	return lit(v, types.DecimalOf(digits, len(frac)))
}

var layouts = map[string][]string{
	"DATE": {"2006-1-2"}, "TIME": {"15:4:5"}, "TIMESTAMP": {"2006-1-2 15:4:5", "2006-01-02T15:04:05", "2006-1-2"},
}

var samples = map[string]string{"DATE": "2024-02-29", "TIME": "12:30:00", "TIMESTAMP": "2024-02-29 12:30:00"}

func (b *Binder) timeLit(n *ast.TimeLit) plan.Expr {
	kind := strings.TrimSuffix(n.Kind, "_LTZ")
	var t time.Time
	var err error
	for _, l := range layouts[kind] {
		if t, err = time.Parse(l, strings.TrimLeft(n.Text, " ")); err == nil {
			break
		}
	}
	if err != nil {
		b.remedy(n.Pos(), "write it as "+n.Kind+" '"+samples[kind]+"'", "%s is not a %s", strconv.Quote(n.Text), n.Kind)
		return poison()
	}
	_, frac, _ := strings.Cut(n.Text, ".")
	switch n.Kind {
	case "DATE":
		return lit(t.Unix()/86400, types.Of(types.Date))
	case "TIME":
		ms := t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)).Milliseconds()
		return lit(ms, types.Of(types.Time)) // TIME(0) to Flink, with all its milliseconds
	case "TIMESTAMP_LTZ":
		return lit(t.UnixMicro(), types.TimestampLTZOf(min(6, len(frac))))
	}
	return lit(t.UnixMicro(), types.TimestampOf(min(6, len(frac))))
}

var unitMillis = map[string]int64{"WEEK": 7 * 86_400_000, "DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": 1000}
var unitMonths = map[string]int64{"YEAR": 12, "QUARTER": 3, "MONTH": 1}

func (b *Binder) interval(n *ast.IntervalLit) plan.Expr {
	v, err := parseInterval(n.Text, n.Unit)
	if err != nil {
		b.remedy(n.Pos(), "write it as INTERVAL '10' SECOND or INTERVAL '1 02:00:00' DAY TO SECOND", "interval '%s': %v", n.Text, err)
		return poison()
	}
	if n.Negative {
		v = -v
	}
	return lit(v, intervalType(n.Unit))
}

func intervalType(u *ast.IntervalUnit) types.Type {
	if unitMonths[u.From] > 0 {
		return types.Of(types.IntervalYearMonth)
	}
	return types.Of(types.IntervalDayTime)
}

// parseInterval reads the text of an interval: months, or milliseconds.
func parseInterval(text string, u *ast.IntervalUnit) (int64, error) {
	text = strings.TrimSpace(text)
	sign := int64(1)
	if rest, ok := strings.CutPrefix(text, "-"); ok {
		sign, text = -1, rest
	} else {
		text = strings.TrimPrefix(text, "+")
	}
	chain := []string{"DAY", "HOUR", "MINUTE", "SECOND"}
	if unitMonths[u.From] > 0 {
		chain = []string{"YEAR", "MONTH"}
	}
	want := []string{u.From}
	if u.To != "" {
		want = nil
		in := false
		for _, c := range chain {
			in = in || c == u.From
			if in {
				want = append(want, c)
			}
			if c == u.To {
				break
			}
		}
	}
	fields := strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ':' || r == '-' })
	if len(fields) != len(want) {
		return 0, fmt.Errorf("it wants %s", strings.Join(want, ", "))
	}
	total := int64(0)
	for i, f := range fields {
		whole, frac, hasFrac := strings.Cut(f, ".")
		v, err := strconv.ParseInt(whole, 10, 64)
		if err != nil || hasFrac && want[i] != "SECOND" {
			return 0, fmt.Errorf("%q is not a number of %sS", f, want[i])
		}
		if m := unitMonths[want[i]]; m > 0 {
			total += v * m
			continue
		}
		total += v * unitMillis[want[i]]
		if hasFrac {
			ms, err := strconv.ParseInt((frac + "000")[:3], 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%q is not a number of SECONDS", f)
			}
			total += ms
		}
	}
	return sign * total, nil
}
