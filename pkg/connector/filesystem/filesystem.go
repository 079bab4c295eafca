// Package filesystem is the connector filesystem: Parquet, Avro, JSON, CSV and other files in Hive's directory layout, written and read.
//
// The files of an epoch are staged, durable and hidden, before the job's commit and published by renaming after it; a restart publishes what was
// committed and throws away what was not. A partition that is complete gets the file _SUCCESS; when a late row comes, the marker goes away until
// the row's file is there. A reader that reads partitions with a marker only sees each row once; while a partition is open its small files
// are visible too, and for a moment both they and the file they are merged into.
package filesystem

import (
	"errors"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/cell"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/avro"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/format/parquet"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Connector writes and reads directories. Relative paths are under Lake.
type Connector struct {
	Lake string
}

var (
	_ connector.Connector = (*Connector)(nil)
	_ connector.Sinker    = (*Connector)(nil)
	_ connector.Scanner   = (*Connector)(nil)
)

const (
	processTime   = "process-time"
	partitionTime = "partition-time"
	successPolicy = "success-file"
)

// lineFormats have a record a line.
var lineFormats = []string{"json", "csv", "raw", "canal-json", "debezium-json", "maxwell-json", "ogg-json"}

// metadata is what a source says of the file that a row is in.
var metadata = map[string]types.Type{"file.path": types.String().AsNotNull(), "file.name": types.String().AsNotNull(), "file.size": types.Of(types.BigInt).AsNotNull(),
	"file.modification-time": types.TimestampLTZOf(3).AsNotNull()}

// Specs are the options; those of the format come besides them, with its name before.
var Specs = []option.Spec{
	{Key: "path", Required: true, Help: "Directory; a relative one is in the warehouse's data directory. file:// may stand before it."},
	{Key: "format", Required: true, Enum: append([]string{parquet.Name, avro.Name}, lineFormats...), Help: "Format of the files: Parquet, Avro container files, or a record a line. The change formats can be read only."},
	{Key: "source.monitor-interval", Kind: option.Duration, Help: "How often to look for new files; the source has no end then. Files must not be changed. Default: the files that are there at the start."},
	{Key: "source.path.regex-pattern", Help: "Read only files whose whole absolute path matches the regular expression."},
	{Key: "source.report-statistics", Enum: []string{"NONE", "ALL", "none", "all"}, Help: "Taken for compatibility."},
	{Key: "sink.shuffle-by-partition.enable", Kind: option.Bool, Help: "Taken for compatibility."},
	{Key: "compaction.parallelism", Kind: option.Int, Help: "Taken for compatibility."},
	{Key: "partition.default-name", Default: "__HIVE_DEFAULT_PARTITION__", Help: "Directory of rows whose partition column is null."},
	{Key: "partition.time-extractor.kind", Default: "default", Enum: []string{"default"}, Help: "How a partition's time is found: from its values."},
	{Key: "partition.time-extractor.timestamp-pattern", Help: "Partition columns that make its time: '$dt $hour:00:00'. Default: their values, one after the other."},
	{Key: "partition.time-extractor.timestamp-formatter", Help: "Taken for compatibility: year, month, day, hour, minute and second are read in that order, whatever stands between."},
	{Key: "sink.partition-commit.trigger", Default: processTime, Enum: []string{processTime, partitionTime}, Help: "process-time: by the clock since the partition's first file; partition-time: when the watermark passes the partition's time."},
	{Key: "sink.partition-commit.delay", Kind: option.Duration, Default: "0 s", Help: "How long after that a partition is complete."},
	{Key: "sink.partition-commit.watermark-time-zone", Help: "Zone of the partition's time. Default: the job's."},
	{Key: "sink.partition-commit.policy.kind", Enum: []string{"", successPolicy}, Help: "success-file: mark complete partitions."},
	{Key: "sink.partition-commit.success-file.name", Default: "_SUCCESS", Help: "The marker's name."},
	{Key: "sink.rolling-policy.file-size", Kind: option.Size, Default: "128 mb", Help: "Merged files get about this large."},
	{Key: "sink.rolling-policy.rollover-interval", Kind: option.Duration, Help: "Taken for compatibility: each epoch has its own files, which are merged when the partition is complete."},
	{Key: "sink.rolling-policy.inactivity-interval", Kind: option.Duration, Help: "Taken for compatibility, as above."},
	{Key: "sink.rolling-policy.check-interval", Kind: option.Duration, Help: "Taken for compatibility, as above."},
	{Key: "auto-compaction", Kind: option.Bool, Default: "true", Help: "Merge a partition's files when it is complete."},
	{Key: "compaction.file-size", Kind: option.Size, Help: "Instead of sink.rolling-policy.file-size."},
	{Key: "bad-records", Default: "fail", Enum: []string{"fail", "skip"}, Help: "What happens to a JSON or CSV line that cannot be read."},
	{Key: "sink.parallelism", Kind: option.Int, Help: "Taken for compatibility."},
	{Key: "scan.parallelism", Kind: option.Int, Help: "Taken for compatibility."},
}

// Names implements connector.Connector.
func (*Connector) Names() []string { return []string{"filesystem"} }

// table is a declared table, understood.
type table struct {
	t         *catalog.Table
	dir       string
	format    string
	opts      format.Options
	columns   []int // in the files
	partition []int
	null      string // directory value of null
	pattern   string
	byTime    bool
	delay     time.Duration
	zone      *time.Location // nil: the job's
	marker    string         // empty: none
	compact   bool
	fileSize  int64
	skipBad   bool
	monitor   time.Duration // 0: bounded
	include   *regexp.Regexp
}

// Describe implements connector.Connector.
func (c *Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	tb, err := c.parse(t)
	if err != nil {
		return catalog.Caps{}, err
	}
	mode := formats.ChangeMode(tb.format)
	return catalog.Caps{Scan: true, Bounded: tb.monitor == 0, SourceMode: mode, Sink: mode == catalog.AppendOnly, SinkMode: catalog.AppendOnly, Metadata: metadata}, nil
}

func (c *Connector) parse(t *catalog.Table) (*table, error) {
	specs := Specs
	name := t.Options["format"]
	if name != "" {
		specs = append(slices.Clone(specs), option.Spec{Key: name + ".*"})
	}
	v, err := option.Check(t, specs)
	errs := []error{err}
	tb := &table{t: t, format: name, opts: v.WithPrefix(name + "."), partition: t.PartitionBy, null: v.Get("partition.default-name"), pattern: v.Get("partition.time-extractor.timestamp-pattern"),
		byTime: v.Get("sink.partition-commit.trigger") == partitionTime, delay: v.Duration("sink.partition-commit.delay"), compact: v.Bool("auto-compaction"),
		fileSize: v.Size("sink.rolling-policy.file-size"), skipBad: v.Get("bad-records") == "skip", monitor: v.Duration("source.monitor-interval")}
	if p := v.Get("source.path.regex-pattern"); p != "" {
		if tb.include, err = regexp.Compile("^(?:" + p + ")$"); err != nil {
			errs = append(errs, v.Errorf("source.path.regex-pattern", "option 'source.path.regex-pattern': %w", err))
		}
	}
	if v.Has("compaction.file-size") {
		tb.fileSize = v.Size("compaction.file-size")
	}
	if v.Get("sink.partition-commit.policy.kind") == successPolicy {
		tb.marker = v.Get("sink.partition-commit.success-file.name")
	}
	if tb.dir, err = c.place(v); err != nil {
		errs = append(errs, err)
	}
	if z := v.Get("sink.partition-commit.watermark-time-zone"); z != "" {
		if tb.zone, err = time.LoadLocation(z); err != nil {
			errs = append(errs, v.Errorf("sink.partition-commit.watermark-time-zone", "there is no time zone %q", z))
		}
	}
	switch name {
	case "":
	case parquet.Name:
		if _, err := parquet.ParseOptions(tb.opts); err != nil {
			errs = append(errs, v.Errorf("format", "%w", err))
		}
	case avro.Name:
		if _, err := avro.ParseFileOptions(tb.opts); err != nil {
			errs = append(errs, v.Errorf("format", "%w", err))
		}
	default:
		if !slices.Contains(lineFormats, name) {
			break // told already
		}
		if err := formats.Validate(name, tb.opts); err != nil {
			errs = append(errs, v.Errorf("format", "%w", err))
		}
	}
	for i, col := range t.Columns {
		switch {
		case col.Kind != catalog.Physical:
		case !slices.Contains(t.PartitionBy, i):
			tb.columns = append(tb.columns, i)
		case !cell.Scalar(col.Type) || col.Type.IsBinary():
			errs = append(errs, v.Errorf("connector", "column %s of type %s cannot be a partition", col.Name, col.Type))
		}
	}
	if len(tb.columns) == 0 {
		errs = append(errs, v.Errorf("connector", "there is no column besides those of the partition"))
	}
	errs = append(errs, tb.checkPattern(v)...)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return tb, nil
}

func (c *Connector) place(v option.Values) (string, error) {
	p := v.Get("path")
	if strings.Contains(p, "://") {
		u, err := url.Parse(p)
		if err != nil || u.Scheme != "file" || u.Host != "" && u.Host != "localhost" {
			return "", fault.WithRemedy(v.Errorf("path", "option 'path' is '%s': only local directories are supported", p), "write a path, or file:///path")
		}
		p = u.Path
	}
	if p != "" && !filepath.IsAbs(p) {
		p = filepath.Join(c.Lake, p)
	}
	return filepath.Clean(p), nil
}

func (tb *table) checkPattern(v option.Values) []error {
	var errs []error
	for _, name := range patternNames(tb.pattern) {
		if i := tb.t.ColumnIndex(name); i < 0 || !slices.Contains(tb.partition, i) {
			errs = append(errs, v.Errorf("partition.time-extractor.timestamp-pattern", "the pattern names $%s, which is no partition column", name))
		}
	}
	if tb.marker != "" && len(tb.partition) == 0 {
		errs = append(errs, fault.WithRemedy(v.Errorf("sink.partition-commit.policy.kind", "a table without partitions has none to mark"), "declare PARTITIONED BY (…)"))
	}
	return errs
}

// fields are the columns in the files.
func (tb *table) fields(cols []int) []format.Field {
	out := make([]format.Field, len(cols))
	for i, c := range cols {
		out[i] = format.Field{Name: tb.t.Columns[c].Name, Type: tb.t.Columns[c].Type}
	}
	return out
}
