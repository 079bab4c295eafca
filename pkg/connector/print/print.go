// Package print is the connector print: a sink that writes its rows as text, one a line, as Flink's does: "+I[a, 1]".
package print

import (
	"bufio"
	"context"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Connector writes to Out, standard output if nil. Rows of an epoch that is repeated after a crash show twice: a terminal takes nothing back.
type Connector struct {
	Out io.Writer
	mu  sync.Mutex
}

var (
	_ connector.Connector = (*Connector)(nil)
	_ connector.Sinker    = (*Connector)(nil)
)

var specs = []option.Spec{
	{Key: "print-identifier", Help: "Text before each row."},
	{Key: "standard-error", Kind: option.Bool, Default: "false", Help: "Write to standard error."},
	{Key: "sink.parallelism", Kind: option.Int},
}

// Names implements connector.Connector.
func (*Connector) Names() []string { return []string{"print"} }

// Describe implements connector.Connector.
func (*Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	_, err := option.Check(t, specs)
	return catalog.Caps{Sink: true, SinkMode: catalog.AllChanges}, err
}

// NewSink implements connector.Sinker.
func (c *Connector) NewSink(_ context.Context, _ *connector.Env, s *plan.Sink, worker int) (endpoint.Sink, error) {
	v, err := option.Check(s.Table, specs)
	if err != nil {
		return nil, err
	}
	out := c.Out
	if out == nil {
		out = os.Stdout
		if v.Bool("standard-error") {
			out = os.Stderr
		}
	}
	k := &sink{c: c, out: out}
	if id := v.Get("print-identifier"); id != "" {
		k.prefix = id + ":" + strconv.Itoa(worker+1) + "> "
	}
	return k, nil
}

type sink struct {
	c      *Connector
	out    io.Writer
	prefix string
	lines  []string
}

func (k *sink) Begin(endpoint.Epoch) error { k.lines = k.lines[:0]; return nil }

func (k *sink) Write(_ context.Context, b *batch.Batch) error {
	for i := range b.N {
		k.lines = append(k.lines, k.prefix+b.RowString(i)+"\n")
	}
	return nil
}

func (k *sink) Flush(context.Context) error {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	w := bufio.NewWriter(k.out)
	for _, l := range k.lines {
		if _, err := w.WriteString(l); err != nil {
			return err
		}
	}
	return w.Flush()
}

func (k *sink) Commit(context.Context, endpoint.Epoch) error { return nil }
func (k *sink) Close() error                                 { return nil }
