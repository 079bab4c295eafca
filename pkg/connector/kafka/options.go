// Package kafka is the connectors kafka and upsert-kafka: sources and sinks inside the job's transaction.
//
// One transactional group session serves a whole job. It reads all its topics with read_committed, writes all its Kafka sinks, and commits
// outputs, input offsets and the name of the state snapshot (in the offsets' metadata) in one transaction. A process that was replaced is fenced
// by its transactional id and by the group's generation.
package kafka

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/avro"
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

const compat = "Taken for compatibility: "

var common = []option.Spec{
	{Key: "topic", Kind: option.List, Help: "Topic name. A source may name several, separated by ';'; a sink too if a column METADATA FROM 'topic' says where each row goes."},
	{Key: "topic-pattern", Help: "Instead of 'topic': a regular expression of whole topic names. A sink needs a column METADATA FROM 'topic', whose values must match."},
	{Key: "properties.bootstrap.servers", Help: "Brokers, host:port, separated by ','. Default: the warehouse's."},
	{Key: "properties.group.id", Help: "Consumer group. Default: the job's name."},
	{Key: "properties.auto.offset.reset", Enum: []string{"earliest", "latest", "none"}, Help: "Where group-offsets starts without a committed offset. Default, and with none: earliest, where Flink stops."},
	{Key: "properties.*", Help: compat + "other settings of Kafka's Java clients. Encryption and authentication are set in freshet.yaml."},
	{Key: "key.format", Help: "Format of the record key; its options begin with 'key.<format>.'."},
	{Key: "key.*", Help: "Options of the key's format."},
	{Key: "key.fields", Kind: option.List, Help: "Columns in the record key, in this order. upsert-kafka: the primary key."},
	{Key: "key.fields-prefix", Help: "What the names of the key's columns begin with in the table, and not in the key."},
	{Key: "value.format", Help: "Format of the record value; its options begin with 'value.<format>.'."},
	{Key: "value.*", Help: "Options of the value's format."},
	{Key: "value.fields-include", Default: "ALL", Enum: []string{"ALL", "EXCEPT_KEY"}, Help: "Whether the value has the key's columns too."},
	{Key: "scan.bounded.mode", Default: unbounded, Enum: []string{unbounded, latest, groupOffsets, atTime, specific}, Help: "Where to stop reading. All but unbounded are looked up when the job starts."},
	{Key: "scan.bounded.timestamp-millis", Kind: option.Int, Help: "timestamp: stop at the first record that is so young."},
	{Key: "scan.bounded.specific-offsets", Help: "specific-offsets: 'partition:0,offset:42;partition:1,offset:300'. Partitions not named are not read."},
	{Key: "scan.topic-partition-discovery.interval", Kind: option.Duration, Default: "5 min", Help: "How often to look for new partitions, and topics of the pattern; 0 s: never. The job starts again with them."},
	{Key: "scan.parallelism", Kind: option.Int, Help: compat + "a source is read by all workers."},
	{Key: "sink.parallelism", Kind: option.Int, Help: compat + "a sink has as many writers as the job has workers."},
	{Key: "sink.delivery-guarantee", Default: "exactly-once", Enum: []string{"exactly-once", "at-least-once", "none"}, Help: compat + "writes are in transactions whatever is asked."},
	{Key: "sink.semantic", Enum: []string{"exactly-once", "at-least-once", "none"}, Help: "Older name of sink.delivery-guarantee."},
	{Key: "sink.transactional-id-prefix", Help: compat + "the id is made of the job's name."},
	{Key: "sink.partitioner", Default: "default", Help: "default: by the key's hash as Kafka's own clients, without a key in turn by batches; fixed: each worker to one partition; round-robin: record by record."},
	{Key: "bad-records", Default: "dead-letter", Enum: []string{"dead-letter", "skip", "fail"}, Help: "What happens to a record that cannot be decoded."},
}

// Specs are the options of kafka.
var Specs = append(slices.Clone(common), []option.Spec{
	{Key: "format", Help: "Format of the record value; its options begin with '<format>.'."},
	{Key: "scan.startup.mode", Default: groupOffsets, Enum: []string{earliest, latest, groupOffsets, atTime, specific}, Help: "Where a new job starts. A job that has committed goes on from there."},
	{Key: "scan.startup.timestamp-millis", Kind: option.Int, Help: "timestamp: start at the first record that is so young."},
	{Key: "scan.startup.specific-offsets", Help: "specific-offsets: 'partition:0,offset:42;partition:1,offset:300'. Partitions not named are read from their beginning."},
}...)

// UpsertSpecs are the options of upsert-kafka.
var UpsertSpecs = append(slices.Clone(common), []option.Spec{
	{Key: "sink.buffer-flush.max-rows", Kind: option.Int, Help: compat + "of the changes of a key in an epoch the last is written."},
	{Key: "sink.buffer-flush.interval", Kind: option.Duration, Help: compat + "as above."},
}...)

