package plan

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// String prints the column's name, or $index when it has none.
func (e *ColRef) String() string {
	if e.Name == "" {
		return "$" + strconv.Itoa(e.Index)
	}
	return e.Name
}

// String prints the constant as SQL would write it.
func (e *Literal) String() string {
	switch v := e.Value.(type) {
	case nil:
		return "NULL"
	case bool:
		return strings.ToUpper(strconv.FormatBool(v))
	case int64:
		return intLiteral(v, e.T)
	case float64:
		return strconv.FormatFloat(v, 'E', -1, 64)
	case *big.Int:
		return DecimalString(v, e.T.Scale)
	case string:
		return quote(v)
	case []byte:
		return fmt.Sprintf("X'%X'", v)
	}
	return fmt.Sprintf("%v", e.Value)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func intLiteral(v int64, t types.Type) string {
	switch t.Kind {
	case types.Date:
		return "DATE '" + time.Unix(v*86400, 0).UTC().Format("2006-01-02") + "'"
	case types.Time:
		return "TIME '" + time.UnixMilli(v).UTC().Format("15:04:05.999") + "'"
	case types.Timestamp:
		return "TIMESTAMP '" + time.UnixMicro(v).UTC().Format("2006-01-02 15:04:05.999999") + "'"
	case types.TimestampLTZ:
		return "TIMESTAMP_LTZ '" + time.UnixMicro(v).UTC().Format("2006-01-02 15:04:05.999999") + "Z'"
	case types.IntervalYearMonth:
		return fmt.Sprintf("INTERVAL '%d' MONTH", v)
	case types.IntervalDayTime:
		if v%1000 == 0 {
			return fmt.Sprintf("INTERVAL '%d' SECOND", v/1000)
		}
		return fmt.Sprintf("INTERVAL '%s' SECOND", strconv.FormatFloat(float64(v)/1000, 'f', -1, 64))
	}
	return strconv.FormatInt(v, 10)
}

// DecimalString prints an unscaled decimal with scale digits after the point.
func DecimalString(v *big.Int, scale int) string {
	s := new(big.Int).Abs(v).String()
	if scale > 0 {
		if len(s) <= scale {
			s = strings.Repeat("0", scale-len(s)+1) + s
		}
		s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	}
	if v.Sign() < 0 {
		s = "-" + s
	}
	return s
}

// infix holds the operators that print between their operands.
func infix(f string) bool {
	switch f {
	case "+", "-", "*", "/", "%", "=", "<>", "<", "<=", ">", ">=", "AND", "OR", "||", "IS DISTINCT FROM", "IS NOT DISTINCT FROM":
		return true
	}
	return false
}

// String prints the call as SQL would write it; operands that are operators themselves stand in parentheses.
func (e *Call) String() string {
	args := make([]string, len(e.Args))
	for i, a := range e.Args {
		args[i] = a.String()
	}
	if name, _, ok := UserFunction(e.Func); ok {
		return name + "(" + strings.Join(args, ", ") + ")"
	}
	switch {
	case infix(e.Func) && len(args) >= 2:
		return strings.Join(operands(e.Args), " "+e.Func+" ")
	case strings.HasPrefix(e.Func, "IS ") && len(args) == 1:
		return operands(e.Args)[0] + " " + e.Func
	}
	switch e.Func {
	case "NEG":
		return "-" + operands(e.Args)[0]
	case "NOT":
		return "NOT " + operands(e.Args)[0]
	case "CAST", "TRY_CAST":
		return e.Func + "(" + args[0] + " AS " + e.T.AsNullable().String() + ")"
	case "CASE":
		var b strings.Builder
		b.WriteString("CASE")
		for i := 0; i+1 < len(args); i += 2 {
			b.WriteString(" WHEN " + args[i] + " THEN " + args[i+1])
		}
		return b.String() + " ELSE " + args[len(args)-1] + " END"
	case "IN":
		return operands(e.Args)[0] + " IN (" + strings.Join(args[1:], ", ") + ")"
	case "LIKE":
		s := operands(e.Args)[0] + " LIKE " + args[1]
		if len(args) > 2 {
			s += " ESCAPE " + args[2]
		}
		return s
	case "FIELD":
		if i, ok := e.Args[1].(*Literal); ok {
			if n, ok := i.Value.(int64); ok && int(n) < len(e.Args[0].Type().Fields) {
				return operands(e.Args)[0] + "." + e.Args[0].Type().Fields[n].Name
			}
		}
	case "ITEM":
		return operands(e.Args)[0] + "[" + args[1] + "]"
	case "EXTRACT":
		return "EXTRACT(" + unit(e.Args[0]) + " FROM " + args[1] + ")"
	case "FLOOR", "CEIL":
		if len(args) == 2 {
			return e.Func + "(" + args[0] + " TO " + unit(e.Args[1]) + ")"
		}
	case "TIMESTAMPADD", "TIMESTAMPDIFF":
		args[0] = unit(e.Args[0])
	}
	return e.Func + "(" + strings.Join(args, ", ") + ")"
}

// unit prints a time unit literal without quotes.
func unit(e Expr) string {
	if l, ok := e.(*Literal); ok {
		if s, ok := l.Value.(string); ok {
			return s
		}
	}
	return e.String()
}

func operands(args []Expr) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = a.String()
		if c, ok := a.(*Call); ok && (infix(c.Func) || c.Func == "NOT" || c.Func == "LIKE" || c.Func == "IN" || strings.HasPrefix(c.Func, "IS ")) {
			out[i] = "(" + out[i] + ")"
		}
	}
	return out
}

// String prints the call with column names of in: "COUNT(DISTINCT mid) FILTER (WHERE paid)".
func (a AggCall) String(in Schema) string {
	var b strings.Builder
	name := a.Func
	if user, _, ok := UserFunction(name); ok {
		name = user
	}
	b.WriteString(name + "(")
	if a.Distinct {
		b.WriteString("DISTINCT ")
	}
	if len(a.Args) == 0 {
		b.WriteString("*")
	}
	b.WriteString(strings.Join(in.Names(a.Args), ", ") + ")")
	if a.Filter >= 0 {
		b.WriteString(" FILTER (WHERE " + in.Name(a.Filter) + ")")
	}
	return b.String()
}

// Name is column i's name, or $i.
func (s Schema) Name(i int) string {
	if i < 0 || i >= len(s) || s[i].Name == "" {
		return "$" + strconv.Itoa(i)
	}
	return s[i].Name
}

// Names are the names of columns cols.
func (s Schema) Names(cols []int) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = s.Name(c)
	}
	return out
}

// String prints the columns as they would be declared.
func (s Schema) String() string {
	out := make([]string, len(s))
	for i, c := range s {
		out[i] = s.Name(i) + " " + c.Type.String()
	}
	return strings.Join(out, ", ")
}
