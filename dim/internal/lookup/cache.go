package lookup

import (
	"hash/maphash"
	"sync"
	"time"

	dimpb "github.com/freshet-dw/freshet/dim/proto"
)

// cache keeps what the store said, by key. It is split so that requests seldom wait for each other.
//
// A change of a key drops its entry and leaves a mark. The topic is ahead of the store: the job that writes the table reads the same change. So an
// answer whose question was asked while the mark stood is kept for Unsure only. A mark stands for Settle, and as long as the job has not committed
// the change.
type cache struct {
	cfg    Cache
	now    func() time.Time
	seed   maphash.Seed
	shards []shard

	mu  sync.RWMutex
	all map[partition]mark // changes whose keys are not known: they concern every key
}

type shard struct {
	mu    sync.Mutex
	max   int
	m     map[string]*entry
	root  entry // ring: root.next was used last
	marks map[string]mark
}

// entry is what the store said; row nil: that there is no such key. Only the links change.
type entry struct {
	key           string
	row           []*dimpb.Value
	read, expires time.Time
	prev, next    *entry
}

// partition names a change topic's partition, and the group of the job that reads it.
type partition struct {
	group, topic string
	partition    int32
}

// mark is a change that the store may not have yet.
type mark struct {
	until  time.Time
	at     partition
	offset int64
}

// standing is how long a mark is remembered after it stopped to count: some question may have been asked before.
const standing = time.Minute

func newCache(cfg Cache, now func() time.Time) *cache {
	n := 16
	if cfg.MaxRows < 1024 {
		n = 1
	}
	c := &cache{cfg: cfg, now: now, seed: maphash.MakeSeed(), shards: make([]shard, n), all: map[partition]mark{}}
	for i := range c.shards {
		s := &c.shards[i]
		s.max = (cfg.MaxRows + n - 1) / n
		s.m, s.marks = map[string]*entry{}, map[string]mark{}
		s.root.prev, s.root.next = &s.root, &s.root
	}
	return c
}

func (c *cache) shard(key string) *shard {
	if len(c.shards) == 1 {
		return &c.shards[0]
	}
	return &c.shards[maphash.String(c.seed, key)%uint64(len(c.shards))]
}

// get gives the key's entry, also an expired one: it may be the best that there is while the store is down.
func (c *cache) get(key string) *entry {
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.m[key]
	if e != nil {
		e.unlink()
		s.front(e)
	}
	return e
}

// put keeps the answer to a question that was asked at asked.
func (c *cache) put(key string, row []*dimpb.Value, asked time.Time) {
	now := c.now()
	ttl := c.cfg.TTL
	if row == nil {
		ttl = c.cfg.Missing
	}
	if c.cfg.MaxRows == 0 || ttl == 0 {
		return
	}
	unsure := c.allMarked(asked)
	s := c.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.marks[key]; unsure || ok && m.until.After(asked) {
		ttl = min(ttl, c.cfg.Unsure)
	}
	if old := s.m[key]; old != nil {
		old.unlink()
	}
	e := &entry{key: key, row: row, read: asked, expires: now.Add(ttl)}
	s.m[key] = e
	s.front(e)
	if len(s.m) > s.max {
		s.drop(s.root.prev)
	}
}

func (c *cache) allMarked(asked time.Time) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, m := range c.all {
		if m.until.After(asked) {
			return true
		}
	}
	return false
}

// changed drops a key that changed.
func (c *cache) changed(key string, at partition, offset int64) {
	s := c.shard(key)
	s.mu.Lock()
	if e := s.m[key]; e != nil {
		s.drop(e)
	}
	// More marks than rows cost more than they save: the shard's marks become one for all keys.
	crowded := len(s.marks) > max(s.max, 1024)
	if crowded {
		clear(s.marks)
	}
	s.marks[key] = mark{until: c.now().Add(c.cfg.Settle), at: at, offset: offset}
	s.mu.Unlock()
	if crowded {
		c.markAll(at, offset)
	}
}

// changedAll drops all keys, for a change that does not say which one it concerns.
func (c *cache) changedAll(at partition, offset int64) {
	c.markAll(at, offset)
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		clear(s.m)
		s.root.prev, s.root.next = &s.root, &s.root
		s.mu.Unlock()
	}
}

func (c *cache) markAll(at partition, offset int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all[at] = mark{until: c.now().Add(c.cfg.Settle), at: at, offset: max(offset, c.all[at].offset)}
}

// settle goes through the marks. committed gives the next offset that the job reads; ok is false when it is not known, and then time alone decides.
func (c *cache) settle(committed func(partition) (int64, bool)) {
	now := c.now()
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		settleMarks(s.marks, now, c.cfg.Settle, committed)
		s.mu.Unlock()
	}
	c.mu.Lock()
	settleMarks(c.all, now, c.cfg.Settle, committed)
	c.mu.Unlock()
}

func settleMarks[K comparable](marks map[K]mark, now time.Time, settle time.Duration, committed func(partition) (int64, bool)) {
	for k, m := range marks {
		switch next, known := committed(m.at); {
		case m.until.Add(standing).Before(now):
			delete(marks, k)
			continue
		case known && next > m.offset:
			if m.until.After(now) {
				m.until = now
			}
		case known && m.until.After(now): // the job lags
			m.until = now.Add(settle)
		}
		marks[k] = m
	}
}

// waiting lists the partitions with marks that count.
func (c *cache) waiting(into map[partition]bool) {
	now := c.now()
	add := func(m mark) {
		if m.until.After(now) {
			into[m.at] = true
		}
	}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for _, m := range s.marks {
			add(m)
		}
		s.mu.Unlock()
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, m := range c.all {
		add(m)
	}
}

// len is the number of keys kept.
func (c *cache) len() int {
	n := 0
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}

func (s *shard) front(e *entry) {
	e.prev, e.next = &s.root, s.root.next
	e.prev.next, e.next.prev = e, e
}

func (s *shard) drop(e *entry) {
	e.unlink()
	delete(s.m, e.key)
}

func (e *entry) unlink() { e.prev.next, e.next.prev = e.next, e.prev }
