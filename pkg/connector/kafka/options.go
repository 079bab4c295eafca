// Package kafka is the connectors kafka and upsert-kafka: sources and sinks inside the job's transaction.
//
// One transactional group session serves a whole job. It reads all its topics with read_committed, writes all its Kafka sinks, and commits
// outputs, input offsets and the name of the state snapshot (in the offsets' metadata) in one transaction. A process that was replaced is fenced
// by its transactional id and by the group's generation.
package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Connector is both connectors. Client holds the brokers and security for tables that do not say properties.bootstrap.servers.
type Connector struct {
	Client kafka.Config
	// DeadLetter is the topic that takes bad records; see DeadLetterTopic.
	DeadLetter string
}

// DeadLetterTopic is where bad records go unless configured otherwise.
const DeadLetterTopic = "freshet_dead_letter"

// ControlTopic carries the progress of jobs that read no topic.
const ControlTopic = "freshet_jobs"

// Names implements connector.Connector.
func (*Connector) Names() []string { return []string{"kafka", "upsert-kafka"} }

var common = []option.Spec{
	{Key: "topic", Kind: option.List, Required: true, Help: "Topic name; a source may name several, separated by ';'."},
	{Key: "properties.bootstrap.servers", Help: "Brokers, host:port, separated by ','. Default: the warehouse's."},
	{Key: "properties.group.id", Help: "Consumer group. Default: the job's name."},
	{Key: "properties.*", Help: "Other client properties of Flink's connector: taken for compatibility, not used."},
	{Key: "key.format", Help: "Format of the record key."},
	{Key: "key.*"},
	{Key: "key.fields", Kind: option.List, Help: "Columns in the record key."},
	{Key: "key.fields-prefix"},
	{Key: "value.format", Help: "Format of the record value."},
	{Key: "value.*"},
	{Key: "value.fields-include", Default: "ALL", Enum: []string{"ALL", "EXCEPT_KEY"}, Help: "Whether the value has the key's columns too."},
	{Key: "scan.bounded.mode", Default: "unbounded", Enum: []string{"unbounded", "latest-offset"}, Help: "latest-offset: stop at the offsets that were the last at the start."},
	{Key: "scan.parallelism", Kind: option.Int},
	{Key: "sink.parallelism", Kind: option.Int},
	{Key: "sink.delivery-guarantee", Default: "exactly-once", Enum: []string{"exactly-once", "at-least-once", "none"}, Help: "Freshet writes in transactions whatever is asked."},
	{Key: "sink.transactional-id-prefix"},
	{Key: "sink.partitioner", Default: "default", Help: "By the key's hash as Kafka's own clients; other partitioners are not supported."},
	{Key: "bad-records", Default: "dead-letter", Enum: []string{"dead-letter", "skip", "fail"}, Help: "What happens to a record that cannot be decoded."},
}

var plain = append(slices.Clone(common), []option.Spec{
	{Key: "format", Help: "Format of the record value."},
	{Key: "scan.startup.mode", Default: "group-offsets", Enum: []string{"earliest-offset", "latest-offset", "group-offsets", "timestamp"}, Help: "Where a new job starts. A job that has committed goes on from there."},
	{Key: "scan.startup.timestamp-millis", Kind: option.Int},
	{Key: "scan.topic-partition-discovery.interval", Kind: option.Duration},
}...)

var upsert = append(slices.Clone(common), []option.Spec{
	{Key: "sink.buffer-flush.max-rows", Kind: option.Int},
	{Key: "sink.buffer-flush.interval", Kind: option.Duration},
}...)

// table is a declared table, understood.
type table struct {
	t          *catalog.Table
	upsert     bool
	topics     []string
	key, value formatSpec // key.name is empty when the key is not read or written
	// keyCols and valueCols are the physical columns of either part.
	keyCols, valueCols []int
	startup            string
	startupMillis      int64
	bounded            bool
	bad                string
}

type formatSpec struct {
	name string
	opts format.Options
}

// Describe implements connector.Connector.
func (c *Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	tb, err := parse(t)
	if err != nil {
		return catalog.Caps{}, err
	}
	caps := catalog.Caps{Scan: true, Sink: true, Bounded: tb.bounded, Metadata: map[string]types.Type{
		"topic": types.String().AsNotNull(), "partition": types.Of(types.Int).AsNotNull(), "offset": types.Of(types.BigInt).AsNotNull(),
		"timestamp": types.TimestampLTZOf(3).AsNotNull(), "timestamp-type": types.String().AsNotNull(), "leader-epoch": types.Of(types.Int),
		"headers": types.MapOf(types.String().AsNotNull(), types.Bytes()).AsNotNull(),
	}}
	for k, typ := range formats.Metadata(tb.value.name) {
		caps.Metadata[valuePrefix+k] = typ
	}
	caps.SourceMode = formats.ChangeMode(tb.value.name)
	caps.SinkMode = caps.SourceMode
	if tb.upsert {
		caps.SourceMode, caps.SinkMode = catalog.Upsert, catalog.Upsert
	}
	return caps, nil
}

