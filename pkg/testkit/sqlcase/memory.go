package sqlcase

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"github.com/freshet-dw/freshet/pkg/blob"
)

// memory is a blob store that lives as long as its world.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	// after is called after every Put with the object's name; its error is Put's.
	after func(name string) error
}

var _ blob.Store = (*memory)(nil)

func newMemory(after func(name string) error) *memory {
	return &memory{objects: map[string][]byte{}, after: after}
}

func (m *memory) Put(_ context.Context, name string, data []byte) error {
	m.mu.Lock()
	m.objects[name] = bytes.Clone(data)
	m.mu.Unlock()
	return m.after(name)
}

func (m *memory) Get(_ context.Context, name string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[name]
	if !ok {
		return nil, fmt.Errorf("get %s: %w", name, fs.ErrNotExist)
	}
	return bytes.Clone(data), nil
}

func (m *memory) Create(_ context.Context, name string) (blob.Writer, error) {
	return &memoryWriter{m: m, name: name}, nil
}

func (m *memory) List(_ context.Context, prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for name := range m.objects {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	return nil
}

func (m *memory) Rename(_ context.Context, from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[from]
	if !ok {
		if _, done := m.objects[to]; done {
			return nil
		}
		return fmt.Errorf("rename %s: %w", from, fs.ErrNotExist)
	}
	delete(m.objects, from)
	m.objects[to] = data
	return nil
}

func (m *memory) String() string { return "memory" }

type memoryWriter struct {
	bytes.Buffer
	m    *memory
	name string
}

func (w *memoryWriter) Close() error { return w.m.Put(context.Background(), w.name, w.Bytes()) }
func (w *memoryWriter) Abort()       {}
