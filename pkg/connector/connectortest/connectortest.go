// Package connectortest drives the sinks, lookups and scans of connectors without a job around them: tables come as DDL, rows as JSON.
package connectortest

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/obs"
	"github.com/freshet-dw/freshet/pkg/sql"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Rig is a process of a job with some connectors. Another Rig is another process.
type Rig struct {
	TB  testing.TB
	Set *connector.Set
	Env *connector.Env
}

// New makes a process of job "job".
func New(t testing.TB, cs ...connector.Connector) *Rig {
	return &Rig{TB: t, Set: connector.NewSet(cs...), Env: &connector.Env{Job: "job", Instance: "0", Zone: time.UTC, Tel: obs.Discard()}}
}

// Restart is the process after a crash: nothing that it held is there any more.
func (r *Rig) Restart() *Rig {
	return &Rig{TB: r.TB, Set: r.Set, Env: &connector.Env{Job: r.Env.Job, Instance: r.Env.Instance, Zone: r.Env.Zone, Tel: r.Env.Tel}}
}

// Check declares the table and describes it.
func (r *Rig) Check(ddl string) (*catalog.Table, catalog.Caps, error) {
	s, err := sql.Compile("t.sql", ddl, sql.Options{Describer: r.Set})
	if err != nil {
		return nil, catalog.Caps{}, err
	}
	caps, err := r.Set.Describe(s.Tables[0])
	return s.Tables[0], caps, err
}

// Table declares a table that is right.
func (r *Rig) Table(ddl string) *catalog.Table {
	r.TB.Helper()
	t, _, err := r.Check(ddl)
	if err != nil {
		r.TB.Fatal(fault.Render(err, ddl))
	}
	return t
}

// Faults gives the messages and remedies of a table that is wrong.
func (r *Rig) Faults(ddl string) string {
	r.TB.Helper()
	_, _, err := r.Check(ddl)
	if err == nil {
		r.TB.Fatalf("no fault was found in %s", ddl)
	}
	if fault.KindOf(err) != fault.Config {
		r.TB.Errorf("kind %s: %v", fault.KindOf(err), err)
	}
	if p, ok := fault.PosOf(fault.Flatten(err)[0]); !ok || p.Line == 0 {
		r.TB.Errorf("no position: %v", err)
	}
	return fault.Render(err, ddl)
}

// Physical are the columns that are written.
func Physical(t *catalog.Table) []int {
	var out []int
	for i, c := range t.Columns {
		if c.Kind == catalog.Physical {
			out = append(out, i)
		}
	}
	return out
}

// Rows makes a batch of the table's columns. A row is a JSON object, with -U, +U or -D before it if it is no insert.
func (r *Rig) Rows(t *catalog.Table, rows ...string) *batch.Batch {
	r.TB.Helper()
	var fields []format.Field
	for _, c := range Physical(t) {
		fields = append(fields, format.Field{Name: t.Columns[c].Name, Type: t.Columns[c].Type})
	}
	return r.decode(fields, rows)
}

func (r *Rig) decode(fields []format.Field, rows []string) *batch.Batch {
	r.TB.Helper()
	dec, err := formats.NewDecoder("json", fields, nil)
	if err != nil {
		r.TB.Fatal(err)
	}
	b := batch.NewBuilder()
	for _, f := range fields {
		b = batch.NewBuilder(append(slices.Clone(b.Types()), batch.ArrowType(f.Type))...)
	}
	var msgs []format.Message
	kinds := make([]batch.Kind, len(rows))
	for i, s := range rows {
		for k := batch.UpdateBefore; k <= batch.Delete; k++ {
			if rest, ok := strings.CutPrefix(s, k.String()); ok {
				kinds[i], s = k, rest
			}
		}
		msgs = append(msgs, format.Message{Value: []byte(strings.TrimSpace(s))})
	}
	dec.Decode(msgs, b, func(i int, err error) { r.TB.Fatalf("row %s: %v", rows[i], err) })
	out := b.Build()
	out.Kinds = kinds
	return out
}

// Sink opens a writer of all columns.
func (r *Rig) Sink(t *catalog.Table, worker int) endpoint.Sink {
	r.TB.Helper()
	caps, err := r.Set.Describe(t)
	if err != nil {
		r.TB.Fatal(err)
	}
	n := &plan.Sink{P: plan.Props{ID: 7}, Table: t, Columns: Physical(t), Caps: caps}
	for _, k := range t.PrimaryKey {
		n.Keys = append(n.Keys, slices.Index(n.Columns, k))
	}
	s, err := r.sinker(t).NewSink(r.TB.Context(), r.Env, n, worker)
	if err != nil {
		r.TB.Fatal(err)
	}
	return s
}

