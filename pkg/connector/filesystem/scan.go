package filesystem

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/memory"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/cell"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/avro"
	"github.com/freshet-dw/freshet/pkg/format/csv"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/format/parquet"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// scan reads the files that are there when it is opened, one after the other, and with source.monitor-interval those that come later. A split
// is a file, its position the number of rows read.
type scan struct {
	env   *connector.Env
	tb    *table
	root  string
	files []string
	// Of the columns asked for: which the files have, and where they and the partition's go.
	cols     []int
	inFile   []int
	at       int
	skip     map[string]int64
	open     rowReader
	handle   *os.File
	values   []*string
	position int64
	size     int64     // of the open file
	modified time.Time // of the open file
	listed   time.Time
	seen     map[string]bool
}

// rowReader gives the next rows of a file, with the columns inFile, or io.EOF.
type rowReader interface {
	Next() (*batch.Batch, error)
}

// NewScan implements connector.Scanner.
func (c *Connector) NewScan(ctx context.Context, env *connector.Env, s *plan.Source) (connector.Scan, error) {
	tb, err := c.parse(s.Table)
	if err != nil {
		return nil, err
	}
	sc := &scan{env: env, tb: tb, cols: s.Columns, skip: map[string]int64{}, root: tb.dir, seen: map[string]bool{}}
	for _, col := range s.Columns {
		if slices.Contains(tb.columns, col) {
			sc.inFile = append(sc.inFile, col)
		}
	}
	if len(sc.inFile) == 0 { // rows must be counted all the same
		sc.inFile = tb.columns[:1]
	}
	return sc, sc.list(ctx)
}

// list finds the files that were not there before.
func (s *scan) list(ctx context.Context) error {
	s.listed = time.Now()
	info, err := os.Stat(s.tb.dir)
	if err != nil {
		if s.tb.monitor > 0 && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return fault.WithRemedy(fault.Wrap(fault.Config, err, "open directory %s", s.tb.dir), "correct option 'path', or write the table first")
	}
	var names []string
	if !info.IsDir() {
		s.root, names = filepath.Dir(s.tb.dir), []string{filepath.Base(s.tb.dir)}
	} else if names, err = (&blob.Dir{Root: s.tb.dir}).List(ctx, ""); err != nil {
		return err
	}
	for _, n := range names {
		if s.seen[n] || info.IsDir() && hidden(n) || s.tb.include != nil && !s.tb.include.MatchString(s.path(n)) {
			continue
		}
		if _, ok := s.tb.partitionValues(path.Dir(n)); !ok && info.IsDir() {
			return fault.Newf(fault.Config, "file %s in %s is not in a directory of the table's partitions", n, s.tb.dir)
		}
		s.seen[n] = true
		s.files = append(s.files, n)
	}
	return nil
}

// path is the file's absolute path.
func (s *scan) path(name string) string {
	p := filepath.Join(s.root, filepath.FromSlash(name))
	if abs, err := filepath.Abs(p); err == nil {
		p = abs
	}
	return p
}

// Splits implements connector.Scan.
func (s *scan) Splits() []string { return s.files }

// Seek implements connector.Scan.
func (s *scan) Seek(positions map[string]int64) error { s.skip = positions; return nil }

// Poll implements connector.Scan. Files are local: it waits for new ones only.
func (s *scan) Poll(ctx context.Context) ([]*endpoint.Chunk, error) {
	for {
		if s.open == nil {
			if s.at == len(s.files) {
				if s.tb.monitor == 0 {
					return nil, io.EOF
				}
				wait := time.NewTimer(time.Until(s.listed.Add(s.tb.monitor)))
				select {
				case <-ctx.Done():
					wait.Stop()
					return nil, nil
				case <-wait.C:
				}
				if err := s.list(ctx); err != nil {
					return nil, err
				}
				continue
			}
			if err := s.openFile(s.files[s.at]); err != nil {
				return nil, err
			}
		}
		name := s.files[s.at]
		b, err := s.open.Next()
		if errors.Is(err, io.EOF) {
			if err := s.closeFile(); err != nil {
				return nil, err
			}
			s.at++
			continue
		}
		if err != nil {
			return nil, fault.Wrap(fault.Permanent, err, "read %s", filepath.Join(s.root, name))
		}
		from := s.position
		s.position += int64(b.N)
		if skip := s.skip[name]; skip > from {
			if skip >= s.position {
				continue
			}
			b, from = batch.Slice(b, int(skip-from), b.N), skip
		}
		if b, err = s.complete(b); err != nil {
			return nil, err
		}
		return []*endpoint.Chunk{chunk(name, b, from)}, nil
	}
}

func (s *scan) openFile(name string) error {
	f, err := os.Open(filepath.Join(s.root, filepath.FromSlash(name)))
	if err != nil {
		kind := fault.Permanent
		if errors.Is(err, fs.ErrNotExist) {
			kind = fault.Transient // merged away since the directory was listed: the next start lists it again
		}
		return fault.Wrap(kind, err, "open %s", name)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fault.Wrap(fault.Transient, err, "open %s", name), f.Close())
	}
	s.handle, s.position, s.size, s.modified = f, 0, info.Size(), info.ModTime()
	if len(s.tb.partition) > 0 {
		s.values, _ = s.tb.partitionValues(path.Dir(name))
	}
	fields := s.tb.fields(s.inFile)
	switch s.tb.format {
	case parquet.Name:
		s.open, err = parquet.NewReader(context.Background(), f, fields)
	case avro.Name:
		s.open, err = avro.NewFileReader(f, fields, s.tb.fields(s.tb.columns))
	default:
		s.open, err = s.lines(f, fields)
	}
	if err != nil {
		s.open = nil
		return errors.Join(fault.Wrap(fault.Permanent, err, "open %s", name), f.Close())
	}
	return nil
}

