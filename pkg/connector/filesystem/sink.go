package filesystem

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/changes"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

type sink struct {
	env       *connector.Env
	tb        *table
	pub       *publisher
	name      string // of its files, without epoch and suffix
	columns   []int  // input columns of the file's
	partition []int
	rows      *changes.Buffer
	epoch     endpoint.Epoch
}

var _ endpoint.Ticker = (*sink)(nil)

// NewSink implements connector.Sinker.
func (c *Connector) NewSink(_ context.Context, env *connector.Env, s *plan.Sink, worker int) (endpoint.Sink, error) {
	tb, err := c.parse(s.Table)
	if err != nil {
		return nil, err
	}
	k := &sink{env: env, tb: tb, rows: changes.New(nil), name: fmt.Sprintf("%s-%d-%d", scope(env), s.P.ID, worker)}
	for _, cols := range []struct {
		of []int
		to *[]int
	}{{tb.columns, &k.columns}, {tb.partition, &k.partition}} {
		for _, col := range cols.of {
			i := slices.Index(s.Columns, col)
			if i < 0 {
				return nil, fault.Newf(fault.Config, "an INSERT into files must write all columns, also %s", tb.t.Columns[col].Name)
			}
			*cols.to = append(*cols.to, i)
		}
	}
	if _, err := tb.newWriter(io.Discard); err != nil { // what the format cannot hold is told before there are rows
		return nil, fmt.Errorf("table %s: %w", tb.t.Name, err)
	}
	k.pub, err = newPublisher(env, tb)
	return k, err
}

// Begin implements endpoint.Sink.
func (k *sink) Begin(e endpoint.Epoch) error {
	k.epoch = e
	k.rows.Reset()
	return k.pub.start(context.Background(), 0)
}

// Write implements endpoint.Sink.
func (k *sink) Write(_ context.Context, b *batch.Batch) error { return k.rows.Add(b) }

// Flush implements endpoint.Sink: a staged file per partition. The clock in its name tells apart the lives of a job whose progress was thrown away.
func (k *sink) Flush(ctx context.Context) error {
	b := k.rows.Rows()
	if b == nil {
		return nil
	}
	dirs, parts := k.split(b)
	file := fmt.Sprintf("%s-%d-%s.%s", k.name, k.epoch.ID, strconv.FormatInt(changes.Clock(k.epoch), 36), k.tb.format)
	for p, dir := range dirs {
		if parts[p] == nil {
			continue
		}
		part := &batch.Batch{N: parts[p].N, Cols: batch.Select(parts[p], k.columns).Cols}
		name := join(dir, file)
		err := remote.Do(ctx, k.env, "write "+name+" of "+k.tb.dir, func(ctx context.Context) error { return k.tb.writeFile(ctx, k.pub.store, k.pub.staged(name), part) })
		if err != nil {
			return err
		}
		k.pub.add(k.epoch.ID, name)
	}
	return nil
}

// split parts the rows by partition.
func (k *sink) split(b *batch.Batch) ([]string, []*batch.Batch) {
	if len(k.partition) == 0 {
		return []string{""}, []*batch.Batch{b}
	}
	at := map[string]int32{}
	var dirs []string
	dst := make([]int32, b.N)
	var buf []byte
	for i := range b.N {
		buf = k.tb.appendPartition(buf[:0], b, k.partition, i)
		d, ok := at[string(buf)]
		if !ok {
			d = int32(len(dirs))
			dirs = append(dirs, string(buf))
			at[dirs[d]] = d
		}
		dst[i] = d
	}
	return dirs, batch.Partition(b, dst, len(dirs))
}

// Commit implements endpoint.Sink.
func (k *sink) Commit(ctx context.Context, e endpoint.Epoch) error {
	return remote.Do(ctx, k.env, "publish files of "+k.tb.dir, func(ctx context.Context) error { return k.pub.publish(ctx, e.ID) })
}

// Tick implements endpoint.Ticker: partitions that are complete by now are closed.
func (k *sink) Tick(ctx context.Context, e endpoint.Epoch) error {
	return remote.Do(ctx, k.env, "close partitions of "+k.tb.dir, func(ctx context.Context) error { return k.pub.tick(ctx, e) })
}

// Close implements endpoint.Sink.
func (k *sink) Close() error { return nil }
