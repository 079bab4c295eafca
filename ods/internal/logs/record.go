package logs

import (
	"bytes"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/ods/internal/jsontext"
	"github.com/freshet-dw/freshet/ods/internal/positions"
)

// place is where a line was read.
type place struct {
	file   string
	offset int64
}

func (p place) String() string { return p.file + ":" + strconv.FormatInt(p.offset, 10) }

// record makes the record of a line.
func record(topic, machine string, e *entry, p place, line []byte) *kgo.Record {
	b := make([]byte, 0, 2*len(line)+320)
	text := func(name string, v []byte) {
		b = append(append(append(b, '"'), name...), '"', ':')
		if v == nil {
			b = append(b, "null"...)
		} else {
			b = jsontext.AppendString(b, v)
		}
		b = append(b, ',')
	}
	number := func(name string, n int64) {
		b = append(append(append(b, '"'), name...), '"', ':')
		if n < 0 {
			b = append(b, "null,"...)
		} else {
			b = append(strconv.AppendInt(b, n, 10), ',')
		}
	}
	b = append(b, '{')
	text("remote_addr", e.addr)
	text("remote_user", e.user)
	b = append(b, `"time":"`...)
	b = append(e.time.AppendFormat(b, "2006-01-02T15:04:05.999Z07:00"), '"', ',')
	text("method", e.method)
	text("path", e.path)
	text("protocol", e.protocol)
	number("status", e.status)
	number("bytes", e.bytes)
	text("referer", e.referer)
	text("user_agent", e.agent)
	if e.host == nil {
		text("host", []byte(machine))
	} else {
		text("host", e.host)
	}
	text("file", []byte(p.file))
	number("offset", p.offset)
	if len(e.extra) > 0 {
		b = append(b, `"extra":{`...)
		for i, x := range e.extra {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(jsontext.AppendString(b, []byte(x.name)), ':')
			b = jsontext.AppendString(b, x.value)
		}
		b = append(b, '}', ',')
	}
	text("raw", line)
	b[len(b)-1] = '}'
	return &kgo.Record{Topic: topic, Value: b, Partition: positions.Spread(e.addr)}
}

// deadLetter keeps a line that could not be read.
func deadLetter(dead, topic string, p place, line []byte, reason string) *kgo.Record {
	h := func(k, v string) kgo.RecordHeader { return kgo.RecordHeader{Key: k, Value: []byte(v)} }
	return &kgo.Record{Topic: dead, Value: bytes.Clone(line), Headers: []kgo.RecordHeader{
		h("topic", topic), h("source", "log"), h("position", p.String()), h("file", p.file), h("offset", strconv.FormatInt(p.offset, 10)), h("reason", reason),
	}}
}
