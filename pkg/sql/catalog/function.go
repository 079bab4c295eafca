package catalog

import "github.com/freshet-dw/freshet/pkg/sql/types"

// FunctionKind tells what a user's function gives.
type FunctionKind uint8

// A scalar function gives a value a row, a table function rows of columns, an aggregate a value a group.
const (
	ScalarFunction FunctionKind = iota
	TableFunction
	AggregateFunction
)

func (k FunctionKind) String() string {
	return [...]string{"scalar function", "table function", "aggregate function"}[k]
}

// Function is a user's function as the planner knows it.
type Function struct {
	Name string
	Kind FunctionKind
	// Params are the types of the arguments, which are cast to them. With Variadic the last one may come any number of times.
	Params   []types.Type
	Variadic bool
	// Result is the value's type; of a table function a ROW of its columns.
	Result types.Type
	// Volatile functions give different values for the same arguments: they are neither folded nor moved.
	Volatile bool
	// Retract and Merge say what an aggregate can do besides adding: take rows back, put two states together.
	Retract, Merge bool
	// Impl is what the engine runs; package engine/udf knows it.
	Impl any
}

// Functions finds what CREATE FUNCTION names, and what needs no CREATE FUNCTION.
type Functions interface {
	// Builtin is a function that is there from the start, nil if there is none of the name, which is upper case.
	Builtin(name string) *Function
	// Load finds the function that identifier, AS '…', means in language; resources are the paths of USING, file is the SQL file.
	Load(file, identifier, language string, resources []string) (*Function, error)
	// Names are the names of the functions that are there from the start, sorted.
	Names() []string
}
