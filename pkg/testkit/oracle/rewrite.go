package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/testkit/sqlcase"
)

// Unknown is the line that stands for an answer that is not known yet.
const Unknown = "?"

// asks tells whether a section's rows are to be filled in.
func asks(rows []string) bool { return len(rows) == 0 || slices.Equal(rows, []string{Unknown}) }

// Rewrite puts Flink's answers into the text of a case file: into sections out, batch and log that are empty or hold "?" alone, and as a new
// section out at the end of cases without out and error. Where the answer of batch mode differs it adds a section batch. all: also over what is there.
// answers are by the case's position in the file; cases without one stay as they are.
func Rewrite(text string, answers map[int][2]*Answer, all bool) (string, error) {
	cases, err := sqlcase.Parse(text)
	if err != nil {
		return "", err
	}
	var out []string
	n := -1
	var in []string // the lines of the case
	flush := func() error {
		if a, ok := answers[n]; ok && a[0].Error == "" {
			rewritten, err := rewriteCase(cases[n], in, a[0], a[1], all)
			if err != nil {
				return fmt.Errorf("%s: %w", cases[n].Name, err)
			}
			in = rewritten
		}
		out = append(out, in...)
		in = nil
		return nil
	}
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "=== ") {
			if err := flush(); err != nil {
				return "", err
			}
			n++
		}
		in = append(in, line)
	}
	if err := flush(); err != nil {
		return "", err
	}
	return strings.Join(out, "\n"), nil
}

func rewriteCase(c *sqlcase.Case, in []string, stream, batch *Answer, all bool) ([]string, error) {
	if len(c.Out) == 0 && c.Error == "" {
		end := len(in)
		for end > 0 && strings.TrimSpace(in[end-1]) == "" {
			end--
		}
		name := "o"
		if c.Query == "" && len(stream.Log) > 0 {
			name = stream.Log[0].Table
		}
		in = slices.Insert(slices.Clone(in), end, "-- out "+name+" --")
	}
	var out []string
	skip := false
	for i, line := range in {
		section, name, ok := header(line)
		if !ok {
			if !skip || strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
				out = append(out, line)
			}
			continue
		}
		out = append(out, line)
		skip = false
		var rows []string
		var err error
		switch section {
		case "out":
			skip = all || asks(c.Out[name])
			rows, err = stream.Table(name)
		case "batch":
			skip = batch != nil && batch.Error == "" && (all || asks(c.Batch[name]))
			if skip {
				rows, err = batch.Table(name)
			}
		case "log":
			skip = all || asks(c.Log[name])
			rows = stream.Changes(name)
		}
		if err != nil {
			return nil, err
		}
		if !skip {
			continue
		}
		out = append(out, rows...)
		if section != "out" || batch == nil || batch.Error != "" || has(in[i+1:], "batch", name) {
			continue
		}
		rest, err := batch.Table(name)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(canon(rest), canon(rows)) {
			out = append(append(out, "-- batch "+name+" --"), rest...)
		}
	}
	return out, nil
}

func header(line string) (section, name string, ok bool) {
	if !strings.HasPrefix(line, "-- ") || !strings.HasSuffix(line, " --") {
		return "", "", false
	}
	section, name, _ = strings.Cut(strings.TrimSpace(line[3:len(line)-3]), " ")
	return section, name, true
}

func has(in []string, section, name string) bool {
	return slices.ContainsFunc(in, func(l string) bool {
		s, n, ok := header(l)
		return ok && s == section && n == name
	})
}
