// Package dim is the connector freshet-dim: lookups in a dimension through the lookup service of the dimension layer, which knows in which store
// the dimension is, keeps what many jobs ask for, and is told of changes.
//
// A lookup goes by all columns of the key. Questions go in batches, each distinct key once. While the service is down or too busy the lookup
// waits, as with a store; an answer that the service gives from its cache because the store does not answer is taken.
package dim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/connector/internal/cell"
	"github.com/freshet-dw/freshet/pkg/connector/internal/point"
	"github.com/freshet-dw/freshet/pkg/connector/internal/remote"
	"github.com/freshet-dw/freshet/pkg/connector/option"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/formats"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// Connector is freshet-dim.
type Connector struct{}

var (
	_ connector.Connector = Connector{}
	_ connector.Lookuper  = Connector{}
)

// Specs are the options.
var Specs = append([]option.Spec{
	{Key: "url", Required: true, Help: "Address of the lookup service's HTTP interface: http://host:port."},
	{Key: "table-name", Help: "Dimension. Default: the name of the declared table."},
	{Key: "lookup.batch-size", Kind: option.Int, Default: "500", Help: "Most keys asked for at once."},
	{Key: "lookup.timeout", Kind: option.Duration, Default: "5 s", Help: "How long to wait for an answer before asking again."},
}, point.Specs...)

// Names implements connector.Connector.
func (Connector) Names() []string { return []string{"freshet-dim"} }

// table is a declared table, understood.
type table struct {
	t       *catalog.Table
	url     string
	batch   int
	timeout time.Duration
	cache   point.Settings
}

// Describe implements connector.Connector.
func (Connector) Describe(t *catalog.Table) (catalog.Caps, error) {
	if _, err := parse(t); err != nil {
		return catalog.Caps{}, err
	}
	return catalog.Caps{Lookup: true}, nil
}

func parse(t *catalog.Table) (*table, error) {
	v, err := option.Check(t, Specs)
	if err != nil {
		return nil, err
	}
	var errs []error
	tb := &table{t: t, batch: int(v.Int("lookup.batch-size")), timeout: v.Duration("lookup.timeout")}
	u, err := url.Parse(v.Get("url"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		errs = append(errs, fault.WithRemedy(v.Errorf("url", "option 'url' is '%s', which is no address of a service", v.Get("url")), "write http://host:port"))
	} else {
		name := v.Get("table-name")
		if name == "" {
			name = t.Name
		}
		tb.url = u.JoinPath("v1/dim", name).String()
	}
	if tb.batch < 1 {
		errs = append(errs, v.Errorf("lookup.batch-size", "option 'lookup.batch-size' must be at least 1"))
	}
	if len(t.PrimaryKey) == 0 {
		errs = append(errs, fault.WithRemedy(v.Errorf("connector", "a dimension is looked up by its key"), "declare PRIMARY KEY (…) NOT ENFORCED: the dimension's key columns, in its order"))
	}
	for _, k := range t.PrimaryKey {
		if !cell.Scalar(t.Columns[k].Type) {
			errs = append(errs, v.Errorf("connector", "column %s of type %s cannot be in a dimension's key", t.Columns[k].Name, t.Columns[k].Type))
		}
	}
	if _, err := rows(t, nil); err != nil {
		errs = append(errs, v.Errorf("connector", "%w", err))
	}
	tb.cache, err = point.Read(v)
	return tb, errors.Join(append(errs, err)...)
}

// rows makes a decoder of the service's rows with the columns, all of them if nil.
func rows(t *catalog.Table, cols []int) (format.Decoder, error) {
	var fields []format.Field
	for i, c := range t.Columns {
		if c.Kind == catalog.Physical && (cols == nil || slices.Contains(cols, i)) {
			fields = append(fields, format.Field{Name: c.Name, Type: c.Type.AsNullable()})
		}
	}
	if cols != nil { // in their order
		slices.SortFunc(fields, func(a, b format.Field) int {
			return slices.Index(cols, t.ColumnIndex(a.Name)) - slices.Index(cols, t.ColumnIndex(b.Name))
		})
	}
	return formats.NewDecoder("json", fields, format.Options{"timestamp-format.standard": "ISO-8601"})
}

// fetcher asks for the keys of one worker.
type fetcher struct {
	env    *connector.Env
	tb     *table
	http   *http.Client
	dec    format.Decoder
	key    []int // columns of the keys, in the order of the dimension's key
	names  []string
	types  []arrow.DataType
	answer []byte
}

// NewLookup implements connector.Lookuper.
func (Connector) NewLookup(_ context.Context, env *connector.Env, j *plan.LookupJoin, _ int) (endpoint.Lookup, error) {
	tb, err := parse(j.Table)
	if err != nil {
		return nil, err
	}
	f := &fetcher{env: env, tb: tb, types: point.Types(j.Table, j.Columns)}
	for _, k := range j.Table.PrimaryKey {
		f.key = append(f.key, slices.Index(j.TableKeys, k))
	}
	if len(j.TableKeys) != len(f.key) || slices.Contains(f.key, -1) {
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "table %s: a dimension is looked up by all columns of its key and no other", j.Table.Name), "put other conditions into WHERE")
	}
	for _, c := range j.Columns {
		f.names = append(f.names, j.Table.Columns[c].Name)
	}
	if f.dec, err = rows(j.Table, j.Columns); err != nil {
		return nil, err
	}
	f.http, err = connector.Shared(env, "freshet-dim", func() (*http.Client, func() error, error) {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 64
		return &http.Client{Transport: t}, func() error { t.CloseIdleConnections(); return nil }, nil
	})
	return point.New(j, tb.cache, f.fetch), err
}

