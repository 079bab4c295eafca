// Package collect is the HTTP collector of tracking events: JSON in, Protobuf records in Kafka out.
//
// An event is acknowledged when Kafka has it. A request whose acknowledgement is lost is sent again by the client, so
// events may repeat; every event has an id, by which the detail layer removes repeats. An event that does not fit the schema is kept in the dead-letter
// topic with the reason, and named in the answer; nothing is dropped in silence.
package collect

import (
	"errors"
	"time"

	"github.com/freshet-dw/freshet/pkg/config"
)

// Config is the collector's section of freshet.yaml.
type Config struct {
	Listen    string        `cfg:"listen" default:"127.0.0.1:8088" help:"Address of the HTTP collector."`
	Topic     string        `cfg:"topic" default:"ods_page_view" help:"Topic that takes the events."`
	Proto     string        `cfg:"proto" default:"proto/page_view.proto" help:"Protobuf schema file, relative to the warehouse directory."`
	Message   string        `cfg:"message" default:"shop.PageView" help:"Full name of the message in it."`
	Key       string        `cfg:"key" default:"mid" help:"Field that keys the records: all events of one value stay in order."`
	ID        string        `cfg:"id" default:"event_id" help:"Field that identifies an event; filled in when an event has none. Empty: no such field."`
	Received  string        `cfg:"received" default:"receive_time" help:"Field that takes the time of arrival, milliseconds. Empty: no such field."`
	MaxBody   config.Bytes  `cfg:"max_body" default:"8MiB" help:"Largest request body, after decompression."`
	MaxEvent  config.Bytes  `cfg:"max_event" default:"256KiB" help:"Largest single event; a larger one is a dead letter."`
	Timeout   time.Duration `cfg:"timeout" default:"15s" help:"How long a request waits for Kafka before it is told to come again."`
	Partition int           `cfg:"partitions" default:"4" help:"Partitions of the topic when it is created."`
	CORS      string        `cfg:"cors" default:"*" help:"Access-Control-Allow-Origin of the answers; empty for none."`
}

// Validate checks what concerns several keys.
func (c *Config) Validate() error {
	var errs []error
	if c.MaxEvent <= 0 || c.MaxBody < c.MaxEvent {
		errs = append(errs, config.Invalid("max_event", "must be above 0 and at most max_body"))
	}
	if c.MaxEvent > 900<<10 {
		errs = append(errs, config.Invalid("max_event", "must be at most 900KiB: a Kafka record holds 1 MiB"))
	}
	if c.Timeout < time.Second {
		errs = append(errs, config.Invalid("timeout", "must be at least 1s"))
	}
	if c.Partition <= 0 {
		errs = append(errs, config.Invalid("partitions", "must be above 0"))
	}
	return errors.Join(errs...)
}
