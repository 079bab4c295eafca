package shell

import (
	"fmt"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// paper is what both views write on.
type paper struct {
	s       *Shell
	columns []catalog.Column
	started time.Time
	max     int // widest column, characters
}

func (p *paper) names() []string {
	out := make([]string, len(p.columns))
	for i, c := range p.columns {
		out[i] = c.Name
	}
	return out
}

func (p *paper) print(text string) error {
	_, err := fmt.Fprint(p.s.cfg.Out, text)
	return err
}

// changelog writes a line for every change, with columns as wide as their types need: rows come one by one, so that no later row can widen them.
type changelog struct {
	*paper
	widths []int
	count  int
}

func (v *changelog) begin() error {
	v.widths = []int{2}
	for _, c := range v.columns {
		v.widths = append(v.widths, min(max(typeWidth(c.Type), width(c.Name)), v.max))
	}
	rule := ruler(v.widths)
	return v.print(rule + line(append([]string{"op"}, v.names()...), v.widths) + rule)
}

func (v *changelog) rows(rs []row) error {
	var out strings.Builder
	for _, r := range rs {
		out.WriteString(line(append([]string{r.kind.String()}, r.cells...), v.widths))
	}
	v.count += len(rs)
	return v.print(out.String())
}

func (v *changelog) end(stopped bool) error {
	return v.print(ruler(v.widths) + fmt.Sprintf("%s in %s%s\n", counted(v.count, "change"), seconds(v.started), suffix(stopped)))
}

func suffix(stopped bool) string {
	if stopped {
		return ", stopped"
	}
	return ""
}

// live keeps the result as it is now. A terminal shows it all the time; elsewhere it is printed at the end.
type live struct {
	*paper
	order []string // rows as one text, in the order in which they came first
	cells map[string][]string
	count map[string]int
	drawn int // lines on the screen
}

func (v *live) begin() error {
	v.cells = map[string][]string{}
	return nil
}

func (v *live) rows(rs []row) error {
	for _, r := range rs {
		key := strings.Join(r.cells, "\x00")
		if r.kind.Retracts() {
			v.count[key]--
			continue
		}
		if _, ok := v.count[key]; !ok {
			v.order = append(v.order, key)
			v.cells[key] = r.cells
		}
		v.count[key]++
	}
	v.sweep()
	w, h, terminal := v.s.cfg.Screen()
	if !terminal {
		return nil
	}
	return v.draw(w, max(h-6, 3))
}

// sweep forgets rows that are gone once they are many.
func (v *live) sweep() {
	gone := 0
	for _, n := range v.count {
		if n == 0 {
			gone++
		}
	}
	if gone < 1000 || gone*2 < len(v.count) {
		return
	}
	kept := v.order[:0]
	for _, key := range v.order {
		if v.count[key] == 0 {
			delete(v.count, key)
			delete(v.cells, key)
			continue
		}
		kept = append(kept, key)
	}
	v.order = kept
}

// current gives up to limit rows of the result (0: all) and their whole number.
func (v *live) current(limit int) (out [][]string, total int) {
	for _, key := range v.order {
		for range max(v.count[key], 0) {
			if total++; limit == 0 || len(out) < limit {
				out = append(out, v.cells[key])
			}
		}
	}
	return out, total
}

func (v *live) draw(width, height int) error {
	rows, total := v.current(height)
	var out strings.Builder
	if v.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA\x1b[J", v.drawn)
	}
	text := table(v.names(), rows, v.max)
	for _, l := range strings.SplitAfter(text, "\n") {
		out.WriteString(clip(l, width))
	}
	more := ""
	if total > len(rows) {
		more = fmt.Sprintf(", the first %d are shown", len(rows))
	}
	fmt.Fprintf(&out, "%s%s, %s (Ctrl-C stops)\n", counted(total, "row"), more, seconds(v.started))
	v.drawn = strings.Count(out.String(), "\n")
	return v.print(out.String())
}

func (v *live) end(stopped bool) error {
	text := ""
	if v.drawn > 0 {
		text = fmt.Sprintf("\x1b[%dA\x1b[J", v.drawn)
	}
	rows, total := v.current(0)
	return v.print(text + table(v.names(), rows, v.max) + fmt.Sprintf("%s in %s%s\n", counted(total, "row"), seconds(v.started), suffix(stopped)))
}

// typeWidth is how many characters the values of a type take at most, as far as that is known.
func typeWidth(t types.Type) int {
	switch t.Kind {
	case types.Boolean:
		return 5
	case types.TinyInt:
		return 6
	case types.SmallInt:
		return 6
	case types.Int:
		return 11
	case types.BigInt:
		return 20
	case types.Decimal:
		return t.Precision + 2
	case types.Date:
		return 10
	case types.Time:
		return 12
	case types.Timestamp, types.TimestampLTZ:
		return 20 + t.Precision
	case types.Char, types.Varchar:
		if t.Precision > 0 {
			return max(min(t.Precision, 30), len("<NULL>"))
		}
	}
	return 30
}
