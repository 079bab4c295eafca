// Package ast is the unbound tree of a Flink SQL file: what was written, with the place of every node, before names and
// types are resolved.
//
// Nodes are plain structs behind pointers. A tree prints back to SQL ([String]) so that parsing the print gives an equal
// tree; comments, letter case of keywords and redundant parentheses are not kept. [Walk] visits a tree, [Dump] shows its
// shape. The package decides nothing about names, types or what the engine can run.
package ast

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// Pos is a place in a SQL file; lines and columns count from 1, columns in characters.
type Pos = catalog.Pos

// Loc is the stretch of text that a node was written as. End is the place just after its last character.
type Loc struct {
	Start, End Pos
}

// Pos is the place of the node's first character.
func (l *Loc) Pos() Pos { return l.Start }

// EndPos is the place just after the node's last character.
func (l *Loc) EndPos() Pos { return l.End }

// Node is any node of the tree.
type Node interface {
	Pos() Pos
	EndPos() Pos
}

// Statement is one statement of a file.
type Statement interface {
	Node
	statement()
}

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// TableRef is an item of FROM.
type TableRef interface {
	Node
	tableRef()
}

// QueryBody is what stands under WITH, ORDER BY and LIMIT: *Select, *SetOp, *Values, *TableQuery, or *Query in parentheses.
type QueryBody interface {
	Node
	queryBody()
}

// Ident is one identifier, case kept. Quoted tells that it was written in back-quotes.
type Ident struct {
	Loc
	Name   string
	Quoted bool
}

// Name is a possibly qualified name: a column, a nested field (x.y.z), a table or a function. As an expression it is a
// column reference. It has at least one part.
type Name struct {
	Loc
	Parts []*Ident
}

// Last is the rightmost part.
func (n *Name) Last() string { return n.Parts[len(n.Parts)-1].Name }

// Strings gives the parts without their places.
func (n *Name) Strings() []string {
	s := make([]string, len(n.Parts))
	for i, p := range n.Parts {
		s[i] = p.Name
	}
	return s
}

// Dotted joins the parts with dots, unquoted: for messages and map keys.
func (n *Name) Dotted() string { return strings.Join(n.Strings(), ".") }

// Option is one 'key' = 'value' of WITH, a hint, a partition or SET.
type Option struct {
	Loc
	Key, Value *StringLit
}

// Hint is one /*+ NAME(...) */ hint. OPTIONS and STATE_TTL have Options; others have Args as written (identifiers, strings, numbers);
// LOOKUP('k'='v') has Options too.
type Hint struct {
	Loc
	Name    *Ident
	Options []*Option
	Args    []Expr
}
