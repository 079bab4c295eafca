// Package blackhole is the connector blackhole: a sink that takes everything and keeps nothing, for measuring what comes before it.
package blackhole

import (
	"context"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Connector is the blackhole.
type Connector struct{}

var (
	_ connector.Connector = Connector{}
	_ connector.Sinker    = Connector{}
)

// Names implements connector.Connector.
func (Connector) Names() []string { return []string{"blackhole"} }

// Describe implements connector.Connector.
func (Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	_, err := option.Check(t, nil)
	return catalog.Caps{Sink: true, SinkMode: catalog.AllChanges}, err
}

// NewSink implements connector.Sinker.
func (Connector) NewSink(context.Context, *connector.Env, *plan.Sink, int) (endpoint.Sink, error) {
	return sink{}, nil
}

type sink struct{}

func (sink) Begin(endpoint.Epoch) error                   { return nil }
func (sink) Write(context.Context, *batch.Batch) error    { return nil }
func (sink) Flush(context.Context) error                  { return nil }
func (sink) Commit(context.Context, endpoint.Epoch) error { return nil }
func (sink) Close() error                                 { return nil }
