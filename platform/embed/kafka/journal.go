package kafka

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// The broker ends a transaction by several writes: a marker in each partition, then each group's offsets, then its producer log. A kill
// between them would leave outputs committed and offsets not, and the consumer would do its work twice. So the decision to commit is written to a
// journal first, in one write, with the offsets that belong to it; at the next start a decision that was not carried out to its end is completed.

// decision is one EndTxn(commit) that the broker was asked for.
type decision struct {
	Producer int64        `json:"producer"`
	Epoch    int16        `json:"epoch"`
	Groups   []txnOffsets `json:"groups,omitempty"`
}

// txnOffsets are the offsets that a transaction commits for one group.
type txnOffsets struct {
	Group   string      `json:"group"`
	Offsets []txnOffset `json:"offsets"`
}

type txnOffset struct {
	Topic       string `json:"topic"`
	Partition   int32  `json:"partition"`
	Offset      int64  `json:"offset"`
	LeaderEpoch int32  `json:"leader_epoch"`
	Metadata    string `json:"metadata"`
}

const (
	journalFile = "decisions.log"
	journalMax  = 4 << 20 // bytes, after which it is rewritten with the last decision of each producer
)

// journal is the open journal. The broker calls its hooks one at a time.
type journal struct {
	mu      sync.Mutex
	path    string
	sync    bool
	f       *os.File
	size    int64
	last    map[int64]decision
	pending map[int64][]txnOffsets
}

func openJournal(dir string, sync bool) (*journal, error) {
	j := &journal{path: filepath.Join(dir, journalFile), sync: sync, last: map[int64]decision{}, pending: map[int64][]txnOffsets{}}
	f, err := os.Open(j.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Wrap(fault.Config, err, "open the transaction journal")
	}
	if err == nil {
		defer f.Close()
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var d decision
			if json.Unmarshal(lines.Bytes(), &d) != nil {
				break // torn by the kill: the broker had not begun to carry it out
			}
			j.last[d.Producer] = d
		}
	}
	return j, j.rewrite()
}

// rewrite starts the file anew with the last decision of each producer.
func (j *journal) rewrite() error {
	var data []byte
	for _, d := range j.last {
		line, err := json.Marshal(d)
		if err != nil {
			return fault.Wrap(fault.Internal, err, "encode a decision")
		}
		data = append(append(data, line...), '\n')
	}
	if err := os.WriteFile(j.path+".new", data, 0o644); err != nil {
		return fault.Wrap(fault.Config, err, "write the transaction journal")
	}
	if err := os.Rename(j.path+".new", j.path); err != nil {
		return fault.Wrap(fault.Config, err, "replace the transaction journal")
	}
	if j.f != nil {
		_ = j.f.Close()
	}
	f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fault.Wrap(fault.Config, err, "open the transaction journal")
	}
	j.f, j.size = f, int64(len(data))
	return nil
}

func (j *journal) close() {
	j.mu.Lock()
	defer j.mu.Unlock()
	_ = j.f.Close()
}

// watch hooks the journal into the broker. A decision that cannot be written is refused: the client's connection is closed and it asks again.
func (j *journal) watch(c *kfake.Cluster) {
	c.ControlKey(int16(kmsg.TxnOffsetCommit), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		j.note(r.(*kmsg.TxnOffsetCommitRequest))
		return nil, nil, false
	})
	c.ControlKey(int16(kmsg.EndTxn), func(r kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if err := j.decide(r.(*kmsg.EndTxnRequest)); err != nil {
			return nil, err, true
		}
		return nil, nil, false
	})
}

// note remembers a transaction's offsets until it ends.
func (j *journal) note(r *kmsg.TxnOffsetCommitRequest) {
	g := txnOffsets{Group: r.Group}
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			o := txnOffset{Topic: t.Topic, Partition: p.Partition, Offset: p.Offset, LeaderEpoch: p.LeaderEpoch}
			if p.Metadata != nil {
				o.Metadata = *p.Metadata
			}
			g.Offsets = append(g.Offsets, o)
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending[r.ProducerID] = append(j.pending[r.ProducerID], g)
}