func (f *fetcher) fetch(ctx context.Context, keys *batch.Batch, out *batch.Builder) error {
	for from := 0; from < keys.N; from += f.tb.batch {
		to := min(from+f.tb.batch, keys.N)
		body, err := f.question(keys, from, to)
		if err != nil {
			return err
		}
		err = remote.Do(ctx, f.env, "look up keys of dimension "+f.tb.t.Name, func(ctx context.Context) error { return f.ask(ctx, body) })
		if err != nil {
			return err
		}
		if err := f.read(from, to, out); err != nil {
			return err
		}
	}
	return nil
}

// question is the body that asks for keys from to to.
func (f *fetcher) question(keys *batch.Batch, from, to int) ([]byte, error) {
	q := struct {
		Keys    [][]string `json:"keys"`
		Columns []string   `json:"columns"`
	}{Columns: f.names}
	for i := from; i < to; i++ {
		parts := make([]string, len(f.key))
		for p, c := range f.key {
			parts[p] = cell.Text(keys.Cols[c], i)
		}
		q.Keys = append(q.Keys, parts)
	}
	return json.Marshal(q)
}

// ask puts the answer to one question into f.answer.
func (f *fetcher) ask(ctx context.Context, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, f.tb.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, f.tb.url, bytes.NewReader(body))
	if err != nil {
		return fault.Wrap(fault.Config, err, "lookup service")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := f.http.Do(req)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "lookup service")
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 256<<20))
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "lookup service: read the answer")
	}
	if res.StatusCode == http.StatusOK {
		f.answer = answer
		return nil
	}
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(answer, &said) != nil || said.Error == "" {
		said.Error = res.Status
	}
	kind := fault.Permanent
	if res.StatusCode == http.StatusTooManyRequests || res.StatusCode/100 == 5 {
		kind = fault.Unavailable
	}
	return fault.Newf(kind, "lookup service: %s", said.Error)
}

// read appends the rows of an answer to keys from to to.
func (f *fetcher) read(from, to int, out *batch.Builder) error {
	var answer struct {
		Rows []struct {
			Found bool            `json:"found"`
			Row   json.RawMessage `json:"row"`
		} `json:"rows"`
	}
	if err := json.Unmarshal(f.answer, &answer); err != nil {
		return fault.Wrap(fault.Permanent, err, "lookup service: the answer is no JSON")
	}
	if len(answer.Rows) != to-from {
		return fault.Newf(fault.Permanent, "lookup service: %d answers to %d keys", len(answer.Rows), to-from)
	}
	var msgs []format.Message
	var of []int32
	for i, r := range answer.Rows {
		if r.Found {
			msgs = append(msgs, format.Message{Value: r.Row})
			of = append(of, int32(from+i))
		}
	}
	before := len(out.Msg)
	var bad error
	f.dec.Decode(msgs, out, func(i int, err error) {
		if bad == nil {
			bad = fault.Wrap(fault.Permanent, err, "lookup service: row of key %d", int(of[i])-from)
		}
	})
	for i := before; i < len(out.Msg); i++ {
		out.Msg[i] = of[out.Msg[i]]
	}
	return bad
}
