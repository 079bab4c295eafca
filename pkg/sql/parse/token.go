package parse

import (
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
)

type tokenKind uint8

const (
	tEOF tokenKind = iota
	tWord
	tQuoted // `…`
	tInteger
	tDecimal
	tApprox
	tString
	tUnicode // U&'…', still escaped
	tBytes
	tOp        // punctuation and operators
	tHintStart // /*+
	tHintEnd   // */ of a hint
	tBad       // val is what is wrong
)

// token is one lexeme. text is as written; val is the value of a string or quoted identifier; kw is the upper-case word
// when it is one the grammar knows.
type token struct {
	kind            tokenKind
	text, val, kw   string
	line, col       int32
	endLine, endCol int32
	remedy          string // tBad
}

// contextWords are the words that the grammar gives a meaning in some place without reserving them.
const contextWords = `A ABSENT ADD AFTER ALWAYS ANALYZE APPLY ARCHIVE ASC BERNOULLI CASCADE CATALOG CHANGELOG_MODE COLUMNS COMPILE COMPUTE
CONDITIONAL CONSTRAINTS DATABASE DESC DESCRIPTOR DRAIN ENFORCED ERROR ESTIMATED_COST EXCLUDING FILE FINAL FIRST
FOLLOWING FORMAT GENERATED GO IF IGNORE ILIKE IMMEDIATELY INCLUDING JAR JARS JAVA JOB JOBS JSON JSON_EXECUTION_PLAN KEY LAST LOAD
MAP METADATA NULLS OBJECT OPTIONS ORDINALITY OVERWRITE OVERWRITING PARTITIONED PARTITIONS PASSING PAST PLACING PLAN
PLAN_ADVICE PRECEDING PYTHON QUARTER REMOVE REPEATABLE REPLACE RESPECT RESTRICT RETURNING RLIKE SCALAR SETS STATEMENT
STATISTICS STOP TEMPORARY TIES TIMESTAMPADD TIMESTAMPDIFF TYPE UNBOUNDED UNCONDITIONAL UNLOAD VIEW VIRTUAL WASM WEEK WRAPPER YEARS MONTHS
DAYS HOURS MINUTES SECONDS WEEKS QUARTERS MILLISECOND MICROSECOND NANOSECOND EPOCH DECADE CENTURY MILLENNIUM DOW DOY ISODOW
ISOYEAR ZONE DISTRIBUTION EXCLUDE CONTINUE CHARACTERISTICS DEFINER ORDINAL DESCRIPTION LAYER FUNCTIONS USING QUALIFY BREADTH INPUT UNMATCHED`

// vocabulary maps each known word to itself, so that a lookup shares one string.
var vocabulary = func() map[string]string {
	m := map[string]string{}
	for _, w := range append(ast.ReservedWords(), strings.Fields(contextWords)...) {
		m[w] = w
	}
	return m
}()

const longestWord = 40

// keyword gives the canonical spelling of a known word, or "".
func keyword(word string) string {
	if len(word) > longestWord {
		return ""
	}
	var buf [longestWord]byte
	for i := 0; i < len(word); i++ {
		c := word[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		} else if c >= 0x80 {
			return ""
		}
		buf[i] = c
	}
	return vocabulary[string(buf[:len(word)])]
}
