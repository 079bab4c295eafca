package kafka

import (
	"bufio"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// openTxn is a transaction that a partition's log leaves open.
type openTxn struct {
	topic     string
	partition int32
	producer  int64
	epoch     int16
}

// Offsets in the head of a record batch (magic 2), as Kafka's protocol lays it out.
const (
	batchHead       = 61
	batchLength     = 8 // of what follows, 32 bits
	batchAttributes = 21
	batchProducer   = 43
	batchEpoch      = 51

	transactional = 1 << 4
	control       = 1 << 5
)

// openTxns finds the transactions that a killed broker left open, by the heads
// of the batches in the data directory. A broker that loads such a log counts
// them as aborted but writes no marker, and readers of committed records,
// which wait for the marker, would drop the producer's next transaction too.
func openTxns(dir string) ([]openTxn, error) {
	parts, err := filepath.Glob(filepath.Join(dir, "partitions", "*"))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "list partitions")
	}
	var all []openTxn
	for _, part := range parts {
		base := filepath.Base(part)
		dash := strings.LastIndexByte(base, '-')
		if dash < 0 {
			continue
		}
		topic, err1 := url.PathUnescape(base[:dash])
		partition, err2 := strconv.ParseInt(base[dash+1:], 10, 32)
		if err1 != nil || err2 != nil {
			continue
		}
		open, err := openIn(part)
		if err != nil {
			return nil, err
		}
		for producer, epoch := range open {
			all = append(all, openTxn{topic, int32(partition), producer, epoch})
		}
	}
	return all, nil
}

// openIn returns the producers, with their epochs, that have a transaction
// open at the end of a partition's segments.
func openIn(dir string) (map[int64]int16, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.dat"))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "list segments")
	}
	base := func(path string) int64 {
		n, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(path), ".dat"), 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	slices.SortFunc(files, func(a, b string) int { return cmp.Compare(base(a), base(b)) })
	open := map[int64]int16{}
	for _, path := range files {
		if err := scanSegment(path, open); err != nil {
			return nil, err
		}
	}
	return open, nil
}

func scanSegment(path string, open map[int64]int16) error {
	f, err := os.Open(path)
	if err != nil {
		return fault.Wrap(fault.Config, err, "read segment")
	}
	defer f.Close()
	in := bufio.NewReaderSize(f, 256<<10)
	var head [batchHead]byte
	for {
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return endOfSegment(err, path)
		}
		producer := int64(binary.BigEndian.Uint64(head[batchProducer:]))
		switch attributes := binary.BigEndian.Uint16(head[batchAttributes:]); {
		case attributes&control != 0:
			delete(open, producer)
		case attributes&transactional != 0:
			open[producer] = int16(binary.BigEndian.Uint16(head[batchEpoch:]))
		}
		rest := int(int32(binary.BigEndian.Uint32(head[batchLength:]))) + 12 - batchHead
		if rest < 0 {
			return nil // the torn end of a killed write, which the broker cuts off
		}
		if _, err := in.Discard(rest); err != nil {
			return endOfSegment(err, path)
		}
	}
}

func endOfSegment(err error, path string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return fault.Wrap(fault.Unavailable, err, "read segment %s", path)
}

// abort writes the markers that are missing.
func abort(ctx context.Context, addr string, open []openTxn) error {
	if len(open) == 0 {
		return nil
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr))
	if err != nil {
		return fault.Wrap(fault.Internal, err, "abort open transactions")
	}
	defer cl.Close()
	return mark(ctx, cl, open, false)
}

// mark ends transactions in their partitions.
func mark(ctx context.Context, cl *kgo.Client, open []openTxn, commit bool) error {
	if len(open) == 0 {
		return nil
	}
	req := kmsg.NewPtrWriteTxnMarkersRequest()
	for _, o := range open {
		topic := kmsg.NewWriteTxnMarkersRequestMarkerTopic()
		topic.Topic, topic.Partitions = o.topic, []int32{o.partition}
		marker := kmsg.NewWriteTxnMarkersRequestMarker()
		marker.ProducerID, marker.ProducerEpoch, marker.Committed = o.producer, o.epoch, commit
		marker.Topics = append(marker.Topics, topic)
		req.Markers = append(req.Markers, marker)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "end open transactions")
	}
	for _, m := range resp.Markers {
		for _, t := range m.Topics {
			for _, p := range t.Partitions {
				// A topic deleted just before the kill may have left its directory.
				if err := kerr.ErrorForCode(p.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
					return fault.Wrap(fault.Internal, err, "end open transactions of %s-%d", t.Topic, p.Partition)
				}
			}
		}
	}
	return nil
}
