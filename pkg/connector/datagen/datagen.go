// Package datagen is the connector datagen: rows made up from a seed. Row n of a split depends on the seed, the split and n only, so that a job
// that goes on after a crash sees the same rows again.
package datagen

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"
	"github.com/apache/arrow/go/v15/arrow/decimal128"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// Connector is datagen.
type Connector struct{}

var (
	_ connector.Connector = Connector{}
	_ connector.Scanner   = Connector{}
)

var specs = []option.Spec{
	{Key: "rows-per-second", Kind: option.Int, Default: "10000", Help: "Rows made a second."},
	{Key: "number-of-rows", Kind: option.Int, Help: "Rows in all; without it the source has no end."},
	{Key: "seed", Kind: option.Int, Default: "1", Help: "Start of the pseudo-random numbers."},
	{Key: "scan.parallelism", Kind: option.Int},
	{Key: "fields.*", Help: "Per column: fields.NAME.kind (random, sequence), .min, .max, .length, .start, .end, .null-rate, .max-past."},
}

// Names implements connector.Connector.
func (Connector) Names() []string { return []string{"datagen"} }

// Describe implements connector.Connector.
func (Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	v, err := option.Check(t, specs)
	if err != nil {
		return catalog.Caps{}, err
	}
	if _, err := fields(t, v); err != nil {
		return catalog.Caps{}, err
	}
	return catalog.Caps{Scan: true, SourceMode: catalog.AppendOnly, Bounded: bounded(t, v)}, nil
}

func bounded(t *catalog.Table, v option.Values) bool {
	fs, err := fields(t, v)
	if err != nil {
		return false
	}
	for _, f := range fs {
		if f.sequence {
			return true
		}
	}
	return v.Has("number-of-rows")
}

// field makes the values of one column.
type field struct {
	t          types.Type
	sequence   bool
	start, end int64
	min, max   float64
	length     int
	nullRate   float64
	past       time.Duration
}

func fields(t *catalog.Table, v option.Values) ([]field, error) {
	out := make([]field, len(t.Columns))
	for i, c := range t.Columns {
		f := field{t: c.Type, min: 0, max: 2147483647, length: 100}
		switch c.Type.Kind {
		case types.TinyInt:
			f.max = 127
		case types.SmallInt:
			f.max = 32767
		case types.Decimal:
			f.max = 1e6
		}
		get := func(name string) (string, bool) {
			k := "fields." + c.Name + "." + name
			s := v.Get(k)
			return s, v.Has(k)
		}
		number := func(name string, to *float64) error {
			s, ok := get(name)
			if !ok {
				return nil
			}
			n, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return v.Errorf("fields."+c.Name+"."+name, "option 'fields.%s.%s' is '%s'; it must be a number", c.Name, name, s)
			}
			*to = n
			return nil
		}
		kind, _ := get("kind")
		switch kind {
		case "", "random":
		case "sequence":
			f.sequence = true
		default:
			return nil, v.Errorf("fields."+c.Name+".kind", "option 'fields.%s.kind' is '%s'; it must be random or sequence", c.Name, kind)
		}
		start, end, length := 0.0, 0.0, float64(f.length)
		for name, to := range map[string]*float64{"min": &f.min, "max": &f.max, "start": &start, "end": &end, "length": &length, "null-rate": &f.nullRate} {
			if err := number(name, to); err != nil {
				return nil, err
			}
		}
		if s, ok := get("max-past"); ok {
			d, err := option.ParseDuration(s)
			if err != nil {
				return nil, v.Errorf("fields."+c.Name+".max-past", "option 'fields.%s.max-past' is '%s'; it must be a duration", c.Name, s)
			}
			f.past = d
		}
		f.start, f.end, f.length = int64(start), int64(end), int(length)
		out[i] = f
	}
	return out, nil
}

// NewScan implements connector.Scanner.
func (Connector) NewScan(_ context.Context, _ *connector.Env, s *plan.Source) (connector.Scan, error) {
	v, err := option.Check(s.Table, specs)
	if err != nil {
		return nil, err
	}
	fs, err := fields(s.Table, v)
	if err != nil {
		return nil, err
	}
	g := &scan{rate: max(1, v.Int("rows-per-second")), seed: uint64(v.Int("seed")), total: -1, last: time.Now()}
	if v.Has("number-of-rows") {
		g.total = v.Int("number-of-rows")
	}
	for _, f := range fs {
		if f.sequence && (g.total < 0 || f.end-f.start+1 < g.total) {
			g.total = f.end - f.start + 1
		}
	}
	for _, c := range s.Columns {
		g.fields = append(g.fields, fs[c])
		g.at = append(g.at, c)
	}
	return g, nil
}

const split = "rows/0"

// scan makes rows at its rate, in chunks of row numbers; the readers fill them in.
type scan struct {
	fields []field
	at     []int // table column of each field
	rate   int64
	seed   uint64
	total  int64 // -1: no end
	next   int64
	last   time.Time
	credit float64 // rows that may be made now
}