func (r *Rig) sinker(t *catalog.Table) connector.Sinker {
	c, err := r.Set.Of(t)
	if err != nil {
		r.TB.Fatal(err)
	}
	return c.(connector.Sinker)
}

// Epoch is epoch id, which began id seconds after noon.
func Epoch(id int64) endpoint.Epoch {
	return endpoint.Epoch{ID: id, Version: uint64(id), Token: "job-" + string(rune('0'+id%10)), Now: time.Date(2024, 5, 1, 12, 0, int(id), 0, time.UTC)}
}

// Stage writes an epoch up to its flush.
func (r *Rig) Stage(s endpoint.Sink, e endpoint.Epoch, batches ...*batch.Batch) error {
	if err := s.Begin(e); err != nil {
		return err
	}
	for _, b := range batches {
		if err := s.Write(r.TB.Context(), b); err != nil {
			return err
		}
	}
	return s.Flush(r.TB.Context())
}

// Write writes an epoch and publishes it.
func (r *Rig) Write(s endpoint.Sink, e endpoint.Epoch, batches ...*batch.Batch) {
	r.TB.Helper()
	if err := r.Stage(s, e, batches...); err != nil {
		r.TB.Fatal(err)
	}
	if err := s.Commit(r.TB.Context(), e); err != nil {
		r.TB.Fatal(err)
	}
}

// Lookup opens a lookup of all columns by some.
func (r *Rig) Lookup(t *catalog.Table, keys ...string) endpoint.Lookup {
	r.TB.Helper()
	c, err := r.Set.Of(t)
	if err != nil {
		r.TB.Fatal(err)
	}
	l, err := c.(connector.Lookuper).NewLookup(r.TB.Context(), r.Env, &plan.LookupJoin{Table: t, TableKeys: columns(t, keys), Columns: Physical(t)}, 0)
	if err != nil {
		r.TB.Fatal(err)
	}
	return l
}

func columns(t *catalog.Table, names []string) []int {
	var out []int
	for _, n := range names {
		out = append(out, t.ColumnIndex(n))
	}
	return out
}

// Ask looks up keys, JSON objects, and gives per key its rows as text, joined with ";".
func (r *Rig) Ask(l endpoint.Lookup, t *catalog.Table, keys []string, rows ...string) []string {
	r.TB.Helper()
	var fields []format.Field
	for _, c := range columns(t, keys) {
		fields = append(fields, format.Field{Name: t.Columns[c].Name, Type: t.Columns[c].Type})
	}
	b := r.decode(fields, rows)
	b.Kinds = nil
	found, offsets, err := l.Lookup(r.TB.Context(), b)
	if err != nil {
		r.TB.Fatal(err)
	}
	out := make([]string, len(rows))
	for i := range rows {
		var texts []string
		for k := offsets[i]; k < offsets[i+1]; k++ {
			texts = append(texts, found.RowString(int(k)))
		}
		out[i] = strings.Join(texts, ";")
	}
	return out
}

// Scan reads the table's columns to the end, as text. positions may say where splits go on.
func (r *Rig) Scan(t *catalog.Table, cols []string, positions map[string]int64) []string {
	r.TB.Helper()
	c, err := r.Set.Of(t)
	if err != nil {
		r.TB.Fatal(err)
	}
	of := Physical(t)
	if cols != nil {
		of = columns(t, cols)
	}
	s, err := c.(connector.Scanner).NewScan(r.TB.Context(), r.Env, &plan.Source{Table: t, Columns: of})
	if err != nil {
		r.TB.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := s.Seek(positions); err != nil {
		r.TB.Fatal(err)
	}
	rd, err := s.NewReader(0)
	if err != nil {
		r.TB.Fatal(err)
	}
	var out []string
	for {
		chunks, err := s.Poll(context.Background())
		for _, c := range chunks {
			if err := rd.Decode(c, func(b *batch.Batch) error {
				for i := range b.N {
					out = append(out, b.RowString(i))
				}
				return nil
			}); err != nil {
				r.TB.Fatal(err)
			}
		}
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			r.TB.Fatal(err)
		}
	}
}
