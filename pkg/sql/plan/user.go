package plan

import "strings"

// A call of a user's function has the function's name, a key of Plan.Functions, behind one of these.
const (
	userCall     = "user:"
	volatileCall = "volatile:"
)

// UserCall is Call.Func, AggCall.Func or Correlate.Func of the user's function name.
func UserCall(name string, volatile bool) string {
	if volatile {
		return volatileCall + name
	}
	return userCall + name
}

// UserFunction splits what UserCall made.
func UserFunction(fn string) (name string, volatile, ok bool) {
	if name, ok = strings.CutPrefix(fn, userCall); ok {
		return name, false, true
	}
	name, ok = strings.CutPrefix(fn, volatileCall)
	return name, ok, ok
}
