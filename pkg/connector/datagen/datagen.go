// Package datagen is the connector datagen: rows made up from a seed. Row n of a split depends on the seed, the split and n only, so that a job
// that goes on after a crash sees the same rows again.
package datagen

import (
	"context"
	"io"
	"math/rand/v2"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Connector is datagen.
type Connector struct{}

var (
	_ connector.Connector = Connector{}
	_ connector.Scanner   = Connector{}
)

// Specs are the options; # stands for a column.
var Specs = []option.Spec{
	{Key: "rows-per-second", Kind: option.Int, Default: "10000", Help: "Rows made a second."},
	{Key: "number-of-rows", Kind: option.Int, Help: "Rows in all; without it the source has no end."},
	{Key: "seed", Kind: option.Int, Default: "1", Help: "Start of the pseudo-random numbers."},
	{Key: "scan.parallelism", Kind: option.Int, Help: "Taken for compatibility."},
	{Key: "fields.#.kind", Enum: []string{"random", "sequence"}, Default: "random", Help: "How the values of column # are made. A column with a sequence ends the table."},
	{Key: "fields.#.min", Help: "random: least number. Default: the type's."},
	{Key: "fields.#.max", Help: "random: largest number. Default: the type's."},
	{Key: "fields.#.max-past", Kind: option.Duration, Default: "0 s", Help: "random: how far timestamps lie back at most. DATE and TIME are now."},
	{Key: "fields.#.length", Help: "random: length of VARCHAR and VARBINARY (default: the type's, of STRING and BYTES 100) and number of elements of ARRAY, MAP and MULTISET (default 3)."},
	{Key: "fields.#.var-len", Kind: option.Bool, Default: "false", Help: "random: texts and bytes of different lengths, up to the above."},
	{Key: "fields.#.start", Help: "sequence: first number."},
	{Key: "fields.#.end", Help: "sequence: last number."},
	{Key: "fields.#.null-rate", Default: "0", Help: "Share of NULLs."},
	{Key: "fields.*", Help: "Of parts: fields.ROW.FIELD.min, fields.ARRAY.element.min, fields.MAP.key.min, fields.MAP.value.min and so on."},
}

// Names implements connector.Connector.
func (Connector) Names() []string { return []string{"datagen"} }

// Describe implements connector.Connector.
func (Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	v, err := option.Check(t, Specs)
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

// NewScan implements connector.Scanner.
func (Connector) NewScan(_ context.Context, _ *connector.Env, s *plan.Source) (connector.Scan, error) {
	v, err := option.Check(s.Table, Specs)
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
	for i := range g.fields {
		f := &g.fields[i]
		ts[i] = batch.ArrowType(f.t)
	}
	for from := c.From; from < c.Next; from += batch.TargetRows {
		to := min(from+batch.TargetRows, c.Next)
		b := batch.NewBuilder(ts...)
		for n := from; n < to; n++ {
			for i := range g.fields {
				f := &g.fields[i]
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
