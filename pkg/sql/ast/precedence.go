package ast

// Binding strengths of operators, as in Calcite: a higher one binds tighter. All infix operators group to the left.
const (
	PrecMultisetUnion     = 14 // MULTISET UNION, MULTISET EXCEPT
	PrecMultisetIntersect = 18
	PrecOr                = 22
	PrecAnd               = 24
	PrecNot               = 26
	PrecIs                = 28 // IS NULL, …: after its operand
	PrecCompare           = 30 // =, <, IS DISTINCT FROM, MEMBER OF, OVERLAPS, …
	PrecIn                = 32 // IN, BETWEEN, LIKE, SIMILAR TO
	PrecAdd               = 40
	PrecMul               = 60 // also ||
	PrecSign              = 80
	PrecAccess            = 100 // [i], .f
)

// BinaryPrecedence is the strength of a Binary's Op.
func BinaryPrecedence(op string) int {
	switch op {
	case "OR":
		return PrecOr
	case "AND":
		return PrecAnd
	case "+", "-":
		return PrecAdd
	case "*", "/", "%", "||":
		return PrecMul
	case "MULTISET UNION", "MULTISET UNION ALL", "MULTISET UNION DISTINCT",
		"MULTISET EXCEPT", "MULTISET EXCEPT ALL", "MULTISET EXCEPT DISTINCT":
		return PrecMultisetUnion
	case "MULTISET INTERSECT", "MULTISET INTERSECT ALL", "MULTISET INTERSECT DISTINCT":
		return PrecMultisetIntersect
	}
	return PrecCompare
}

// Precedence is the strength of an expression's outermost operator; what needs no parentheses anywhere has PrecAccess.
func Precedence(x Expr) int {
	switch x := x.(type) {
	case *Binary:
		return BinaryPrecedence(x.Op)
	case *Unary:
		switch x.Op {
		case "NOT":
			return PrecNot
		case "-", "+":
			return PrecSign
		}
	case *Is:
		return PrecIs
	case *In, *Between, *Like:
		return PrecIn
	case *Quantified:
		return PrecCompare
	}
	return PrecAccess
}