func (s *scan) closeFile() error {
	var errs []error
	if c, ok := s.open.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	if s.handle != nil {
		errs = append(errs, s.handle.Close())
	}
	s.open, s.handle = nil, nil
	return errors.Join(errs...)
}

// complete adds the columns of the partition and of the file.
func (s *scan) complete(b *batch.Batch) (*batch.Batch, error) {
	out := &batch.Batch{N: b.N, Kinds: b.Kinds, Cols: make([]arrow.Array, len(s.cols))}
	k := 0
	for i, col := range s.cols {
		if def := s.tb.t.Columns[col]; def.Kind == catalog.Metadata {
			out.Cols[i] = s.metadata(def.MetadataKey, b.N)
			continue
		}
		p := slices.Index(s.tb.partition, col)
		if p < 0 {
			out.Cols[i] = b.Cols[k]
			k++
			continue
		}
		def := s.tb.t.Columns[col]
		one := array.NewBuilder(memory.DefaultAllocator, batch.ArrowType(def.Type))
		for range b.N {
			if s.values[p] == nil {
				one.AppendNull()
			} else if err := cell.Parse(one, *s.values[p]); err != nil {
				return nil, fault.Wrap(fault.Permanent, err, "read partition column %s of %s as %s", def.Name, s.files[s.at], def.Type)
			}
		}
		out.Cols[i] = one.NewArray()
	}
	return out, nil
}

// metadata is a column that says the same of all rows of the open file.
func (s *scan) metadata(key string, n int) arrow.Array {
	one := array.NewBuilder(memory.DefaultAllocator, batch.ArrowType(metadata[key]))
	one.Reserve(n)
	p := s.path(s.files[s.at])
	for range n {
		switch b := one.(type) {
		case *array.StringBuilder:
			if key == "file.name" {
				b.Append(filepath.Base(p))
			} else {
				b.Append(p)
			}
		case *array.Int64Builder:
			b.Append(s.size)
		case *array.TimestampBuilder:
			b.Append(arrow.Timestamp(s.modified.UnixMilli() * 1000))
		}
	}
	return one.NewArray()
}

func chunk(name string, b *batch.Batch, from int64) *endpoint.Chunk {
	c := &endpoint.Chunk{Split: endpoint.Split{ID: name}, From: from, Next: from + int64(b.N), Rows: b.N, Bytes: b.N * 16 * max(1, len(b.Cols)), Payload: b}
	c.Cut = func(at int64) (*endpoint.Chunk, *endpoint.Chunk) {
		n := int(at - from)
		return chunk(name, batch.Slice(b, 0, n), from), chunk(name, batch.Slice(b, n, b.N), at)
	}
	return c
}

type reader struct{}

func (reader) Decode(c *endpoint.Chunk, out func(*batch.Batch) error) error {
	return out(c.Payload.(*batch.Batch))
}

// NewReader implements connector.Scan.
func (s *scan) NewReader(int) (endpoint.Reader, error) { return reader{}, nil }

// Close implements connector.Scan.
func (s *scan) Close() error { return s.closeFile() }

// maxLine bounds a line of JSON or CSV.
const maxLine = 64 << 20

// lineReader decodes formats that have a line per row.
type lineReader struct {
	s     *scan
	in    *bufio.Scanner
	dec   format.Decoder
	types []arrow.DataType
	line  int
}

func (s *scan) lines(f *os.File, fields []format.Field) (*lineReader, error) {
	dec, err := formats.NewDecoder(s.tb.format, fields, s.tb.opts, formats.WithSchema(s.tb.fields(s.tb.columns)))
	l := &lineReader{s: s, in: bufio.NewScanner(f), dec: dec}
	l.in.Buffer(make([]byte, 0, 64<<10), maxLine)
	if o, err := csv.ParseOptions(s.tb.opts); s.tb.format == csv.Name && err == nil {
		l.in.Split(o.Split) // a quoted value may hold line breaks
	}
	for _, c := range fields {
		l.types = append(l.types, batch.ArrowType(c.Type))
	}
	return l, err
}

// Next implements rowReader.
func (l *lineReader) Next() (*batch.Batch, error) {
	for {
		var msgs []format.Message
		first := l.line
		for len(msgs) < batch.TargetRows && l.in.Scan() {
			l.line++
			msgs = append(msgs, format.Message{Value: slices.Clone(l.in.Bytes())})
		}
		if err := l.in.Err(); err != nil {
			return nil, err
		}
		if len(msgs) == 0 {
			return nil, io.EOF
		}
		out := batch.NewBuilder(l.types...)
		var bad error
		n := 0
		l.dec.Decode(msgs, out, func(i int, err error) {
			if n++; bad == nil {
				bad = fault.Wrap(fault.Permanent, err, "line %d", first+i+1)
			}
		})
		if bad != nil && !l.s.tb.skipBad {
			return nil, fault.WithRemedy(bad, "correct the file, or set 'bad-records' = 'skip'")
		}
		if n > 0 {
			l.s.env.Metrics.CountBad(l.s.tb.t.Name, "cannot decode", n)
		}
		if b := out.Build(); b.N > 0 {
			return b, nil
		}
	}
}
