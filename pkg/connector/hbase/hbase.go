// Package hbase is the connectors hbase-2.2 and hbase-1.4: sink and lookup with Flink's table model and byte encodings.
//
// One column of an atomic type is the row key; each column of type ROW is a column family whose fields are the qualifiers. An epoch's last change
// of each key is written with the epoch's time as cell timestamp, so a replay writes the same cells again and never hides newer ones.
// It does not scan tables.
package hbase

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/point"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/hbase"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Connector writes and looks up HBase tables. Client is used for tables that do not name a quorum.
type Connector struct {
	Client hbase.Config
}

var (
	_ connector.Connector = (*Connector)(nil)
	_ connector.Sinker    = (*Connector)(nil)
	_ connector.Lookuper  = (*Connector)(nil)
)

// Specs are the options.
var Specs = append([]option.Spec{
	{Key: "table-name", Required: true, Help: "HBase table, with its namespace if it is not the default one: ns:table."},
	{Key: "zookeeper.quorum", Help: "ZooKeeper servers, host:port[,host:port…]. Default: the warehouse's."},
	{Key: "zookeeper.znode.parent", Default: "/hbase", Help: "HBase's node in ZooKeeper."},
	{Key: "null-string-literal", Default: "null", Help: "What a null string is stored as."},
	{Key: "table.create", Kind: option.Bool, Default: "true", Help: "Make the table, with the declared families, if it is missing."},
	{Key: "sink.ignore-null-value", Kind: option.Bool, Default: "false", Help: "Leave cells of nulls as they are instead of writing the null."},
	{Key: "sink.buffer-flush.max-size", Kind: option.Size, Help: "Taken for compatibility: rows are written at least once an epoch."},
	{Key: "sink.buffer-flush.max-rows", Kind: option.Int, Help: "Taken for compatibility, as above."},
	{Key: "sink.buffer-flush.interval", Kind: option.Duration, Help: "Taken for compatibility, as above."},
	{Key: "sink.parallelism", Kind: option.Int, Help: "Taken for compatibility: a sink has as many writers as the job has workers."},
	{Key: "properties.*", Help: "Taken for compatibility: HBase client settings."},
}, point.Specs...)

// Names implements connector.Connector.
func (*Connector) Names() []string { return []string{"hbase-2.2", "hbase-1.4"} }

// table is a declared table, understood.
type table struct {
	t        *catalog.Table
	name     string
	cfg      hbase.Config
	rowKey   int // column
	families []int
	null     string
	ignore   bool
	create   bool
	cache    point.Settings
}

// Describe implements connector.Connector.
func (c *Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	if _, err := c.parse(t); err != nil {
		return catalog.Caps{}, err
	}
	caps := catalog.Caps{Sink: true, Lookup: true, SinkMode: catalog.AppendOnly}
	if len(t.PrimaryKey) > 0 {
		caps.SinkMode = catalog.Upsert
	}
	return caps, nil
}

func (c *Connector) parse(t *catalog.Table) (*table, error) {
	v, err := option.Check(t, Specs)
	errs := []error{err}
	tb := &table{t: t, name: v.Get("table-name"), cfg: c.Client, rowKey: -1, null: v.Get("null-string-literal"), ignore: v.Bool("sink.ignore-null-value"), create: v.Bool("table.create")}
	if q := v.Get("zookeeper.quorum"); q != "" {
		tb.cfg.ZooKeeper = q
	}
	if tb.cfg.ZooKeeper == "" {
		errs = append(errs, fault.WithRemedy(v.Errorf("connector", "no HBase is configured"), "set 'zookeeper.quorum' in the table, or hbase.zookeeper in freshet.yaml"))
	}
	for addr := range strings.SplitSeq(tb.cfg.ZooKeeper, ",") {
		if addr != "" && !strings.Contains(addr, ":") {
			errs = append(errs, fault.WithRemedy(v.Errorf("zookeeper.quorum", "ZooKeeper address %q has no port", addr), "write host:port, the port is mostly 2181"))
		}
	}
	if v.Has("zookeeper.znode.parent") || tb.cfg.ZooKeeperRoot == "" {
		tb.cfg.ZooKeeperRoot = v.Get("zookeeper.znode.parent")
	}
	if tb.cache, err = point.Read(v); err != nil {
		errs = append(errs, err)
	}
	errs = append(errs, tb.columns(v)...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return tb, nil
}

func (tb *table) columns(v option.Values) []error {
	var errs []error
	at := func(c catalog.Column, format string, args ...any) error {
		if c.Pos.Line == 0 {
			return v.Errorf("connector", format, args...)
		}
		return fault.At(c.Pos.File, c.Pos.Line, c.Pos.Col).Errorf(fault.Config, "table "+tb.t.Name+": "+format, args...)
	}
	for i, c := range tb.t.Columns {
		if c.Kind != catalog.Physical {
			continue
		}
		if c.Type.Kind == types.Row {
			tb.families = append(tb.families, i)
			for _, f := range c.Type.Fields {
				if err := supported(f.Type); err != nil {
					errs = append(errs, at(c, "column %s.%s: %w", c.Name, f.Name, err))
				}
			}
			continue
		}
		if tb.rowKey >= 0 {
			errs = append(errs, fault.WithRemedy(at(c, "columns %s and %s are both atomic: the row key is one column", tb.t.Columns[tb.rowKey].Name, c.Name),
				"put the other columns into families: f ROW<"+c.Name+" "+c.Type.String()+">"))
			continue
		}
		tb.rowKey = i
		if err := supported(c.Type); err != nil {
			errs = append(errs, at(c, "row key %s: %w", c.Name, err))
		}
	}
	if tb.rowKey < 0 {
		errs = append(errs, fault.WithRemedy(v.Errorf("connector", "there is no row key"), "declare a column of an atomic type besides the families"))
	} else if len(tb.t.PrimaryKey) > 0 && !slices.Equal(tb.t.PrimaryKey, []int{tb.rowKey}) {
		errs = append(errs, v.Errorf("connector", "the primary key must be the row key %s alone", tb.t.Columns[tb.rowKey].Name))
	}
	if len(tb.families) == 0 {
		errs = append(errs, fault.WithRemedy(v.Errorf("connector", "there is no column family"), "declare one as a ROW column: f ROW<name STRING>"))
	}
	return errs
}

// open gives the job's client with the table made, once somebody needs it.
func (tb *table) open(env *connector.Env) (*remote.Lazy[*hbase.Client], error) {
	place := tb.cfg.ZooKeeper + tb.cfg.ZooKeeperRoot
	client, err := remote.Shared(env, "hbase "+place, func(ctx context.Context) (*hbase.Client, error) {
		cfg := tb.cfg
		cfg.Logger = nil
		return hbase.Open(ctx, cfg)
	}, (*hbase.Client).Close)
	if err != nil {
		return nil, err
	}
	return remote.Shared(env, "hbase "+place+" table "+tb.name, func(ctx context.Context) (*hbase.Client, error) {
		c, err := client.Get(ctx)
		if err != nil || !tb.create {
			return c, err
		}
		families := map[string]hbase.FamilyOptions{}
		for _, f := range tb.families {
			families[tb.t.Columns[f].Name] = hbase.FamilyOptions{}
		}
		return c, c.EnsureTable(ctx, tb.name, families, nil)
	}, nil)
}
