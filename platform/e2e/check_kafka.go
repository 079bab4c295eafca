package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/kafka"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// readTopics gives fn all committed records that the topics hold now.
func readTopics(ctx context.Context, cfg kafka.Config, fn func(r *kgo.Record), topics ...string) error {
	cl, err := kafka.NewClient(cfg)
	if err != nil {
		return err
	}
	defer cl.Close()
	adm := kadm.NewClient(cl)
	ends, err := adm.ListCommittedOffsets(ctx, topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return kafka.Classify(err, "ask for the ends of %s", strings.Join(topics, ", "))
	}
	starts, err := adm.ListStartOffsets(ctx, topics...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return kafka.Classify(err, "ask for the starts of %s", strings.Join(topics, ", "))
	}
	from := map[string]map[int32]kgo.Offset{}
	type place struct {
		topic     string
		partition int32
	}
	open := map[place]int64{}
	ends.Each(func(o kadm.ListedOffset) {
		if first, ok := starts.Lookup(o.Topic, o.Partition); ok && first.Offset < o.Offset {
			open[place{o.Topic, o.Partition}] = o.Offset
			if from[o.Topic] == nil {
				from[o.Topic] = map[int32]kgo.Offset{}
			}
			from[o.Topic][o.Partition] = kgo.NewOffset().At(first.Offset)
		}
	})
	if len(open) == 0 {
		return nil
	}
	// Markers of transactions are read too: the end of a partition may be one.
	reader, err := kafka.NewClient(cfg, kgo.ConsumePartitions(from), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords())
	if err != nil {
		return err
	}
	defer reader.Close()
	for len(open) > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return kafka.Classify(err, "read %s", strings.Join(topics, ", "))
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at := place{r.Topic, r.Partition}
			end, more := open[at]
			if !more || r.Offset >= end {
				delete(open, at)
				return
			}
			if !r.Attrs.IsControl() {
				fn(r)
			}
			if r.Offset+1 >= end {
				delete(open, at)
			}
		})
	}
	return nil
}

// checkChanges counts the change records of each table: one for each row change. For the table without a key this is all there is to see.
func checkChanges(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	got := map[string]account.Changes{}
	var topics []string
	for table := range e.Changes {
		topics = append(topics, "ods_shop_"+table)
	}
	var bad error
	err := readTopics(ctx, s.Kafka, func(r *kgo.Record) {
		var c struct {
			Type string            `json:"type"`
			Data []json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(r.Value, &c); err != nil {
			bad = fault.Wrap(fault.Data, err, "read record %s[%d]@%d", r.Topic, r.Partition, r.Offset)
			return
		}
		table := strings.TrimPrefix(r.Topic, "ods_shop_")
		n, rows := got[table], int64(len(c.Data))
		switch c.Type {
		case "INSERT":
			n.Inserts += rows
		case "UPDATE":
			n.Updates += rows
		case "DELETE":
			n.Deletes += rows
		}
		got[table] = n
	}, topics...)
	if err == nil {
		err = bad
	}
	return compare(e.Changes, got), err
}

// checkLog counts lines, of which each comes exactly once.
func checkLog(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	if e.LogLines == 0 {
		return nil, nil
	}
	lines, records := map[string]struct{}{}, int64(0)
	var bad error
	err := readTopics(ctx, s.Kafka, func(r *kgo.Record) {
		var l struct {
			Raw string `json:"raw"`
		}
		if err := json.Unmarshal(r.Value, &l); err != nil {
			bad = fault.Wrap(fault.Data, err, "read record %s[%d]@%d", r.Topic, r.Partition, r.Offset)
			return
		}
		lines[l.Raw] = struct{}{}
		records++
	}, "ods_nginx_access")
	if err == nil {
		err = bad
	}
	return compare(map[string]int64{"records": e.LogLines, "different lines": e.LogLines}, map[string]int64{"records": records, "different lines": int64(len(lines))}), err
}

// BrokenRecord is the class of dead letters whose Kafka record could not be decoded.
const BrokenRecord = "broken_record"

// checkDeadLetters counts different dead letters by what is wrong with them. An input may have become several: a batch that was posted again, a record that
// several jobs read.
func checkDeadLetters(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	seen := map[string]bool{}
	got := map[string]int64{}
	var out []Difference
	err := readTopics(ctx, s.Kafka, func(r *kgo.Record) {
		class := classify(r)
		if id := class + "\x00" + string(r.Value); !seen[id] {
			seen[id] = true
			got[class]++
		}
		if header(r, "reason") == "" {
			out = append(out, Difference{Key: fmt.Sprintf("record %d has no reason", r.Offset), Want: "a reason", Got: "none"})
		}
	}, "freshet_dead_letter")
	return append(out, compare(e.Rejected, got)...), err
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// classify tells what is wrong with the input of a dead letter, by the reason that it carries.
func classify(r *kgo.Record) string {
	reason := header(r, "reason")
	switch source := header(r, "source"); {
	case source == "log":
		return account.LogLine
	case source != "http":
		if header(r, "topic") == "ods_page_view" {
			return BrokenRecord
		}
		return "of " + header(r, "topic") + ": " + reason
	}
	for _, c := range []struct{ class, text string }{
		{account.Oversized, "more than"}, {account.UnknownField, "unknown field"}, {account.MissingMid, "field mid is missing"}, {account.NotJSON, "not a JSON array"},
		{account.NotJSON, "not JSON"}, {account.BadType, "invalid value"}, {account.BadType, "duration_ms"},
	} {
		if strings.Contains(reason, c.text) {
			return c.class
		}
	}
	return "other: " + reason
}
