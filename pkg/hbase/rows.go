package hbase

import (
	"context"
	"errors"
	"io"
	"math"
	"sync"
	"time"

	"github.com/tsuna/gohbase/hrpc"
	"github.com/tsuna/gohbase/pb"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// MaxVersion is the greatest version a cell can have.
const MaxVersion = math.MaxInt64 - 1

// Cell is a value of a row. Version is its timestamp when read; a write takes the
// version of its Mutation.
type Cell struct {
	Family    string
	Qualifier string
	Value     []byte
	Version   uint64
}

// Row holds a row's cells by family and qualifier in byte order.
type Row struct {
	Key   []byte
	Cells []Cell
}

// Value returns the newest value of a column.
func (r Row) Value(family, qualifier string) ([]byte, bool) {
	for i := range r.Cells {
		if r.Cells[i].Family == family && r.Cells[i].Qualifier == qualifier {
			return r.Cells[i].Value, true
		}
	}
	return nil, false
}

// Columns names what to read: qualifiers by family, none for the whole family. Nil
// reads all families.
type Columns map[string][]string

// Mutation is a write to one row. A deletion without cells covers the whole row, one
// with cells those columns; it hides what is as old as Version or older.
type Mutation struct {
	Row     []byte
	Delete  bool
	Cells   []Cell
	Version uint64
}

func toRow(key []byte, res *hrpc.Result) Row {
	row := Row{Key: key, Cells: make([]Cell, len(res.Cells))}
	for i, c := range res.Cells {
		row.Cells[i] = Cell{Family: string(c.Family), Qualifier: string(c.Qualifier), Value: c.Value, Version: version(c)}
	}
	return row
}

func version(c *hrpc.Cell) uint64 {
	if c.Timestamp == nil {
		return 0
	}
	return *c.Timestamp
}

func getOptions(columns Columns) []func(hrpc.Call) error {
	if columns == nil {
		return nil
	}
	return []func(hrpc.Call) error{hrpc.Families(columns)}
}

// Get reads the newest version of a row's columns; found is false when there is none.
func (c *Client) Get(ctx context.Context, table string, key []byte, columns Columns) (row Row, found bool, err error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	g, err := hrpc.NewGet(ctx, []byte(table), key, append(getOptions(columns), hrpc.SkipBatch())...)
	if err != nil {
		return Row{}, false, classify(err, "read row of %s", table)
	}
	res, err := c.hb.Get(g)
	if err != nil {
		return Row{}, false, classify(err, "read row of %s", table)
	}
	return toRow(key, res), len(res.Cells) > 0, nil
}

// MultiGet reads rows in batches. The result has an entry per key, in order; one
// without cells was not found.
func (c *Client) MultiGet(ctx context.Context, table string, keys [][]byte, columns Columns) ([]Row, error) {
	ctx, cancel := c.within(ctx)
	defer cancel()
	rows := make([]Row, len(keys))
	opts := getOptions(columns)
	calls := make([]hrpc.Call, len(keys))
	for i, key := range keys {
		g, err := hrpc.NewGet(ctx, []byte(table), key, opts...)
		if err != nil {
			return nil, classify(err, "read %d rows of %s", len(keys), table)
		}
		calls[i] = g
	}
	err := c.send(ctx, calls, func(i int, res *hrpc.Result) { rows[i] = toRow(keys[i], res) })
	return rows, classify(err, "read %d rows of %s", len(keys), table)
}

// Apply writes mutations in batches, several in flight. It returns when the server has
// all of them. After an error any part may have been written; applying the same again
// is safe. An error of kind Permanent or Config is not cured by that.
func (c *Client) Apply(ctx context.Context, table string, mutations []Mutation) error {
	ctx, cancel := c.within(ctx)
	defer cancel()
	calls := make([]hrpc.Call, len(mutations))
	for i := range mutations {
		var err error
		if calls[i], err = newMutate(ctx, table, &mutations[i]); err != nil {
			return err
		}
	}
	return classify(c.send(ctx, calls, nil), "write %d rows of %s", len(mutations), table)
}

func newMutate(ctx context.Context, table string, m *Mutation) (hrpc.Call, error) {
	if m.Version > MaxVersion {
		return nil, fault.Newf(fault.Data, "write row of %s: version %d exceeds %d", table, m.Version, uint64(MaxVersion))
	}
	if !m.Delete && len(m.Cells) == 0 {
		return nil, fault.Newf(fault.Data, "write row of %s: no cells", table)
	}
	var values map[string]map[string][]byte
	for i := range m.Cells {
		cell := &m.Cells[i]
		if values == nil {
			values = make(map[string]map[string][]byte, 1)
		}
		family := values[cell.Family]
		if family == nil {
			family = make(map[string][]byte, len(m.Cells))
			values[cell.Family] = family
		}
		family[cell.Qualifier] = cell.Value
	}
	create := hrpc.NewPut
	if m.Delete {
		create = hrpc.NewDel
	}
	call, err := create(ctx, []byte(table), m.Row, values, hrpc.TimestampUint64(m.Version))
	if err != nil {
		return nil, fault.Wrap(fault.Data, err, "write row of %s", table)
	}
	return call, nil
}

// send runs calls in batches, InFlight at a time, and hands out results by index. The
// driver repeats what failed in passing until the context ends.
func (c *Client) send(ctx context.Context, calls []hrpc.Call, each func(i int, res *hrpc.Result)) error {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		first error
		slots = make(chan struct{}, c.cfg.InFlight)
	)
	for from := 0; from < len(calls); from += c.cfg.BatchRows {
		mu.Lock()
		failed := first != nil
		mu.Unlock()
		if failed {
			break
		}
		// The driver reorders the slice it is given for retries.
		batch := append([]hrpc.Call(nil), calls[from:min(from+c.cfg.BatchRows, len(calls))]...)
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := c.sendBatch(ctx, batch, from, each); err != nil {
				mu.Lock()
				first = worse(first, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return first
}

// sendBatch sends one batch and returns the gravest of its errors.
func (c *Client) sendBatch(ctx context.Context, batch []hrpc.Call, from int, each func(int, *hrpc.Result)) error {
	results, ok := c.hb.SendBatch(ctx, batch)
	var err error
	for i, r := range results {
		if r.Error != nil {
			err = worse(err, r.Error)
			continue
		}
		if each == nil {
			continue
		}
		get, isGet := r.Msg.(*pb.GetResponse)
		if !isGet {
			return fault.Newf(fault.Internal, "answer %T to a get", r.Msg)
		}
		each(from+i, hrpc.ToLocalResult(get.GetResult()))
	}
	if err == nil && !ok {
		err = errors.Join(ctx.Err(), errors.New("batch was not executed"))
	}
	return err
}

// worse prefers an error that a repetition does not cure.
func worse(a, b error) error {
	switch {
	case a == nil:
		return b
	case b == nil, kindOf(a, exceptionClass(a)) >= kindOf(b, exceptionClass(b)):
		return a
	default:
		return b
	}
}

// Scan calls fn for each row in [start, stop), in order; empty ends are the table's.
// Rows are the caller's to keep. Timeout bounds each step, not the scan. fn's error
// ends the scan and is returned as it is.
func (c *Client) Scan(ctx context.Context, table string, start, stop []byte, fn func(Row) error) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s, err := hrpc.NewScanRange(ctx, []byte(table), start, stop, hrpc.NumberOfRows(uint32(c.cfg.BatchRows)))
	if err != nil {
		return classify(err, "scan %s", table)
	}
	sc := c.hb.Scan(s)
	for {
		guard := time.AfterFunc(c.cfg.Timeout, func() { cancel(context.DeadlineExceeded) })
		res, err := sc.Next()
		if guard.Stop(); errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				err = cause
			}
			return classify(err, "scan %s", table)
		}
		if len(res.Cells) == 0 {
			continue
		}
		if err := fn(toRow(res.Cells[0].Row, res)); err != nil {
			return errors.Join(err, sc.Close())
		}
	}
}