func (j *journal) decide(r *kmsg.EndTxnRequest) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	d := decision{Producer: r.ProducerID, Epoch: r.ProducerEpoch, Groups: j.pending[r.ProducerID]}
	delete(j.pending, r.ProducerID)
	if !r.Commit {
		return nil
	}
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if j.size > journalMax {
		if err := j.rewrite(); err != nil {
			return err
		}
	}
	if _, err := j.f.Write(append(line, '\n')); err != nil {
		return err
	}
	j.size += int64(len(line)) + 1
	j.last[d.Producer] = d
	if j.sync {
		return j.f.Sync()
	}
	return nil
}

// unfinished are the decisions that the broker's own producer log does not show as carried out, or as refused because the producer had been
// replaced: either leaves an entry with a later epoch, or the end of this one.
func (j *journal) unfinished(dir string) ([]decision, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "pids.log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Config, err, "read the producer log")
	}
	type state struct {
		epoch int16
		ended bool
	}
	seen := map[int64]state{}
	for _, data := range logEntries(raw) {
		var e struct {
			Type  string `json:"type"`
			PID   int64  `json:"pid"`
			Epoch int16  `json:"epoch"`
		}
		if json.Unmarshal(data, &e) == nil {
			seen[e.PID] = state{e.Epoch, e.Type != "init"}
		}
	}
	var out []decision
	for _, d := range j.last {
		if s, ok := seen[d.Producer]; ok && s.epoch == d.Epoch && !s.ended {
			out = append(out, d)
		}
	}
	return out, nil
}

// logEntries reads the broker's framed log: length, CRC-32C, version and data, little-endian; it stops at a torn entry as the broker does.
func logEntries(raw []byte) [][]byte {
	const head = 10
	var out [][]byte
	for len(raw) >= head {
		n := int(binary.LittleEndian.Uint32(raw))
		if n < 2 || len(raw) < 8+n || crc32.Checksum(raw[8:8+n], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(raw[4:]) {
			break
		}
		out = append(out, raw[head:8+n])
		raw = raw[8+n:]
	}
	return out
}

// complete carries out what is left of the decisions: commit markers where the transaction is still open, then the offsets. It returns the
// transactions that stay open, to be aborted.
func complete(ctx context.Context, addr string, ds []decision, open []openTxn) ([]openTxn, error) {
	if len(ds) == 0 {
		return open, nil
	}
	// From version 10 on an offset commit names topics by id; the journal keeps names.
	versions := kversion.Stable()
	versions.SetMaxKeyVersion(int16(kmsg.OffsetCommit), 9)
	cl, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.MaxVersions(versions))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "complete transactions")
	}
	defer cl.Close()
	for _, d := range ds {
		var mine []openTxn
		open = slices.DeleteFunc(open, func(o openTxn) bool {
			if o.producer != d.Producer || o.epoch != d.Epoch {
				return false
			}
			mine = append(mine, o)
			return true
		})
		if err := mark(ctx, cl, mine, true); err != nil {
			return nil, err
		}
		for _, g := range d.Groups {
			if err := commitOffsets(ctx, cl, g); err != nil {
				return nil, err
			}
		}
	}
	return open, nil
}

func commitOffsets(ctx context.Context, cl *kgo.Client, g txnOffsets) error {
	req := kmsg.NewPtrOffsetCommitRequest()
	req.Group, req.Generation = g.Group, -1
	for _, o := range g.Offsets {
		p := kmsg.NewOffsetCommitRequestTopicPartition()
		p.Partition, p.Offset, p.LeaderEpoch, p.Metadata = o.Partition, o.Offset, o.LeaderEpoch, &o.Metadata
		t := kmsg.NewOffsetCommitRequestTopic()
		t.Topic, t.Partitions = o.Topic, append(t.Partitions, p)
		req.Topics = append(req.Topics, t)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "complete the offsets of group %s", g.Group)
	}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
				return fault.Wrap(fault.Internal, err, "complete the offset of group %s in %s-%d", g.Group, t.Topic, p.Partition)
			}
		}
	}
	return nil
}
