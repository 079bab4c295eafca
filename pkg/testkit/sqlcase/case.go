// Package sqlcase runs whole SQL jobs, from text to committed rows, through the real planner, engine and commit protocol, and compares what is
// left in the sinks with what a text file says.
//
// Every case runs straight with one worker and a commit after every row; with commits and crashes at random places; restarted in
// the middle with other numbers of workers; and as one epoch. All must leave the same tables, and no changelog may take back a row that it
// did not give. Sources and sinks are in memory, both inside the job's transaction and outside it (then epochs are replayed from intents).
//
// A file is a list of cases, each a line "=== name" and sections; what stands before the first case belongs to all of its file:
//
//	-- sql --        statements; tables with 'connector' = 'values' are sources and lookups, with 'collect' sinks
//	-- query --      a SELECT, in short for an INSERT into a table o with its columns and no key
//	-- in t --       rows of source t: "+I[a, 1]"; "t/1" are the rows of its second split; "~" ends the epoch in all runs
//	-- out o --      the rows that are left in o: "[a, 1]", in any order
//	-- batch o --    the same for the run of one epoch, where it differs (late rows)
//	-- log o --      optional: the changelog of the straight run, exactly
//	-- error --      in place of rows: what the error with which every run ends must say
//	-- flink batch -- why Flink's batch mode gives another answer, where its streaming mode agrees
//	-- flink --      in folder flink-wrong: why the answer is right where Flink's differs
//	-- not-yet --    in folder not-yet: why the case does not pass; it is an error when it does
//
// Lines that start with # are comments. A section without rows must still be named to be compared.
//
// It does not check the connectors to real stores (storetest does), nor time: the clock of all runs is made up.
package sqlcase

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/sql/catalog"
)

// Case is one job with its input and what must come out.
type Case struct {
	Name  string
	SQL   string
	Query string
	// In is the text of the rows by table and split; Out, Batch and Log are rows by sink.
	In              map[string][]string
	Out, Batch, Log map[string][]string
	Error           string
	// functions are the user functions; nil: those of userFunctions.
	functions catalog.Functions
	// Flink and NotYet are the reasons why the case is in the folder of that name.
	Flink, NotYet string
	// FlinkBatch says why only Flink's batch mode disagrees.
	FlinkBatch string
}

// Parse reads the cases of a file's text.
func Parse(text string) ([]*Case, error) {
	head, cases := &Case{}, []*Case(nil)
	at := head
	section, name := "", ""
	for n, line := range strings.Split(text, "\n") {
		if title, ok := strings.CutPrefix(line, "=== "); ok {
			at = head.derive(strings.TrimSpace(title))
			cases = append(cases, at)
			section = ""
			continue
		}
		if strings.HasPrefix(line, "-- ") && strings.HasSuffix(line, " --") {
			section, name, _ = strings.Cut(strings.TrimSpace(line[3:len(line)-3]), " ")
			if err := at.open(section, name); err != nil {
				return nil, fmt.Errorf("line %d: %w", n+1, err)
			}
			continue
		}
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		if err := at.add(section, name, strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return cases, nil
}

// String is the case as text that Parse reads, without what its reasons say.
func (c *Case) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "=== %s\n", c.Name)
	section := func(title string, lines ...string) {
		fmt.Fprintf(&s, "-- %s --\n", title)
		for _, l := range lines {
			s.WriteString(strings.TrimRight(l, "\n") + "\n")
		}
	}
	if c.SQL != "" {
		section("sql", c.SQL)
	}
	if c.Query != "" {
		section("query", c.Query)
	}
	for _, m := range []struct {
		title string
		rows  map[string][]string
	}{{"in", c.In}, {"out", c.Out}, {"batch", c.Batch}, {"log", c.Log}} {
		for _, name := range slices.Sorted(maps.Keys(m.rows)) {
			section(m.title+" "+name, m.rows[name]...)
		}
	}
	if c.Error != "" {
		section("error", c.Error)
	}
	return s.String() + "\n"
}

// ParseFile is Parse of a file.
func ParseFile(path string) ([]*Case, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	cases, err := Parse(string(data))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cases, nil
}

// derive makes a case with the file's common parts.
func (c *Case) derive(name string) *Case {
	d := &Case{Name: name, SQL: c.SQL, In: map[string][]string{}, Out: map[string][]string{}, Batch: map[string][]string{}, Log: map[string][]string{}}
	for t, rows := range c.In {
		d.In[t] = rows
	}
	return d
}

func (c *Case) open(section, name string) error {
	if c.In == nil {
		c.In, c.Out, c.Batch, c.Log = map[string][]string{}, map[string][]string{}, map[string][]string{}, map[string][]string{}
	}
	switch section {
	case "sql", "query", "error", "flink", "not-yet":
	case "in":
		if base, _, ok := strings.Cut(name, "/"); ok {
			delete(c.In, base) // the file's rows, of a single split
		}
		c.In[name] = []string{}
	case "out":
		c.Out[name] = []string{}
	case "batch":
		c.Batch[name] = []string{}
	case "log":
		c.Log[name] = []string{}
	default:
		return fmt.Errorf("no section %q", section)
	}
	return nil
}

func (c *Case) add(section, name, line string) error {
	switch section {
	case "sql":
		c.SQL += line + "\n"
	case "query":
		c.Query += line + "\n"
	case "error":
		c.Error += line
	case "flink":
		if name == "batch" {
			c.FlinkBatch += line + "\n"
			return nil
		}
		c.Flink += line + "\n"
	case "not-yet":
		c.NotYet += line + "\n"
	case "in":
		c.In[name] = append(c.In[name], line)
	case "out":
		c.Out[name] = append(c.Out[name], line)
	case "batch":
		c.Batch[name] = append(c.Batch[name], line)
	case "log":
		c.Log[name] = append(c.Log[name], line)
	default:
		return fmt.Errorf("%q is in no section", line)
	}
	return nil
}

// barrier is the line that ends an epoch.
const barrier = "~"

// cut tells whether the case's input says where its epochs end.
func (c *Case) cut() bool {
	for _, rows := range c.In {
		if slices.Contains(rows, barrier) {
			return true
		}
	}
	return false
}
