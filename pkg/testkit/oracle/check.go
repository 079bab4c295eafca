package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/testkit/sqlcase"
)

// Table is the rows that the changes leave in a sink, in the order in which they came: under the last change of each key in an
// upsert sink, else those that were not taken back. The error names a change that takes back what is not there.
func (a *Answer) Table(name string) ([]string, error) {
	type left struct{ key, text string }
	var rows []left
	var err error
	for _, r := range a.Log {
		if r.Table != name {
			continue
		}
		key, gone := r.Key, r.Kind == "-U" || r.Kind == "-D"
		if key == "" {
			key = r.Text
		}
		at := slices.IndexFunc(rows, func(l left) bool { return l.key == key })
		switch {
		case gone && at >= 0:
			rows = slices.Delete(rows, at, at+1)
		case gone && r.Key == "":
			err = fmt.Errorf("%s%s: there is no such row in %s", r.Kind, r.Text, name)
		case gone:
		case at >= 0 && r.Key != "":
			rows[at].text = r.Text
		default:
			rows = append(rows, left{key, r.Text})
		}
	}
	var out []string
	for _, l := range rows {
		out = append(out, l.text)
	}
	return out, err
}

// Changes is the changelog of a sink.
func (a *Answer) Changes(name string) []string {
	var out []string
	for _, r := range a.Log {
		if r.Table == name {
			out = append(out, r.Kind+r.Text)
		}
	}
	return out
}

// Compare tells where Flink differs from what the case expects: one text a difference, none if they agree.
// batch is nil if Flink cannot run the case in batch mode.
func Compare(c *sqlcase.Case, stream, batch *Answer) []string {
	if c.Error != "" {
		if stream.Error == "" {
			return []string{"Flink runs it, where an error with " + c.Error + " is expected"}
		}
		return nil
	}
	if stream.Error != "" {
		return []string{"Flink fails:\n" + stream.Error}
	}
	var out []string
	for _, name := range sorted(c.Out) {
		out = append(out, table("", name, c.Out[name], stream)...)
	}
	for _, name := range sorted(c.Log) {
		if want, have := c.Log[name], stream.Changes(name); !sameLog(want, have, stream, name) {
			out = append(out, fmt.Sprintf("changelog of %s on Flink:\n%s\nhere:\n%s", name, lines(have), lines(want)))
		}
	}
	if batch == nil {
		return out
	}
	diffs := compareBatch(c, batch)
	if c.FlinkBatch == "" {
		return append(out, diffs...)
	}
	if len(diffs) == 0 {
		out = append(out, "Flink agrees in batch mode: remove the section flink batch")
	}
	return out
}

func compareBatch(c *sqlcase.Case, batch *Answer) (out []string) {
	if batch.Error != "" {
		return []string{"Flink fails in batch mode:\n" + batch.Error}
	}
	for _, name := range sorted(c.Out) {
		want, ok := c.Batch[name]
		if !ok {
			want = c.Out[name]
		}
		out = append(out, table(" in batch mode", name, want, batch)...)
	}
	return out
}

func table(mode, name string, want []string, a *Answer) []string {
	have, err := a.Table(name)
	if err != nil {
		return []string{"Flink's changelog" + mode + ": " + err.Error()}
	}
	if slices.Equal(canon(want), canon(have)) {
		return nil
	}
	return []string{fmt.Sprintf("%s%s on Flink:\n%s\nhere:\n%s", name, mode, lines(have), lines(want))}
}

func canon(rows []string) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = canonical(r)
	}
	slices.Sort(out)
	return out
}

// sameLog is true if the changelogs take back and add the same rows in the same order (Flink's operators do not agree whether a row that goes is
// a -U or a -D), or if ours is Flink's with the changes of each turn set off against each other, in any order; -U says
// nothing to a sink that goes by a key.
func sameLog(want, have []string, a *Answer, name string) bool {
	if slices.ContainsFunc(a.Log, func(r Row) bool { return r.Table == name && r.Key != "" }) {
		before := func(row string) bool { return strings.HasPrefix(row, "-U") }
		want = slices.DeleteFunc(slices.Clone(want), before)
		rest := &Answer{Log: slices.DeleteFunc(slices.Clone(a.Log), func(r Row) bool { return r.Table == name && r.Kind == "-U" })}
		have, a = slices.DeleteFunc(slices.Clone(have), before), rest
	}
	if slices.Equal(order(want), order(have)) {
		return true
	}
	rest := canonAll(want)
	for _, net := range a.net(name) {
		if len(net) > len(rest) {
			return false
		}
		ours := rest[:len(net)]
		rest = rest[len(net):]
		if !slices.Equal(signs(ours), net) {
			return false
		}
	}
	return len(rest) == 0
}

func canonAll(rows []string) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = canonical(r)
	}
	return out
}

// order is the changes without the difference of updates to others: "+[a]", "-[a]".
func order(changes []string) []string {
	out := canonAll(changes)
	for i, c := range out {
		out[i] = c[:1] + c[min(2, len(c)):]
	}
	return out
}

// net is what remains of each turn's changes when a row that comes and goes is left out: "+[a]" and "-[a]", sorted.
func (a *Answer) net(name string) [][]string {
	var out [][]string
	turn := -1
	var changes []string
	end := func() {
		if turn >= 0 {
			out = append(out, signs(changes))
		}
		changes = nil
	}
	for _, r := range a.Log {
		if r.Table != name {
			continue
		}
		if r.Turn != turn {
			end()
			turn = r.Turn
		}
		changes = append(changes, r.Kind+canonical(r.Text))
	}
	end()
	return out
}

// signs sets changes off against each other and sorts what remains.
func signs(changes []string) []string {
	count := map[string]int{}
	for _, c := range changes {
		row := c[min(2, len(c)):] // one that asks is "?"
		switch {
		case strings.HasPrefix(c, "-"):
			count[row]--
		default:
			count[row]++
		}
	}
	var out []string
	for row, n := range count {
		for ; n > 0; n-- {
			out = append(out, "+"+row)
		}
		for ; n < 0; n++ {
			out = append(out, "-"+row)
		}
	}
	slices.Sort(out)
	return out
}

func sorted[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func lines(ls []string) string {
	if len(ls) == 0 {
		return "  (none)"
	}
	return "  " + strings.Join(ls, "\n  ")
}