func (g *scan) Splits() []string { return []string{split} }
func (g *scan) Close() error     { return nil }

func (g *scan) Seek(p map[string]int64) error { g.next = p[split]; return nil }

func (g *scan) Poll(ctx context.Context) ([]*endpoint.Chunk, error) {
	for {
		if g.total >= 0 && g.next >= g.total {
			return nil, io.EOF
		}
		now := time.Now()
		g.credit = min(g.credit+now.Sub(g.last).Seconds()*float64(g.rate), float64(max(g.rate, batch.TargetRows)))
		g.last = now
		n := min(int64(g.credit), 8*batch.TargetRows)
		if g.total >= 0 {
			n = min(n, g.total-g.next)
		}
		if n > 0 {
			g.credit -= float64(n)
			c := newChunk(g.next, g.next+n, now)
			g.next += n
			return []*endpoint.Chunk{c}, nil
		}
		wait := time.NewTimer(min(10*time.Millisecond, time.Duration(float64(time.Second)/float64(g.rate))+time.Millisecond))
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return nil, ctx.Err()
		}
	}
}

func newChunk(from, to int64, now time.Time) *endpoint.Chunk {
	return &endpoint.Chunk{Split: endpoint.Split{ID: split}, From: from, Next: to, Rows: int(to - from), Bytes: int(to-from) * 100, Time: now.UnixMilli(), Payload: now,
		Cut: func(at int64) (*endpoint.Chunk, *endpoint.Chunk) {
			return newChunk(from, at, now), newChunk(at, to, now)
		}}
}

func (g *scan) NewReader(int) (endpoint.Reader, error) { return g, nil }

// Decode implements endpoint.Reader. It keeps no state in g, so that workers may share it.
func (g *scan) Decode(c *endpoint.Chunk, out func(*batch.Batch) error) error {
	now := c.Payload.(time.Time)
	ts := make([]arrow.DataType, len(g.fields))
	for i, f := range g.fields {
		ts[i] = batch.ArrowType(f.t)
	}
	for from := c.From; from < c.Next; from += batch.TargetRows {
		to := min(from+batch.TargetRows, c.Next)
		b := batch.NewBuilder(ts...)
		for n := from; n < to; n++ {
			for i, f := range g.fields {
				rnd := rand.New(rand.NewPCG(g.seed, uint64(n)*1_000_003+uint64(g.at[i])))
				if err := f.append(b.Cols[i], rnd, n, now); err != nil {
					return err
				}
			}
			b.RowDone(batch.Insert, -1)
		}
		if err := out(b.Build()); err != nil {
			return err
		}
	}
	return nil
}

const hexDigits = "0123456789abcdef"

func (f field) append(col array.Builder, rnd *rand.Rand, n int64, now time.Time) error {
	if f.nullRate > 0 && rnd.Float64() < f.nullRate {
		col.AppendNull()
		return nil
	}
	i := int64(f.min) + int64(rnd.Float64()*(f.max-f.min+1))
	x := f.min + rnd.Float64()*(f.max-f.min)
	if f.sequence {
		i = f.start + n
		x = float64(i)
	}
	switch b := col.(type) {
	case *array.BooleanBuilder:
		b.Append(rnd.IntN(2) == 0)
	case *array.Int8Builder:
		b.Append(int8(i))
	case *array.Int16Builder:
		b.Append(int16(i))
	case *array.Int32Builder:
		b.Append(int32(i))
	case *array.Int64Builder:
		b.Append(i)
	case *array.Float32Builder:
		b.Append(float32(x))
	case *array.Float64Builder:
		b.Append(x)
	case *array.Decimal128Builder:
		d, err := decimal128.FromFloat64(x, int32(f.t.Precision), int32(f.t.Scale))
		if err != nil {
			return fmt.Errorf("make a %s: %w", f.t, err)
		}
		b.Append(d)
	case *array.StringBuilder:
		if f.sequence {
			b.Append(strconv.FormatInt(i, 10))
			return nil
		}
		s := make([]byte, f.length)
		for k := range s {
			s[k] = hexDigits[rnd.IntN(16)]
		}
		b.Append(string(s))
	case *array.BinaryBuilder:
		s := make([]byte, f.length)
		for k := range s {
			s[k] = byte(rnd.IntN(256))
		}
		b.Append(s)
	case *array.Date32Builder:
		b.Append(arrow.Date32FromTime(now.Add(-f.before(rnd))))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(now.Add(-f.before(rnd)).UnixMicro()))
	default:
		col.AppendNull()
	}
	return nil
}

func (f field) before(rnd *rand.Rand) time.Duration {
	if f.past <= 0 {
		return 0
	}
	return time.Duration(rnd.Int64N(int64(f.past)))
}
