package kafka

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/connector"
	"github.com/freshet-dw/freshet/pkg/engine/endpoint"
	"github.com/freshet-dw/freshet/pkg/format"
	"github.com/freshet-dw/freshet/pkg/format/formats"
)

// WriteLate implements connector.LateSession: each row is a JSON object of the columns that its operator reads; the headers say which job and
// operator it came too late for. Late rows are few, so an encoder a call is cheap enough.
func (s *session) WriteLate(ctx context.Context, r endpoint.LateRows) error {
	fields := make([]format.Field, len(r.Columns))
	for i, c := range r.Columns {
		fields[i] = format.Field{Name: r.Columns.Name(i), Type: c.Type}
	}
	enc, err := formats.NewEncoder("json", fields, format.Options{"timestamp-format.standard": "ISO-8601"})
	if err != nil {
		return fmt.Errorf("late rows: %w", err)
	}
	headers := []kgo.RecordHeader{{Key: "job", Value: []byte(s.env.Job)}, {Key: "operator", Value: []byte(r.Operator)}}
	rows := *r.Rows
	rows.Kinds = nil // the format takes inserts
	err = enc.Encode(&rows, func(i int, value []byte) error {
		h := append(headers[:len(headers):len(headers)], kgo.RecordHeader{Key: "kind", Value: []byte(r.Rows.Kind(i).String())})
		s.produce(ctx, &kgo.Record{Topic: s.late, Value: append([]byte(nil), value...), Headers: h})
		return nil
	})
	if err != nil {
		return fmt.Errorf("write late rows to %s: %w", s.late, err)
	}
	return nil
}

var _ connector.LateSession = (*session)(nil)
