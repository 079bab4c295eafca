package sql

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/optimize"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// connectors answers as the connector set does, by the connector's name alone.
type connectors struct{}

var known = []string{"kafka", "upsert-kafka", "hbase-2.2", "redis", "mysql", "clickhouse", "filesystem", "datagen", "print", "blackhole"}

func (connectors) Describe(t *catalog.Table) (catalog.Caps, error) {
	c := catalog.Caps{SourceMode: catalog.AppendOnly, SinkMode: catalog.AppendOnly}
	meta := map[string]types.Type{"timestamp": types.TimestampLTZOf(3).AsNotNull(), "partition": types.Of(types.Int).AsNotNull(),
		"offset": types.Of(types.BigInt).AsNotNull(), "topic": types.String().AsNotNull()}
	switch name := t.Option("connector", ""); name {
	case "kafka":
		c.Scan, c.Sink, c.Metadata = true, true, meta
		if strings.HasPrefix(t.Option("format", ""), "canal") {
			c.SourceMode, c.SinkMode = catalog.AllChanges, catalog.AllChanges
		}
		if k := t.Option("key.fields", ""); k != "" {
			c.KeyedBy = strings.Split(k, ";")
		}
	case "upsert-kafka":
		c.Scan, c.Sink, c.Metadata, c.SourceMode, c.SinkMode = true, true, meta, catalog.Upsert, catalog.Upsert
		for _, k := range t.PrimaryKey {
			c.KeyedBy = append(c.KeyedBy, t.Columns[k].Name)
		}
	case "hbase-2.2", "redis", "mysql":
		c.Lookup, c.Sink, c.SinkMode, c.Scan, c.Bounded = true, true, catalog.Upsert, name == "mysql", true
	case "clickhouse":
		c.Sink, c.SinkMode = true, catalog.Upsert
	case "filesystem", "datagen":
		c.Scan, c.Sink, c.Bounded = true, name == "filesystem", name == "filesystem"
	case "print", "blackhole":
		c.Sink, c.SinkMode = true, catalog.AllChanges
	default:
		return c, fault.WithRemedy(fault.Pos(t.OptionPos["connector"]).Errorf(fault.Config, "connector %s is not known", name), fault.DidYouMean(name, known))
	}
	if t.Options["topik"] != "" {
		return c, fault.WithRemedy(fault.Pos(t.OptionPos["topik"]).Errorf(fault.Config, "connector kafka has no option topik"), fault.DidYouMean("topik", []string{"topic"}))
	}
	return c, nil
}

// TestPlans compiles the text under testdata/plan. Commands:
//
//	define        declares tables and views for the rest of the file
//	plan [details] [rules] [skip=a,b]  compiles and prints the job's plan, or the faults found
//	explain       prints what the text's EXPLAIN, SHOW and DESCRIBE statements give
func TestPlans(t *testing.T) {
	datadriven.Walk(t, "testdata/plan", func(t *testing.T, path string) {
		var prelude string
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd == "define" {
				prelude = d.Input + "\n"
				if _, err := Compile("define.sql", prelude, Options{Describer: connectors{}}); err != nil {
					return fault.Render(err, prelude)
				}
				return "ok\n"
			}
			// Kept on one line, so that lines of messages are those of the test's text.
			src := strings.Join(strings.Fields(prelude), " ") + "\n" + d.Input
			opts := Options{Describer: connectors{}, Settings: map[string]string{}}
			for _, a := range d.CmdArgs {
				if a.Key == "skip" {
					opts.Settings["freshet.optimizer.skip"] = strings.Join(a.Vals, ",")
				}
			}
			var trace strings.Builder
			if d.HasArg("rules") {
				last := ""
				opts.Trace = func(rule, text string) {
					if text != last {
						fmt.Fprintf(&trace, "-- %s\n%s", rule, text)
					}
					last = text
				}
			}
			s, err := Compile("job.sql", src, opts)
			everyRule(t, src)
			if again, err := Compile("job.sql", src, Options{Describer: connectors{}, Settings: opts.Settings}); err == nil && again.Explain(plan.ShowColumns|plan.ShowState|plan.ShowAdvice) != s.Explain(plan.ShowColumns|plan.ShowState|plan.ShowAdvice) {
				t.Error("compiled twice, the plans differ")
			}
			if err != nil {
				return fault.Render(err, src)
			}
			switch {
			case d.Cmd == "explain":
				return shown(s)
			case trace.Len() > 0:
				return trace.String()
			}
			if s.Plan == nil {
				return shown(s) + "no job\n"
			}
			details := plan.ShowTree
			if d.HasArg("details") {
				details = plan.ShowColumns
			}
			return shown(s) + s.Explain(details)
		})
	})
}

// shown prints the file's results: columns, then a row a line.
func shown(s *Script) string {
	var out strings.Builder
	for _, r := range s.Results {
		fmt.Fprintf(&out, "-- %s\n", strings.Join(r.Columns, " | "))
		for _, row := range r.Rows {
			fmt.Fprintln(&out, strings.Join(row, " | "))
		}
	}
	return out.String()
}

// everyRule compiles src with each optional rule left out: the plan differs but must hold together.
func everyRule(t *testing.T, src string) {
	t.Helper()
	for _, r := range optimize.Rules() {
		if !r.Needed {
			_, err := Compile("job.sql", src, Options{Describer: connectors{}, Settings: map[string]string{optimize.SkipSetting: r.ID}})
			if fault.KindOf(err) == fault.Internal {
				t.Errorf("without rule %s: %v", r.ID, err)
			}
		}
	}
}

func TestCompileGivesTablesAndSettings(t *testing.T) {
	s, err := Compile("job.sql", `SET 'table.exec.state.ttl' = '36 h'; CREATE TABLE a (x INT) WITH ('connector' = 'print');`,
		Options{Describer: connectors{}, Settings: map[string]string{"k": "v"}})
	if err != nil {
		t.Fatal(err)
	}
	if s.Settings["table.exec.state.ttl"] != "36 h" || s.Settings["k"] != "v" || s.Plan != nil {
		t.Errorf("settings %v, plan %v", s.Settings, s.Plan)
	}
	if !slices.ContainsFunc(s.Tables, func(t *catalog.Table) bool { return t.Name == "a" && t.Columns[0].Type.Kind == types.Int }) {
		t.Errorf("tables %v", s.Tables)
	}
}
