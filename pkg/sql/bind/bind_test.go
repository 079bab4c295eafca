package bind

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/parse"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

type anything struct{}

func (anything) Describe(*catalog.Table) (catalog.Caps, error) {
	return catalog.Caps{Scan: true, Lookup: true, Sink: true, SourceMode: catalog.AppendOnly, SinkMode: catalog.AllChanges}, nil
}

const columns = `CREATE TABLE t (b BOOLEAN, ti TINYINT, si SMALLINT, i INT, l BIGINT, f FLOAT, d DOUBLE, num DECIMAL(10, 2), num38 DECIMAL(38, 10),
	c CHAR(3), v VARCHAR(20), s STRING, nn STRING NOT NULL, bin BYTES, dt DATE, tm TIME, ts TIMESTAMP(3), ltz TIMESTAMP_LTZ(3),
	arr ARRAY<INT>, m MAP<STRING, BIGINT>, r ROW<a INT, b ROW<c STRING>>) WITH ('connector' = 'x')`

// TestExprs binds one expression a line over columns of every type and prints the bound form with its type.
func TestExprs(t *testing.T) {
	datadriven.RunTest(t, "testdata/exprs", func(t *testing.T, d *datadriven.TestData) string {
		b := New(anything{}, map[string]string{})
		create, err := parse.Statement("t.sql", columns)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Statement(create); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		for _, line := range strings.Split(d.Input, "\n") {
			src := "SELECT " + line + " FROM t"
			q, err := parse.Statement("q.sql", src)
			if err != nil {
				fmt.Fprintln(&out, err)
				continue
			}
			sinks, err := b.Detached(q)
			if err != nil {
				fmt.Fprintln(&out, strings.ReplaceAll(err.Error(), "\n", "; "), "→", fault.RemedyOf(err))
				continue
			}
			show(&out, sinks[0].Input)
		}
		return out.String()
	})
}

func show(out *strings.Builder, n plan.Node) {
	c := n.(*plan.Calc)
	switch in := c.Input.(type) {
	case *plan.GroupAgg:
		for _, a := range in.Aggs {
			fmt.Fprintf(out, "%s : %s\n", a.String(in.Input.Props().Out), a.T)
		}
	default:
		for _, e := range c.Exprs {
			fmt.Fprintf(out, "%s : %s\n", e, e.Type())
		}
	}
}
