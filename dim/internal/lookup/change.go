package lookup

import (
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/expr"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// change reads the records of a source topic as changes of a table's keys.
type change struct {
	table   *table
	group   string // of the job that reads the topic
	topics  []string
	brokers string // of a source that names its own

	// What follows is not set when a record does not say which key it changes: then each one changes all of them.
	decoder format.Decoder
	byKey   bool // decodes the record's key, not its value
	types   []arrow.DataType
	key     *expr.Set
}

// newChange makes a change of an origin; ok is false when its source is no topic.
func newChange(t *table, o origin, group, dir string, zone *time.Location) (*change, bool, error) {
	opts := o.source.Table.Options
	connector := opts["connector"]
	if connector != "kafka" && connector != "upsert-kafka" {
		return nil, false, nil
	}
	c := &change{table: t, group: group, brokers: opts["properties.bootstrap.servers"]}
	if g := opts["properties.group.id"]; g != "" {
		c.group = g
	}
	for topic := range strings.SplitSeq(opts["topic"], ";") {
		c.topics = append(c.topics, strings.TrimSpace(topic))
	}
	if o.key == nil {
		return c, true, nil
	}
	return c, true, c.decode(o, dir, zone)
}

// decode prepares for reading the columns that the key is made of.
func (c *change) decode(o origin, dir string, zone *time.Location) error {
	src := o.source
	var used []int // of src.Out
	known := true
	key := rewrite(o.key, func(r *plan.ColRef) plan.Expr {
		known = known && readable(src, r.Index)
		at := slices.Index(used, r.Index)
		if at < 0 {
			at = len(used)
			used = append(used, r.Index)
		}
		return &plan.ColRef{Index: at, Name: r.Name, T: r.T}
	})
	var fields []format.Field
	var names []string
	for _, u := range used {
		col := src.Table.Columns[src.Columns[u]]
		fields = append(fields, format.Field{Name: col.Name, Type: col.Type})
		names = append(names, col.Name)
		c.types = append(c.types, batch.ArrowType(col.Type))
	}
	part := c.part(src, names)
	if !known || part == "" || len(used) == 0 {
		return nil
	}
	c.byKey = part == "key"
	opts := src.Table.Options
	name := opts[part+".format"]
	if name == "" {
		name = opts["format"]
	}
	fopts := format.Options{"base-dir": dir}
	if name != "protobuf" {
		delete(fopts, "base-dir")
	}
	for _, prefix := range []string{name + ".", part + "." + name + "."} {
		for k, v := range opts {
			if rest, ok := strings.CutPrefix(k, prefix); ok {
				fopts[rest] = v
			}
		}
	}
	var all []format.Field
	for i, col := range src.Table.Columns {
		if slices.Contains(src.Columns, i) || col.Kind == 0 {
			all = append(all, format.Field{Name: col.Name, Type: col.Type})
		}
	}
	dec, err := formats.NewDecoder(name, fields, fopts, formats.WithSchema(all))
	if err != nil {
		return err
	}
	// The sink casts to its own types; the key's text is printed from those.
	for i, e := range key {
		if t := c.table.keys.types[i]; !e.Type().EqualIgnoreNull(t) && !(e.Type().IsString() && t.IsString()) {
			key[i] = &plan.Call{Func: "TRY_CAST", Args: []plan.Expr{e}, T: t.AsNullable()}
		}
	}
	if c.key, err = expr.CompileAll(key, expr.Options{Zone: zone}); err != nil {
		return err
	}
	c.decoder = dec
	return nil
}

// part tells which part of the record has the columns: "value", "key", or "" when one alone has not.
func (c *change) part(src *plan.Source, names []string) string {
	t := src.Table
	var inKey []string
	if t.Options["connector"] == "upsert-kafka" {
		for _, k := range t.PrimaryKey {
			inKey = append(inKey, t.Columns[k].Name)
		}
	} else if t.Options["key.format"] != "" {
		for f := range strings.SplitSeq(t.Options["key.fields"], ";") {
			inKey = append(inKey, strings.TrimSpace(f))
		}
	}
	if len(inKey) == 0 {
		return "value"
	}
	for _, n := range names {
		if !slices.Contains(inKey, n) {
			return ""
		}
	}
	if t.Options["key.fields-prefix"] != "" {
		return ""
	}
	return "key"
}

// apply drops what the records of one partition change, records[i] at offsets[i].
func (c *change) apply(at partition, records []format.Message, offsets []int64) {
	at.group = c.group
	if c.decoder == nil {
		c.table.changedEvery(at, offsets[len(offsets)-1])
		return
	}
	msgs := records
	if c.byKey {
		msgs = make([]format.Message, len(records))
		for i, r := range records {
			msgs[i].Value = r.Key
		}
	}
	b := batch.NewBuilder(c.types...)
	c.decoder.Decode(msgs, b, func(int, error) {}) // a bad record is the job's dead letter and changes nothing
	of := slices.Clone(b.Msg)
	rows := b.Build()
	key, err := c.key.Eval(&expr.Context{Now: time.Now()}, rows.Cols, rows.N)
	if err != nil {
		c.table.changedEvery(at, offsets[len(offsets)-1])
		return
	}
	for r := range rows.N {
		if k, ok := c.table.keys.ofRow(key, r); ok {
			c.table.changed(k, at, offsets[of[r]])
		}
	}
}