func parse(t *catalog.Table) (*table, error) {
	isUpsert := t.Options["connector"] == "upsert-kafka"
	specs := plain
	if isUpsert {
		specs = upsert
	}
	name := t.Options["value.format"]
	if name == "" && !isUpsert {
		name = t.Options["format"]
	}
	if name != "" {
		specs = append(slices.Clone(specs), option.Spec{Key: name + ".*"})
	}
	v, err := option.Check(t, specs)
	if err != nil {
		return nil, err
	}
	tb := &table{t: t, upsert: isUpsert, topics: v.List("topic"), startup: v.Get("scan.startup.mode"), startupMillis: v.Int("scan.startup.timestamp-millis"),
		bounded: v.Get("scan.bounded.mode") == "latest-offset", bad: v.Get("bad-records")}
	if isUpsert {
		tb.startup = "earliest-offset"
	}
	var errs []error
	if len(tb.topics) == 0 {
		errs = append(errs, v.Errorf("topic", "option 'topic' is empty"))
	}
	if name == "" {
		key := "format"
		if isUpsert {
			key = "value.format"
		}
		errs = append(errs, fault.WithRemedy(v.Errorf(key, "option '%s' is required", key), "add '"+key+"' = 'json', for one"))
	}
	tb.value = formatSpec{name: name, opts: v.WithPrefix("value." + name + ".")}
	if !v.Has("value.format") {
		tb.value.opts = v.WithPrefix(name + ".")
	}
	tb.key = formatSpec{name: v.Get("key.format")}
	if tb.key.name != "" {
		tb.key.opts = v.WithPrefix("key." + tb.key.name + ".")
	}
	errs = append(errs, tb.columns(v)...)
	for _, f := range []formatSpec{tb.key, tb.value} {
		if f.name == "" {
			continue
		}
		if err := formats.Validate(f.name, f.opts); err != nil {
			errs = append(errs, v.Errorf("format", "%w", err))
		}
	}
	if v.Get("sink.partitioner") != "default" {
		errs = append(errs, v.Errorf("sink.partitioner", "only the default partitioner is supported"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return tb, nil
}

// columns assigns the physical columns to key and value.
func (tb *table) columns(v option.Values) []error {
	t := tb.t
	var errs []error
	inKey := map[int]bool{}
	switch {
	case tb.upsert:
		if len(t.PrimaryKey) == 0 {
			errs = append(errs, fault.WithRemedy(v.Errorf("connector", "upsert-kafka needs a primary key"), "declare PRIMARY KEY (…) NOT ENFORCED"))
		}
		if tb.key.name == "" {
			errs = append(errs, v.Errorf("connector", "option 'key.format' is required"))
		}
		for _, k := range t.PrimaryKey {
			inKey[k] = true
		}
	case tb.key.name != "":
		fields := v.List("key.fields")
		if len(fields) == 0 {
			errs = append(errs, v.Errorf("key.format", "'key.format' needs 'key.fields'"))
		}
		for _, f := range fields {
			i := t.ColumnIndex(f)
			if i < 0 || t.Columns[i].Kind != catalog.Physical {
				errs = append(errs, v.Errorf("key.fields", "'key.fields' names %q, which is no physical column", f))
				continue
			}
			inKey[i] = true
		}
	case v.Has("key.fields"):
		errs = append(errs, v.Errorf("key.fields", "'key.fields' needs 'key.format'"))
	}
	for i := range t.Columns {
		if t.Columns[i].Kind != catalog.Physical {
			continue
		}
		if inKey[i] {
			tb.keyCols = append(tb.keyCols, i)
		}
		if !inKey[i] || v.Get("value.fields-include") == "ALL" {
			tb.valueCols = append(tb.valueCols, i)
		}
	}
	prefix := v.Get("key.fields-prefix")
	if prefix != "" {
		if v.Get("value.fields-include") == "ALL" {
			errs = append(errs, v.Errorf("key.fields-prefix", "'key.fields-prefix' needs 'value.fields-include' = 'EXCEPT_KEY'"))
		}
		for _, k := range tb.keyCols {
			if !strings.HasPrefix(t.Columns[k].Name, prefix) {
				errs = append(errs, v.Errorf("key.fields-prefix", "key column %s does not start with %q", t.Columns[k].Name, prefix))
			}
		}
	}
	return errs
}

// fields are the columns as a format sees them.
func (tb *table) fields(cols []int, key bool) []format.Field {
	out := make([]format.Field, len(cols))
	for i, c := range cols {
		name := tb.t.Columns[c].Name
		if key {
			name = strings.TrimPrefix(name, tb.t.Option("key.fields-prefix", ""))
		}
		out[i] = format.Field{Name: name, Type: tb.t.Columns[c].Type}
	}
	return out
}

// clientConfig is the warehouse's client with the table's own brokers, if it names some.
func (c *Connector) clientConfig(tables []*table) (kafka.Config, error) {
	cfg := c.Client
	from := ""
	for _, tb := range tables {
		b := tb.t.Options["properties.bootstrap.servers"]
		if b == "" {
			continue
		}
		if from != "" && b != strings.Join(cfg.Brokers, ",") {
			return cfg, fault.WithRemedy(fault.Newf(fault.Config, "tables %s and %s name different brokers: one transaction cannot span two Kafka clusters", from, tb.t.Name),
				"split the job in two, or mirror the topic")
		}
		from, cfg.Brokers = tb.t.Name, strings.Split(b, ",")
	}
	if len(cfg.Brokers) == 0 {
		return cfg, fmt.Errorf("%w", fault.WithRemedy(fault.New(fault.Config, "no Kafka brokers are configured"),
			"set 'properties.bootstrap.servers' in the table, or kafka.brokers in freshet.yaml"))
	}
	return cfg, nil
}
