package function

import (
	"slices"
	"strings"
)

// A Doc is what the reference page says of a function or operator.
type Doc struct {
	// Name is the catalogue's.
	Name string
	// Call is how it is written; each line is one way.
	Call string
	// Text says what it gives.
	Text string
	// Example is an expression over constants, or a query over the page's table orders. Result is what it gives as rows are printed, those of a query
	// separated by semicolons. A test runs all of them.
	Example, Result string
	// Null says when the result is NULL; empty: when an argument is.
	Null string
	// Since2 is true for what Flink has from 2.0 on and not in 1.20.
	Since2 bool
	// NotYet is true for what is refused when a statement is compiled.
	NotYet bool
}

// A DocGroup is a chapter of the reference page.
type DocGroup struct {
	Title, Intro string
	Docs         []Doc
}

// never is the Null of what always has a value.
const never = "never"

// Docs are the chapters of the reference page: an entry for every name of the catalogue, and the operators.
func Docs() []DocGroup {
	return []DocGroup{
		{"Comparison", "Two values are compared in their common type: numbers as numbers, a string next to a number, a date or a time as one.", comparisonDocs},
		{"Logic", "Three-valued: NULL stands for unknown.", logicDocs},
		{"Conditions", "Branches that a row does not reach are not computed for it.", conditionDocs},
		{"Numbers", "Integers wrap around. DECIMAL results that have no place in their type are NULL. Mathematical functions compute in DOUBLE.", numberDocs},
		{"Text", "Positions count characters from 1.", stringDocs},
		{"Regular expressions", "The syntax is Java's. Look-around, back references, possessive quantifiers and atomic groups are refused when the statement is compiled; from a column they are " +
			"an error of the row. A pattern that is none gives FALSE or NULL.", regexDocs},
		{"JSON", "Paths are `lax …` or `strict …`, strict by default.", jsonDocs},
		{"Hashes and encodings", "", hashDocs},
		{"Dates and times", "Zones are the session's, `table.local-time-zone`.", timeDocs},
		{"Conversion", "", castDocs},
		{"Arrays, maps and rows", "Positions count from 1. A map has no NULL key.", nestedDocs},
		{"Aggregates", "With `DISTINCT` and `FILTER (WHERE …)`. NULLs are left out, and without any row the result is NULL, if nothing else is said.", aggregateDocs},
		{"Windows and ranks", "", windowDocs},
		{"The statement", "", statementDocs},
	}
}

// Undocumented are the catalogue's names without an entry.
func Undocumented() []string {
	var out []string
	for _, name := range Names() {
		if _, ok := FindDoc(name); !ok && !strings.HasPrefix(name, "$") {
			out = append(out, name)
		}
	}
	return out
}

// FindDoc gives the entry of a function, upper case.
func FindDoc(name string) (Doc, bool) {
	for _, g := range Docs() {
		if k := slices.IndexFunc(g.Docs, func(d Doc) bool { return d.Name == name }); k >= 0 {
			return g.Docs[k], true
		}
	}
	return Doc{}, false
}

// DocTable and DocRows are the table orders of the examples, in DDL whose connector a test provides, and its rows.
const DocTable = "CREATE TABLE orders (id INT, shop STRING, price DECIMAL(10, 2), ts TIMESTAMP(3), WATERMARK FOR ts AS ts) WITH ('connector' = 'values')"

// DocRows are in the order in which they come.
var DocRows = []string{"1, a, 10.00, 2024-01-01T10:00:00", "2, a, 20.00, 2024-01-01T10:04:00", "3, b, 5.00, 2024-01-01T10:07:00", "4, b, NULL, 2024-01-01T10:12:00"}

// Query is the example as a query.
func (d Doc) Query() string {
	if strings.HasPrefix(d.Example, "SELECT ") {
		return d.Example
	}
	return "SELECT " + d.Example + " FROM (VALUES (1)) AS v(x)"
}

// Reference is the text of the reference page, without its first line.
func Reference() string {
	var b strings.Builder
	b.WriteString("# Functions\n\nEverything an expression may call, by group, with an example and its result; a test runs all examples. The result is NULL when an argument is, if nothing else is said. " +
		"Functions marked *2.0* are Flink's from 2.0 on.\n\nExamples that are queries read `orders (id, shop, price, ts)`:\n\n| id | shop | price | ts |\n|---|---|---|---|\n")
	for _, r := range DocRows {
		b.WriteString("| " + strings.ReplaceAll(r, ", ", " | ") + " |\n")
	}
	for _, g := range Docs() {
		b.WriteString("\n## " + g.Title + "\n")
		if g.Intro != "" {
			b.WriteString("\n" + g.Intro + "\n")
		}
		for _, d := range g.Docs {
			b.WriteString("\n**" + strings.ReplaceAll(d.Name, "*", `\*`) + "**")
			if d.Since2 {
				b.WriteString(" *2.0*")
			}
			b.WriteString("  \n")
			for _, c := range strings.Split(d.Call, "\n") {
				b.WriteString("`" + c + "`  \n")
			}
			b.WriteString(d.Text)
			switch d.Null {
			case "":
			case never:
				b.WriteString(" Never NULL.")
			default:
				b.WriteString(" NULL " + d.Null + ".")
			}
			if d.NotYet {
				b.WriteString(" Not yet: refused when the statement is compiled.\n")
				continue
			}
			b.WriteString("  \n`" + d.Example + "` → " + code(d.Result) + "\n")
		}
	}
	return b.String()
}

// code is text in Markdown's code, which may hold a backquote.
func code(s string) string {
	switch {
	case s == "":
		return "the empty text"
	case strings.Contains(s, "`"):
		return "`` " + s + " ``"
	}
	return "`" + s + "`"
}
