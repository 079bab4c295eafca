package shell

import (
	"context"
	"sync"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/sql/bind"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// connectorName is the connector of the tables that queries write to.
const connectorName = "shell"

// results is a connector whose sinks hand committed rows to the view of the query that runs.
type results struct {
	mu sync.Mutex
	to view
}

var (
	_ connector.Connector = (*results)(nil)
	_ connector.Sinker    = (*results)(nil)
)

// row is one change: its kind and a text for every column.
type row struct {
	kind  batch.Kind
	cells []string
}

// view shows rows as they are committed.
type view interface {
	begin() error
	rows([]row) error
	// end shows what is left to show; stopped: the query was interrupted.
	end(stopped bool) error
}

func (r *results) show(v view) {
	r.mu.Lock()
	r.to = v
	r.mu.Unlock()
}

func (*results) Names() []string { return []string{connectorName} }

func (*results) Describe(*catalog.Table) (catalog.Caps, error) {
	return catalog.Caps{Sink: true, SinkMode: catalog.AllChanges}, nil
}

func (r *results) NewSink(context.Context, *connector.Env, *plan.Sink, int) (endpoint.Sink, error) {
	return &sink{r: r}, nil
}

type sink struct {
	r    *results
	rows []row
}

func (k *sink) Begin(endpoint.Epoch) error { k.rows = k.rows[:0]; return nil }

func (k *sink) Write(_ context.Context, b *batch.Batch) error {
	for i := range b.N {
		r := row{b.Kind(i), make([]string, len(b.Cols))}
		for c, a := range b.Cols {
			if r.cells[c] = bind.Null; !a.IsNull(i) {
				r.cells[c] = batch.ValueString(a, i)
			}
		}
		k.rows = append(k.rows, r)
	}
	return nil
}

func (k *sink) Flush(context.Context) error { return nil }

func (k *sink) Commit(context.Context, endpoint.Epoch) error {
	k.r.mu.Lock()
	defer k.r.mu.Unlock()
	if k.r.to == nil || len(k.rows) == 0 {
		return nil
	}
	err := k.r.to.rows(k.rows)
	k.rows = k.rows[:0]
	return err
}

func (k *sink) Close() error { return nil }