// table is a declared table, understood.
type table struct {
	t          *catalog.Table
	upsert     bool
	topics     []string
	key, value formatSpec // key.name is empty when the key is not read or written
	// keyCols and valueCols are the physical columns of either part.
	keyCols, valueCols []int
	startup, bounds    place
	reset              string // of group-offsets without one: earliest or latest
	pattern            *regexp.Regexp
	discovery          time.Duration
	partitioner        string
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
	caps := catalog.Caps{Scan: true, Sink: true, Bounded: tb.bounds.mode != unbounded, Writable: []string{"headers", "timestamp"}, Metadata: map[string]types.Type{
		"topic": types.String().AsNotNull(), "partition": types.Of(types.Int).AsNotNull(), "offset": types.Of(types.BigInt).AsNotNull(),
		"timestamp": types.TimestampLTZOf(3).AsNotNull(), "timestamp-type": types.String().AsNotNull(), "leader-epoch": types.Of(types.Int),
		"headers": types.MapOf(types.String().AsNotNull(), types.Bytes()).AsNotNull(),
	}}
	if len(tb.topics) != 1 {
		caps.Writable = append(caps.Writable, "topic")
	}
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
	specs := Specs
	if isUpsert {
		specs = UpsertSpecs
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
	tb := &table{t: t, upsert: isUpsert, topics: v.List("topic"), reset: v.Get("properties.auto.offset.reset"), discovery: v.Duration("scan.topic-partition-discovery.interval"),
		partitioner: v.Get("sink.partitioner"), bad: v.Get("bad-records")}
	var errs []error
	switch pattern := v.Get("topic-pattern"); {
	case pattern != "" && v.Has("topic"):
		errs = append(errs, v.Errorf("topic-pattern", "'topic' and 'topic-pattern' cannot both be set"))
	case pattern != "":
		if tb.pattern, err = compilePattern(pattern); err != nil {
			errs = append(errs, v.Errorf("topic-pattern", "option 'topic-pattern': %w", err))
		}
	case !v.Has("topic"):
		errs = append(errs, fault.WithRemedy(v.Errorf("connector", "option 'topic' is required"), "add 'topic' = '…', or 'topic-pattern'"))
	case len(tb.topics) == 0:
		errs = append(errs, v.Errorf("topic", "option 'topic' is empty"))
	}
	tb.startup = tb.place(v, "scan.startup", &errs)
	tb.bounds = tb.place(v, "scan.bounded", &errs)
	if isUpsert {
		tb.startup = place{mode: earliest}
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
	if len(errs) == 0 {
		errs = append(errs, tb.holds(v, tb.value, tb.fields(tb.valueCols, false)), tb.holds(v, tb.key, tb.fields(tb.keyCols, true)))
	}
	switch tb.partitioner {
	case "default", "fixed":
	case "round-robin":
		if v.Has("key.fields") || isUpsert {
			errs = append(errs, v.Errorf("sink.partitioner", "'round-robin' cannot be used with a key: records of a key would not stay in order"))
		}
	default:
		errs = append(errs, v.Errorf("sink.partitioner", "there is no partitioner %q; it must be one of default, fixed, round-robin (Java classes cannot be loaded)", tb.partitioner))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return tb, nil
}

// place reads the options of scan.startup or scan.bounded.
func (tb *table) place(v option.Values, prefix string, errs *[]error) place {
	p := place{mode: v.Get(prefix + ".mode")}
	need := func(key string) bool {
		if v.Has(key) {
			return true
		}
		*errs = append(*errs, v.Errorf(prefix+".mode", "'%s.mode' = '%s' needs '%s'", prefix, p.mode, key))
		return false
	}
	switch p.mode {
	case atTime:
		if need(prefix + ".timestamp-millis") {
			p.millis = v.Int(prefix + ".timestamp-millis")
		}
	case specific:
		key := prefix + ".specific-offsets"
		if !need(key) {
			break
		}
		if len(tb.topics) != 1 {
			*errs = append(*errs, v.Errorf(key, "specific offsets are for one topic"))
		}
		var err error
		if p.offsets, err = parseOffsets(v.Get(key)); err != nil {
			*errs = append(*errs, v.Errorf(key, "option '%s': %w", key, err))
		}
	}
	return p
}

// holds checks that the format can read or write the columns. Formats that need a file or a service for that are asked when the job starts.
func (tb *table) holds(v option.Values, f formatSpec, fields []format.Field) error {
	if f.name == "" || f.name == "protobuf" || f.name == avro.ConfluentName || f.name == avro.DebeziumName {
		return nil
	}
	_, err := formats.NewDecoder(f.name, fields, f.opts)
	if err != nil {
		if _, werr := formats.NewEncoder(f.name, fields, f.opts); werr == nil {
			return nil
		}
		return v.Errorf("format", "%w", err)
	}
	return nil
}

// writesTopic tells whether one of the columns says which topic a row goes to.
func (tb *table) writesTopic(cols []int) bool {
	return slices.ContainsFunc(cols, func(c int) bool {
		col := tb.t.Columns[c]
		return col.Kind == catalog.Metadata && col.MetadataKey == "topic"
	})
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
			tb.keyCols = append(tb.keyCols, k)
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
			if inKey[i] {
				errs = append(errs, v.Errorf("key.fields", "'key.fields' names %q twice", f))
				continue
			}
			inKey[i] = true
			tb.keyCols = append(tb.keyCols, i)
		}
	case v.Has("key.fields"):
		errs = append(errs, v.Errorf("key.fields", "'key.fields' needs 'key.format'"))
	}
	for i := range t.Columns {
		if t.Columns[i].Kind != catalog.Physical {
			continue
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
