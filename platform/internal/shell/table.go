package shell

import (
	"fmt"
	"io"
	"strings"

	"github.com/mattn/go-runewidth"
)

// width is how many columns of the screen a text takes.
func width(s string) int { return runewidth.StringWidth(s) }

// printTable writes rows under their headings, each column as wide as its widest cell, at most limit (0: no limit).
func printTable(w io.Writer, columns []string, rows [][]string, limit int) error {
	if len(rows) == 0 {
		_, err := fmt.Fprintln(w, "empty set")
		return err
	}
	_, err := fmt.Fprintf(w, "%s%s\n", table(columns, rows, limit), counted(len(rows), "row"))
	return err
}

// table is rows in a frame.
func table(columns []string, rows [][]string, limit int) string {
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = width(c)
	}
	for _, r := range rows {
		for i, c := range r {
			widths[i] = max(widths[i], width(flat(c)))
		}
	}
	if limit > 0 {
		for i := range widths {
			widths[i] = min(widths[i], limit)
		}
	}
	rule := ruler(widths)
	var out strings.Builder
	out.WriteString(rule + line(columns, widths) + rule)
	for _, r := range rows {
		out.WriteString(line(r, widths))
	}
	out.WriteString(rule)
	return out.String()
}

func ruler(widths []int) string {
	var b strings.Builder
	for _, w := range widths {
		b.WriteString("+" + strings.Repeat("-", w+2))
	}
	return b.String() + "+\n"
}

// line is one row; what is too wide is cut with an ellipsis.
func line(cells []string, widths []int) string {
	var b strings.Builder
	for i, c := range cells {
		c = flat(c)
		if width(c) > widths[i] {
			c = runewidth.Truncate(c, widths[i], "…")
		}
		b.WriteString("| " + c + strings.Repeat(" ", widths[i]-width(c)) + " ")
	}
	return b.String() + "|\n"
}

// flat keeps a cell on its line.
func flat(s string) string {
	if !strings.ContainsAny(s, "\n\r\t\x1b") {
		return s
	}
	return strings.NewReplacer("\n", "↵", "\r", "", "\t", " ", "\x1b", "␛").Replace(s)
}

// clip cuts a line of the screen to the screen's width (0: unknown), so that it takes one line.
func clip(l string, screen int) string {
	if body := strings.TrimSuffix(l, "\n"); screen > 0 && width(body) > screen {
		return runewidth.Truncate(body, screen, "…") + "\n"
	}
	return l
}
