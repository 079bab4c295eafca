package exec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path"
	"sort"
	"sync"
	"time"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/engine/operator"
	"github.com/freshet-dw/freshet/pkg/engine/state"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/sql/plan"
)

// formatVersion is the version of manifests and intents.
const formatVersion = 1

// manifest names everything that one commit's state consists of. It is immutable; the committed offsets name it.
type manifest struct {
	Version     int            `json:"version"`
	Epoch       int64          `json:"epoch"`
	Groups      int            `json:"groups"`
	Fingerprint string         `json:"plan"`
	Files       []fileRef      `json:"files"` // the last full snapshot's, then the changes since in order
	Clocks      map[int]*clock `json:"clocks,omitempty"`
	Marks       []int64        `json:"marks"`
	Positions   []splitRange   `json:"positions,omitempty"` // only Next counts
}

type fileRef struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	CRC   uint32 `json:"crc32c"`
	Full  bool   `json:"full,omitempty"`
}

// intent is written before the first sink outside the transaction is flushed.
type intent struct {
	Version int          `json:"version"`
	Epoch   int64        `json:"epoch"`
	Workers int          `json:"workers"`
	Now     time.Time    `json:"now"`
	Final   bool         `json:"final,omitempty"`
	Ranges  []splitRange `json:"ranges"`
}

