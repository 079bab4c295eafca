package filesystem

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/freshet-dw/freshet/pkg/blob"
	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/format/avro"
	"github.com/freshet-dw/freshet/pkg/format/parquet"
)

// A merge replaces a partition's files by fewer. It first writes the new files hidden, then a journal that names old and new ones; from then on it is
// carried through, if need be by the next process: new files are shown, old ones deleted, the journal deleted. Before the journal is there nothing has happened.

type journal struct {
	Dir string   `json:"dir"`
	New []string `json:"new"` // in the staging directory under the same name, or shown already
	Old []string `json:"old"`
}

func (p *publisher) journals() string {
	return ".merges/" + strings.TrimPrefix(p.stage, stagingDir+"/")
}

// merge takes the files of this process only: another's are for it to merge.
func (p *publisher) merge(ctx context.Context, dir string) error {
	names, err := p.store.List(ctx, dir+"/")
	if err != nil {
		return err
	}
	own := path.Base(p.stage) + "-"
	var old []string
	for _, n := range names {
		if path.Dir(n) == dir && !hidden(path.Base(n)) && strings.HasPrefix(path.Base(n), own) {
			old = append(old, n)
		}
	}
	if len(old) < 2 {
		return nil
	}
	j := journal{Dir: dir, Old: old}
	w := &mergeWriter{p: p, ctx: ctx, prefix: join(dir, own+"merged-"+strconv.FormatInt(time.Now().UnixMicro(), 36))}
	for _, n := range old {
		if err := w.copy(n); err != nil {
			w.abort()
			return fmt.Errorf("merge %s: %w", n, err)
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	j.New = w.names
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	name := p.journals() + "/" + strings.ReplaceAll(dir, "/", ",") + ".json"
	if err := p.store.Put(ctx, name, data); err != nil {
		return err
	}
	return p.carryOut(ctx, name, j)
}

func (p *publisher) carryOut(ctx context.Context, name string, j journal) error {
	for _, n := range j.New {
		if err := p.store.Rename(ctx, p.staged(n), n); err != nil {
			return err
		}
	}
	for _, n := range j.Old {
		if err := p.store.Delete(ctx, n); err != nil {
			return err
		}
	}
	return p.store.Delete(ctx, name)
}

func (p *publisher) recoverMerges(ctx context.Context) error {
	names, err := p.store.List(ctx, p.journals()+"/")
	if err != nil {
		return err
	}
	for _, n := range names {
		data, err := p.store.Get(ctx, n)
		if err != nil {
			return err
		}
		var j journal
		if err := json.Unmarshal(data, &j); err != nil {
			return fault.Wrap(fault.Permanent, err, "merge journal %s is damaged", n)
		}
		if err := p.carryOut(ctx, n, j); err != nil {
			return err
		}
	}
	return nil
}

// mergeWriter fills files up to the wanted size.
type mergeWriter struct {
	p   *publisher
	ctx context.Context
	// prefix is what the names of the merged files have in common.
	prefix string
	names  []string
	obj    blob.Writer
	w      fileWriter
	lines  int64
}

func (m *mergeWriter) next() error {
	name := fmt.Sprintf("%s-%d.%s", m.prefix, len(m.names), m.p.tb.format)
	var err error
	if m.obj, err = m.p.store.Create(m.ctx, m.p.staged(name)); err != nil {
		return err
	}
	m.names = append(m.names, name)
	m.lines = 0
	if m.p.tb.format == parquet.Name || m.p.tb.format == avro.Name {
		m.w, err = m.p.tb.newWriter(m.obj)
	}
	return err
}

func (m *mergeWriter) end() error {
	if m.obj == nil {
		return nil
	}
	if m.w != nil {
		if err := m.w.Close(); err != nil {
			m.abort()
			return err
		}
	}
	err := m.obj.Close()
	m.obj, m.w = nil, nil
	return err
}

func (m *mergeWriter) abort() {
	if m.obj != nil {
		m.obj.Abort()
		m.obj, m.w = nil, nil
	}
}

func (m *mergeWriter) copy(name string) error {
	f, err := os.Open(filepath.Join(m.p.store.Root, filepath.FromSlash(name)))
	if err != nil {
		return fault.Wrap(fault.Permanent, err, "open %s", name)
	}
	defer func() { _ = f.Close() }()
	if m.obj == nil {
		if err := m.next(); err != nil {
			return err
		}
	}
	if m.w == nil { // rows are lines: files are put one after the other
		n, err := io.Copy(m.obj, f)
		if m.lines += n; err != nil || m.lines < m.p.tb.fileSize {
			return err
		}
		return m.end()
	}
	var r interface {
		rowReader
		io.Closer
	}
	if fields := m.p.tb.fields(m.p.tb.columns); m.p.tb.format == avro.Name {
		r, err = avro.NewFileReader(f, fields, nil)
	} else {
		r, err = parquet.NewReader(m.ctx, f, fields)
	}
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	for {
		b, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if err := m.w.Write(b); err != nil {
			return err
		}
	}
	if m.w.Bytes() < m.p.tb.fileSize {
		return nil
	}
	return m.end()
}
