// Package plan holds the bound, typed plan of a SQL job: expressions, nodes and their printed form. It is data, without
// behaviour that needs a client or Arrow: sql/bind and sql/optimize make it, the engine runs it.
package plan

import (
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Expr is a typed scalar expression over the columns of a node's input.
type Expr interface {
	Type() types.Type
	String() string
}

// ColRef is input column Index.
type ColRef struct {
	Index int
	Name  string
	T     types.Type
}

// Literal is a constant. Value by kind: nil for NULL; bool; int64 for integers, DATE (days), TIME (ms), TIMESTAMP and
// TIMESTAMP_LTZ (microseconds since the epoch), intervals (months, or milliseconds); float64; *big.Int for DECIMAL
// (unscaled, T.Scale digits); string; []byte.
type Literal struct {
	Value any
	T     types.Type
}

// Call applies a function or operator. Func is its canonical upper-case name. Operators and special forms:
//
//	"+", "-", "*", "/", "%" (two arguments), "NEG"
//	"=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"
//	"AND", "OR" (two or more), "NOT"
//	"IS NULL", "IS NOT NULL", "IS TRUE", "IS NOT TRUE", "IS FALSE", "IS NOT FALSE", "IS UNKNOWN", "IS NOT UNKNOWN"
//	"CASE": when1, then1, when2, then2, …, else
//	"CAST", "TRY_CAST": one argument, to T
//	"IN": needle, then the literals; "LIKE": value, pattern[, escape]; "BETWEEN" is rewritten to comparisons
//	"ROW", "ARRAY", "MAP" (k, v, …); "FIELD": row, Literal(int64 index from 0); "ITEM": array or map, index or key
//	"EXTRACT": Literal(unit), temporal; "FLOOR", "CEIL": value[, Literal(unit)]
//	"TIMESTAMPADD", "TIMESTAMPDIFF": Literal(unit), …; datetime ± interval is "+" or "-"
//	"||" is CONCAT with null in, null out
//	"SIMILAR TO", "RLIKE", "IS JSON", "IS JSON VALUE|OBJECT|ARRAY|SCALAR" are calls like others
//	"TRIM", "LTRIM", "RTRIM": value; "BTRIM", "LTRIM", "RTRIM": value, characters
//	"JSON_VALUE": value, path[, on empty, default, on error, default]; "JSON_QUERY": value, path[, wrapper, on empty, on error];
//	"JSON_EXISTS": value, path[, on error]; "JSON_OBJECT", "JSON_ARRAY": on null, then keys and values, or values
//	"$BUCKET": value, n: a number 0…n-1 by the value's hash
//	"$TIMES": n: an array of n elements, for UNNEST to make n rows of
//
// IF and NULLIF come as CASE, IFNULL as COALESCE, YEAR(x) and its like as EXTRACT, MOD as "%", synonyms under one name.
//
// The binder inserts CASTs so that both sides of an operator have the type that Flink's rules give; the evaluator may rely
// on that (except date-time ± interval, and DECIMAL arithmetic where operands keep their own precision and T is the result).
type Call struct {
	Func string
	Args []Expr
	T    types.Type
}

func (e *ColRef) Type() types.Type  { return e.T }
func (e *Literal) Type() types.Type { return e.T }
func (e *Call) Type() types.Type    { return e.T }

// AggCall is one aggregate of a GroupAgg or WindowAgg. Args and Filter are input column indexes (Filter -1: none).
// Func: COUNT (no Args: COUNT(*)), SUM, SUM0, MIN, MAX, AVG, FIRST_VALUE, LAST_VALUE, LISTAGG, …
type AggCall struct {
	Func     string
	Args     []int
	Distinct bool
	Filter   int
	T        types.Type
	Name     string
}
