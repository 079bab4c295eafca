package fault

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Pos is a place in a source text. Line and Col count from 1, Col in
// characters, not bytes. A Line of 0 means "not known".
type Pos struct {
	File      string
	Line, Col int
}

// At returns the position.
func At(file string, line, col int) Pos { return Pos{File: file, Line: line, Col: col} }

// IsValid reports whether the position names at least a line or a file.
func (p Pos) IsValid() bool { return p.Line > 0 || p.File != "" }

// String is file:line:col with unknown parts left out.
func (p Pos) String() string {
	parts := make([]string, 0, 3)
	if p.File != "" {
		parts = append(parts, p.File)
	}
	if p.Line > 0 {
		parts = append(parts, strconv.Itoa(p.Line))
		if p.Col > 0 {
			parts = append(parts, strconv.Itoa(p.Col))
		}
	}
	return strings.Join(parts, ":")
}

// Errorf returns an error of the kind at the position.
func (p Pos) Errorf(kind Kind, format string, args ...any) error {
	return &Error{kind: kind, pos: p, cause: fmt.Errorf(format, args...)}
}

// WithPos places err at p. WithPos of nil is nil.
func WithPos(err error, p Pos) error {
	if err == nil {
		return nil
	}
	return &Error{pos: p, cause: err}
}

// PosOf returns the innermost position of a chain: the one nearest the defect.
func PosOf(err error) (Pos, bool) {
	var found Pos
	walk(err, func(e *Error) bool {
		if e.pos.IsValid() {
			found = e.pos
		}
		return true
	})
	return found, found.IsValid()
}

// Render shows err to a person: the message, then, when it has a position, the
// line of source with a caret under the column, then the remedy. Each of
// joined errors is shown on its own. Source is the text that the positions
// refer to; with an empty source only the messages are shown.
func Render(err error, source string) string {
	if err == nil {
		return ""
	}
	var lines []string
	if source != "" {
		lines = strings.Split(source, "\n")
	}
	var b strings.Builder
	for _, one := range Flatten(err) {
		renderOne(&b, one, lines)
	}
	return b.String()
}

// Flatten returns the errors that were joined at the top of err, in order;
// an error that is not a join is returned alone. Wrappers above a join are
// dropped only when they add neither text nor position.
func Flatten(err error) []error {
	if err == nil {
		return nil
	}
	switch e := err.(type) {
	case *Error:
		if e.msg == "" && e.remedy == "" && !e.pos.IsValid() && e.cause != nil {
			if parts := Flatten(e.cause); len(parts) > 1 {
				return parts
			}
		}
	case interface{ Unwrap() []error }:
		// fmt.Errorf with two %w is a sentence, not a list; only a join's text is
		// exactly its children's lines.
		var all []error
		var texts []string
		for _, child := range e.Unwrap() {
			texts = append(texts, child.Error())
			all = append(all, Flatten(child)...)
		}
		if strings.Join(texts, "\n") == err.Error() {
			return all
		}
	case interface{ Unwrap() error }:
		// A wrapper that adds no words, as one that carries the source text.
		if child := e.Unwrap(); child != nil && child.Error() == err.Error() {
			return Flatten(child)
		}
	}
	return []error{err}
}

func renderOne(b *strings.Builder, err error, lines []string) {
	b.WriteString(err.Error())
	b.WriteByte('\n')
	if p, ok := PosOf(err); ok && p.Line > 0 && p.Line <= len(lines) {
		text := strings.TrimSuffix(lines[p.Line-1], "\r")
		number := strconv.Itoa(p.Line)
		fmt.Fprintf(b, " %s | %s\n", number, text)
		if p.Col > 0 {
			fmt.Fprintf(b, " %s | %s^\n", strings.Repeat(" ", len(number)), padding(text, p.Col-1))
		}
	}
	var seen []string
	walk(err, func(e *Error) bool {
		if e.remedy != "" && !slices.Contains(seen, e.remedy) {
			seen = append(seen, e.remedy)
			fmt.Fprintf(b, "  → %s\n", strings.ReplaceAll(e.remedy, "\n", "\n    "))
		}
		return true
	})
}

// padding is blank text as wide on a terminal as the first n characters of s.
func padding(s string, n int) string {
	var b strings.Builder
	for _, r := range s {
		if n == 0 {
			break
		}
		n--
		switch {
		case r == '\t':
			b.WriteByte('\t')
		case wide(r):
			b.WriteString("  ")
		default:
			b.WriteByte(' ')
		}
	}
	return b.String() + strings.Repeat(" ", n)
}

// wide covers the common two-column blocks (Hangul Jamo, CJK, full-width forms, emoji).
func wide(r rune) bool {
	return r >= 0x1100 && r <= 0x115f || r >= 0x2e80 && r <= 0xa4cf || r >= 0xac00 && r <= 0xd7a3 ||
		r >= 0xf900 && r <= 0xfaff || r >= 0xfe30 && r <= 0xfe6f || r >= 0xff00 && r <= 0xff60 ||
		r >= 0xffe0 && r <= 0xffe6 || r >= 0x1f300 && r <= 0x1faff || r >= 0x20000 && r <= 0x3fffd
}

var (
	_ error                       = (*Error)(nil)
	_ error                       = Kind(0)
	_ interface{ Is(error) bool } = (*Error)(nil)
)
