package collect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// batch makes the records of one request.
type batch struct {
	server  *Server
	request *http.Request
	now     time.Time
	encoder *encoder
	slab    []kgo.Record

	answer  answer
	records []*kgo.Record
}

// take goes through a body: an array of events, or events one after the other. It is read once, as long as its events are objects; if not, encoding/json
// finds where they are, and decides whether the body is JSON at all. An error leaves records that must not be sent.
func (b *batch) take(body []byte) error {
	data := bytes.TrimSpace(body)
	b.encoder.expect(len(data) + 64)
	if b.objects(data) {
		return nil
	}
	events, err := split(data)
	if err != nil {
		return err
	}
	for _, e := range events[len(b.records):] {
		b.add(e)
	}
	return nil
}

// objects takes events from the start of data as long as they are objects; false: events may be left, or something after them is wrong.
func (b *batch) objects(data []byte) bool {
	i, array := 0, false
	if len(data) > 0 && data[0] == '[' {
		i, array = space(data, 1), true
	}
	for {
		ev, end, ok := b.encoder.quick(data, i, b.now.UnixMilli())
		switch {
		case ok && int64(end-i) <= int64(b.server.cfg.MaxEvent):
			b.accept(ev)
		default:
			if end = object(data, i); end == i || !json.Valid(data[i:end]) {
				return false
			}
			b.add(data[i:end])
		}
		i = space(data, end)
		switch {
		case !array && i == len(data):
			return true
		case !array:
		case i < len(data) && data[i] == ',':
			i = space(data, i+1)
		default:
			return i == len(data)-1 && data[i] == ']'
		}
	}
}

// object gives the position after the object that starts at data[i], if what is there is an object; i if there certainly is none.
func object(data []byte, i int) int {
	if i >= len(data) || data[i] != '{' {
		return i
	}
	depth, text := 0, false
	for j := i; j < len(data); j++ {
		switch c := data[j]; {
		case text:
			if c == '\\' {
				j++
			} else if c == '"' {
				text = false
			}
		case c == '"':
			text = true
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return j + 1
			}
		}
	}
	return i
}

// add takes one event of any kind.
func (b *batch) add(e json.RawMessage) {
	reason := ""
	if limit := b.server.cfg.MaxEvent; int64(len(e)) > int64(limit) {
		reason = fmt.Sprintf("the event has %d bytes, more than %s", len(e), limit)
	} else if ev, err := b.encoder.encode(e, b.now.UnixMilli()); err != nil {
		reason = err.Error()
	} else {
		b.accept(ev)
		return
	}
	b.answer.Rejected = append(b.answer.Rejected, rejection{len(b.records), reason})
	b.records = append(b.records, b.server.deadLetter(b.request, e, reason))
}

func (b *batch) accept(ev event) {
	if len(b.slab) == 0 {
		b.slab = make([]kgo.Record, min(max(1, len(b.records)), 256)) // 1, 1, 2, 4, …: few for a beacon's single event
	}
	rec := &b.slab[0]
	b.slab = b.slab[1:]
	rec.Topic, rec.Key, rec.Value, rec.Timestamp = b.server.cfg.Topic, ev.key, ev.value, b.now
	b.answer.Accepted++
	b.records = append(b.records, rec)
}

// split finds the events of a body: an array of objects, or objects one after the other.
func split(data []byte) ([]json.RawMessage, error) {
	trimmed := bytes.TrimSpace(data)
	if len(trimmed) == 0 {
		return nil, errors.New("the body is empty")
	}
	if trimmed[0] == '[' {
		var out []json.RawMessage
		if err := json.Unmarshal(trimmed, &out); err != nil {
			return nil, fmt.Errorf("not a JSON array: %w", err)
		}
		return out, nil
	}
	var out []json.RawMessage
	for d := json.NewDecoder(bytes.NewReader(trimmed)); ; {
		var e json.RawMessage
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("event %d is not JSON: %w", len(out), err)
		}
		out = append(out, e)
	}
}
