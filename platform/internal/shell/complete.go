package shell

import (
	"slices"
	"strings"
	"unicode"

	"github.com/freshet-dw/freshet/pkg/sql/ast"
	"github.com/freshet-dw/freshet/pkg/sql/function"
)

// settingNames are offered after SET '.
var settingNames = []string{"execution.checkpointing.interval", "execution.runtime-mode", "parallelism.default", "pipeline.max-parallelism", "pipeline.name",
	"sql-client.display.max-column-width", "sql-client.execution.result-mode", "table.dml-sync", "table.exec.source.idle-timeout", "table.exec.state.ttl", "table.local-time-zone"}

// statementWords are keywords that are not reserved and so not in ast.ReservedWords.
var statementWords = []string{"CATALOG", "CLEAR", "CONNECTOR", "CURRENT", "DATABASE", "EXIT", "HELP", "IF", "JOB", "JOBS", "KEY", "QUIT", "STATEMENT", "STOP", "TEMPORARY", "TYPE", "VIEW"}

// Complete gives the words that may stand at the end of text, which starts where the statement starts: what each adds to the word that is
// there, and that word's length in characters.
func (s *Shell) Complete(text string) (ends []string, length int) {
	start := strings.LastIndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '$' }) + 1
	if q := strings.LastIndexByte(text, '\''); q >= 0 && strings.Count(text, "'")%2 == 1 {
		if strings.HasSuffix(strings.ToUpper(strings.TrimSpace(text[:q])), "SET") {
			return matching(settingNames, text[q+1:], false, "'")
		}
		return nil, 0
	}
	word := text[start:]
	before := strings.Fields(strings.ToUpper(text[:start]))
	last := ""
	if len(before) > 0 {
		last = before[len(before)-1]
	}
	relations := s.session.Views()
	for _, t := range s.session.Tables() {
		relations = append(relations, t.Name)
	}
	switch {
	case start > 0 && text[start-1] == '.':
		return matching(s.columnsOf(qualifier(text[:start-1])), word, false, "")
	case slices.Contains([]string{"FROM", "JOIN", "INTO", "TABLE", "DESCRIBE", "DESC", "VIEW", "OVERWRITE", "LIKE", "COLUMNS"}, last):
		if ends, n := matching(relations, word, false, ""); len(ends) > 0 {
			return ends, n
		}
	}
	all := relations
	all = append(all, s.columnsOf("")...)
	ends, length = matching(all, word, false, "")
	if word == "" && len(before) > 0 {
		return ends, length
	}
	words := slices.Concat(ast.ReservedWords(), statementWords)
	for _, f := range function.Names() {
		if !strings.ContainsAny(f, "$ ") {
			words = append(words, f)
		}
	}
	more, _ := matching(words, word, true, "")
	return slices.Compact(slices.Sorted(slices.Values(append(ends, more...)))), length
}

// qualifier is the identifier at the end of text.
func qualifier(text string) string {
	start := strings.LastIndexFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '$' }) + 1
	return text[start:]
}

// columnsOf are the columns of a table; of all, when no table is called so: an alias may be.
func (s *Shell) columnsOf(table string) []string {
	var of, all []string
	for _, t := range s.session.Tables() {
		for _, c := range t.Columns {
			all = append(all, c.Name)
			if t.Name == table {
				of = append(of, c.Name)
			}
		}
	}
	if len(of) > 0 {
		return of
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// matching gives what is missing of the words that begin with prefix; with fold, letters of both cases match, and follow the prefix's case.
func matching(words []string, prefix string, fold bool, suffix string) ([]string, int) {
	var out []string
	for _, w := range words {
		switch {
		case strings.HasPrefix(w, prefix):
			out = append(out, w[len(prefix):]+suffix)
		case fold && len(w) >= len(prefix) && strings.EqualFold(w[:len(prefix)], prefix):
			end := w[len(prefix):]
			if prefix == strings.ToLower(prefix) {
				end = strings.ToLower(end)
			}
			out = append(out, end+suffix)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), len([]rune(prefix))
}