type splitRange struct {
	Source int    `json:"source"`
	ID     string `json:"split"`
	From   int64  `json:"from"`
	Next   int64  `json:"next"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// snapshots reads and writes a job's state directory: NAME/intent.json, NAME/manifest/E.json, NAME/data/E-W.state.
type snapshots struct {
	store     blob.Store
	dir       string
	cfg       Config
	g         *graph
	last      *manifest // of the newest snapshot, committed or about to be
	lastName  string
	kept      []*manifest // committed, oldest first
	keptNames []string
	seq       int // makes names unique within a process
	nonce     string
	plan      string // the plan's fingerprint
	sinceB    int64  // bytes of changes since the last full snapshot
	baseB     int64
}

func newSnapshots(cfg Config, g *graph) *snapshots {
	return &snapshots{store: cfg.State, dir: cfg.Name, cfg: cfg, g: g, plan: g.fingerprint(), nonce: fmt.Sprintf("%x", time.Now().UnixNano())}
}

func (s *snapshots) stateful() bool {
	for _, n := range s.g.nodes {
		if keepsState(n) {
			return true
		}
	}
	return false
}

// open reads the manifest called name; no name, no state yet.
func (s *snapshots) open(ctx context.Context, name string) (*manifest, error) {
	if name == "" {
		return nil, nil
	}
	if s.store == nil {
		return nil, fault.New(fault.Config, "the job has committed state but no state directory is configured")
	}
	data, err := s.store.Get(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.WithRemedy(fault.Wrap(fault.Permanent, err, "the committed offsets name snapshot %s, which is not in %s", name, s.store),
			"restore the state directory from a backup, or start the job under a new name to read its input from the start")
	}
	if err != nil {
		return nil, fmt.Errorf("read snapshot %s: %w", name, err)
	}
	m := &manifest{}
	if err := json.Unmarshal(data, m); err != nil {
		return nil, fault.Wrap(fault.Permanent, err, "snapshot %s is damaged", name)
	}
	if m.Version > formatVersion {
		return nil, fault.Newf(fault.Permanent, "snapshot %s has format %d; this version reads up to %d", name, m.Version, formatVersion)
	}
	if m.Fingerprint != s.plan {
		return nil, fault.WithRemedy(fault.Newf(fault.Config, "the state of job %s belongs to another plan: its SQL was changed", s.cfg.Name),
			"undo the change, or give the job a new name so that it starts from its input again")
	}
	if m.Groups != s.cfg.Groups {
		return nil, fault.Newf(fault.Config, "job %s has state in %d key groups and is configured for %d; the number is fixed", s.cfg.Name, m.Groups, s.cfg.Groups)
	}
	s.last, s.lastName, s.kept, s.keptNames = m, name, []*manifest{m}, []string{name}
	for _, f := range m.Files {
		if f.Full {
			s.baseB += f.Bytes
		} else {
			s.sinceB += f.Bytes
		}
	}
	return m, nil
}

// load reads the manifest's files and checks them against it.
func (s *snapshots) load(ctx context.Context, m *manifest) ([][]byte, error) {
	files := make([][]byte, len(m.Files))
	for i, f := range m.Files {
		data, err := s.store.Get(ctx, f.Name)
		if err != nil {
			return nil, fmt.Errorf("read state %s: %w", f.Name, err)
		}
		if int64(len(data)) != f.Bytes || crc32.Checksum(data, castagnoli) != f.CRC {
			return nil, fault.Newf(fault.Permanent, "state file %s in %s is damaged: %d bytes with checksum %08x, want %d with %08x",
				f.Name, s.store, len(data), crc32.Checksum(data, castagnoli), f.Bytes, f.CRC)
		}
		files[i] = data
	}
	return files, nil
}

// full decides whether the next snapshot is a full one: when the changes outweigh what they change, or are too many files.
func (s *snapshots) full() bool {
	return s.last == nil || s.sinceB > max(2*s.baseB, 8<<20) || len(s.last.Files) > 400
}

func (s *snapshots) put(ctx context.Context, m *manifest) (string, error) {
	data, err := json.Marshal(m)
	if err != nil {
		return "", err
	}
	name := path.Join(s.dir, "manifest", fmt.Sprintf("%012d-%s-%d.json", m.Epoch, s.nonce, s.seq))
	if err := s.store.Put(ctx, name, data); err != nil {
		return "", fmt.Errorf("write snapshot %s: %w", name, err)
	}
	return name, nil
}

// committed forgets what no kept manifest needs: the two newest commits are kept.
func (s *snapshots) committed(ctx context.Context, name string) {
	if s.store == nil || name == "" || s.last == nil || len(s.kept) > 0 && s.kept[len(s.kept)-1] == s.last {
		return
	}
	s.kept, s.keptNames = append(s.kept, s.last), append(s.keptNames, name)
	if len(s.kept) <= 2 {
		return
	}
	needed := map[string]bool{}
	for _, m := range s.kept[1:] {
		for _, f := range m.Files {
			needed[f.Name] = true
		}
	}
	for _, f := range s.kept[0].Files {
		if !needed[f.Name] {
			s.remove(ctx, f.Name)
		}
	}
	s.remove(ctx, s.keptNames[0])
	s.kept, s.keptNames = s.kept[1:], s.keptNames[1:]
}

func (s *snapshots) remove(ctx context.Context, name string) {
	if err := s.store.Delete(ctx, name); err != nil {
		s.cfg.Log.Warn("old state is left behind", "job", s.cfg.Name, "object", name, "err", err)
	}
}

// sweep removes what a crash left: data files that the recovered manifest does not name.
func (s *snapshots) sweep(ctx context.Context, m *manifest, manifestName string) {
	names, err := s.store.List(ctx, s.dir+"/")
	if err != nil {
		return
	}
	needed := map[string]bool{manifestName: true, path.Join(s.dir, "intent.json"): true}
	if m != nil {
		for _, f := range m.Files {
			needed[f.Name] = true
		}
	}
	for _, n := range names {
		if !needed[n] && (path.Base(path.Dir(n)) == "data" || path.Base(path.Dir(n)) == "manifest") {
			s.remove(ctx, n)
		}
	}
}

func (s *snapshots) writeIntent(ctx context.Context, in *intent) error {
	if s.store == nil {
		return fault.New(fault.Config, "a sink outside Kafka needs a state directory for exactly-once")
	}
	sort.Slice(in.Ranges, func(i, j int) bool {
		a, b := in.Ranges[i], in.Ranges[j]
		return a.Source < b.Source || a.Source == b.Source && a.ID < b.ID
	})
	data, err := json.Marshal(in)
	if err != nil {
		return err
	}
	if err := s.store.Put(ctx, path.Join(s.dir, "intent.json"), data); err != nil {
		return fmt.Errorf("write the intent of epoch %d: %w", in.Epoch, err)
	}
	return nil
}

func (s *snapshots) readIntent(ctx context.Context) (*intent, error) {
	if s.store == nil {
		return nil, nil
	}
	data, err := s.store.Get(ctx, path.Join(s.dir, "intent.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the intent: %w", err)
	}
	in := &intent{}
	if err := json.Unmarshal(data, in); err != nil {
		return nil, fault.Wrap(fault.Permanent, err, "the intent of job %s in %s is damaged", s.cfg.Name, s.store)
	}
	return in, nil
}

// snapshot writes the state that changed in the epoch and a manifest. The name is the last one's if nothing changed.
func (r *run) snapshot(ctx context.Context, force bool) (name string, changed bool, err error) {
	s := r.snaps
	if s.store == nil || !s.stateful() && len(r.clocks) == 0 && r.job.KeepsPositions() {
		return "", false, nil
	}
	full := s.full()
	s.seq++
	var mu sync.Mutex
	files := make([]*fileRef, len(r.workers))
	err = r.each(func(w *worker) error {
		ref, err := w.snapshot(ctx, full)
		mu.Lock()
		files[w.id] = ref
		mu.Unlock()
		return err
	})
	if err != nil {
		return "", false, err
	}
	m := &manifest{Version: formatVersion, Epoch: r.epoch.ID, Groups: len(r.owner), Fingerprint: s.plan, Clocks: r.clocks, Marks: append([]int64(nil), r.marks...)}
	if !r.job.KeepsPositions() {
		for split, pos := range r.positions {
			m.Positions = append(m.Positions, splitRange{Source: split.Source, ID: split.ID, Next: pos})
		}
	}
	if s.last != nil && !full {
		m.Files = append(m.Files, s.last.Files...)
	}
	for _, f := range files {
		if f == nil {
			continue
		}
		m.Files = append(m.Files, *f)
		changed = true
	}
	if !changed && !force && len(r.ranges) == 0 && s.last != nil {
		return s.lastName, false, nil
	}
	if full {
		s.baseB, s.sinceB = 0, 0
	}
	for _, f := range files {
		if f == nil {
			continue
		}
		if full {
			s.baseB += f.Bytes
		} else {
			s.sinceB += f.Bytes
		}
	}
	name, err = s.put(ctx, m)
	if err != nil {
		return "", false, err
	}
	s.last = m
	s.lastName = name
	return name, changed, nil
}

func (w *worker) snapshot(ctx context.Context, full bool) (*fileRef, error) {
	var buf bytes.Buffer
	fw := state.NewFileWriter(&buf)
	for i, op := range w.ops {
		st, ok := op.(operator.Stateful)
		if !ok {
			continue
		}
		if err := st.Snapshot(fw.For(operatorID(i)), full); err != nil {
			return nil, fmt.Errorf("snapshot %s: %w", w.run.g.nodes[i].Describe(), err)
		}
	}
	if err := fw.Close(); err != nil {
		return nil, err
	}
	if fw.Entries() == 0 {
		return nil, nil
	}
	s := w.run.snaps
	ref := &fileRef{
		Name:  path.Join(s.dir, "data", fmt.Sprintf("%012d-%s-%d-%d.state", w.run.epoch.ID, s.nonce, s.seq, w.id)),
		Bytes: int64(buf.Len()), CRC: crc32.Checksum(buf.Bytes(), castagnoli), Full: full,
	}
	if err := s.store.Put(ctx, ref.Name, buf.Bytes()); err != nil {
		return nil, fmt.Errorf("write state %s: %w", ref.Name, err)
	}
	return ref, nil
}

func operatorID(node int) string { return fmt.Sprintf("n%d", node) }

// restore gives every worker the state of its key groups.
func (r *run) restore(ctx context.Context, m *manifest) error {
	files, err := r.snaps.load(ctx, m)
	if err != nil {
		return err
	}
	err = r.each(func(w *worker) error {
		loaded, err := state.Load(files, func(group uint16) bool { return r.owner[group] == int32(w.id) })
		if err != nil {
			return fmt.Errorf("load state: %w", err)
		}
		for i, op := range w.ops {
			if st, ok := op.(operator.Stateful); ok {
				if err := st.Restore(loaded.For(operatorID(i))); err != nil {
					return fmt.Errorf("restore %s: %w", r.g.nodes[i].Describe(), err)
				}
			}
		}
		return nil
	})
	return err
}

func (r *run) restoreClocks(m *manifest) {
	for i, c := range m.Clocks {
		if _, ok := r.clocks[i]; ok && c != nil {
			r.clocks[i] = c
		}
	}
	if len(m.Marks) == len(r.marks) {
		copy(r.marks, m.Marks)
	}
}

// keepsState tells whether a node's operator is stateful.
func keepsState(n plan.Node) bool {
	switch n := n.(type) {
	case *plan.Source, *plan.Values, *plan.Watermark, *plan.Calc, *plan.Exchange, *plan.Union, *plan.LookupJoin, *plan.Correlate:
		return false
	case *plan.WindowAssign:
		return n.Win.Kind == plan.Session
	case *plan.Sink:
		return n.Materialize
	}
	return true
}
