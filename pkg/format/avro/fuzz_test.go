package avro

import (
	"testing"

	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/internal/formattest"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// FuzzDecode feeds messages of the table's schema, and checks that a decoder for some columns gives what one for all gives.
func FuzzDecode(f *testing.F) {
	fields := allFields()
	b := rows(f, fields, allJSON, `{"i":0}`)
	var good [2][]byte
	for i, o := range []Options{{}, {JSON: true}} {
		e, err := NewEncoder(fields, o)
		if err != nil {
			f.Fatal(err)
		}
		msgs, err := formattest.Encode(f, e, b)
		if err != nil {
			f.Fatal(err)
		}
		good[i] = []byte(msgs[0])
		for _, m := range msgs {
			f.Add([]byte(m), o.JSON)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, json bool) {
		o, g := Options{JSON: json}, good[0]
		if json {
			g = good[1]
		}
		d, err := NewDecoder(fields, nil, o)
		if err != nil {
			t.Fatal(err)
		}
		formattest.Fuzz(t, d, fields, g, data)
		all := formattest.NewBuilder(fields)
		whole := true
		d.Decode([]format.Message{{Value: data}}, all, func(int, error) { whole = false })
		if !whole || data == nil {
			return
		}
		rows := all.Build()
		some := []int{18, 3, 11, 0}
		var wanted []format.Field
		for _, i := range some {
			wanted = append(wanted, fields[i])
		}
		if d, err = NewDecoder(wanted, fields, o); err != nil {
			t.Fatal(err)
		}
		out := formattest.NewBuilder(wanted)
		d.Decode([]format.Message{{Value: data}}, out, func(_ int, err error) { t.Errorf("bad for some columns only: %v", err) })
		if got, want := out.Build().String(), batch.Select(rows, some).String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// FuzzSchema reads any message with any writer's schema.
func FuzzSchema(f *testing.F) {
	for _, s := range []string{rec(`{"name":"i","type":"int"}`), debeziumSchema, `["null",` + rec(`{"name":"s","type":["string","null","Order"],"default":""}`) + `]`, rec(`{"name":"a","type":{"type":"array","items":{"type":"array","items":"null"}}}`),
		rec(`{"name":"m","type":{"type":"map","values":"Order"}},{"name":"dec","type":{"type":"fixed","name":"F","size":40,"logicalType":"decimal","precision":60,"scale":50}}`), rec(`{"name":"n","type":"Order"}`), `"bytes"`} {
		f.Add(s, []byte{2, 1, 2, 4, 'a', 'b', 0, 0})
	}
	fields := formattest.Fields("i", types.Of(types.Int), "s", types.String(), "a", types.ArrayOf(types.Of(types.BigInt)), "dec", types.DecimalOf(38, 6), "m", types.MapOf(types.String(), types.RowOf(types.Field{Name: "i", Type: types.Of(types.Int)})))
	own, err := TableSchema(fields, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, schema string, data []byte) {
		if len(schema) > 2000 || len(data) > 2000 {
			return
		}
		w, err := ParseSchema(schema)
		if err != nil {
			return
		}
		if r, err := NewReader(w, own, fields); err == nil {
			out := formattest.NewBuilder(fields)
			if r.Read(data, out) != nil {
				out.Rollback()
			} else {
				out.RowDone(batch.Insert, 0)
			}
			out.Build()
		}
		if c, err := newChange(w, w, fields[:1]); err == nil {
			d := &DebeziumDecoder{}
			out := formattest.NewBuilder(fields[:1])
			if d.message(c, data, out, 0) != nil {
				out.RollbackTo(0)
			}
			out.Build()
		}
	})
}
