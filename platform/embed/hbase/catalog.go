package hbase

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
)

const (
	defaultNamespace = "default"
	systemNamespace  = "hbase"
	// foreverTTL is HBase's "no expiry", in seconds.
	foreverTTL = 1<<31 - 1
	// noLimit is the number of versions kept when VERSIONS is not bounded.
	noLimit = 1<<31 - 1
)

// family holds a column family's attributes as the client gave them.
type family struct {
	Name  string
	Attrs map[string]string

	maxVersions int
	minVersions int
	ttlMillis   uint64 // 0 keeps cells for ever
}

// resolve derives the numbers from the attributes.
func (f *family) resolve() error {
	f.maxVersions, f.minVersions, f.ttlMillis = 1, 0, 0
	number := func(key string, into *int) error {
		text, ok := f.Attrs[key]
		if !ok {
			return nil
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 {
			return throwf(classIllegalArgument, "column family %s: %s must be a number, is %q", f.Name, key, text)
		}
		*into = int(min(n, noLimit))
		return nil
	}
	ttl := foreverTTL
	if err := number("VERSIONS", &f.maxVersions); err != nil {
		return err
	}
	if err := number("MIN_VERSIONS", &f.minVersions); err != nil {
		return err
	}
	if f.Attrs["TTL"] != "FOREVER" {
		if err := number("TTL", &ttl); err != nil {
			return err
		}
	}
	if f.maxVersions == 0 {
		return throwf(classIllegalArgument, "column family %s: VERSIONS must be at least 1", f.Name)
	}
	if ttl == 0 {
		return throwf(classIllegalArgument, "column family %s: TTL must be at least 1 second", f.Name)
	}
	if ttl < foreverTTL {
		f.ttlMillis = uint64(ttl) * 1000
	}
	return nil
}

// table is a catalog entry. Entries are immutable: a change stores a new one.
type table struct {
	Namespace string
	Name      string
	Data      uint32 // id of the table's cells in Pebble
	RegionID  uint64 // creation time in ms, part of the regions' names
	Enabled   bool
	Families  []*family // sorted by name
	Splits    [][]byte
	Attrs     map[string]string

	regions []*region
}

// region is a row range of an enabled or disabled table.
type region struct {
	table      *table
	name       []byte
	encoded    string
	start, end []byte // end is empty for the last region

	// mu is held shared by blind writes, exclusively by read-modify-writes and by
	// the sweeper; never while waiting for a disk sync.
	mu     sync.RWMutex
	closed bool
	// written counts bytes since the last sweep.
	written atomic.Int64
}

func (t *table) fullName() string {
	if t.Namespace == defaultNamespace {
		return t.Name
	}
	return t.Namespace + ":" + t.Name
}

func (t *table) family(name []byte) *family {
	for _, f := range t.Families {
		if f.Name == string(name) {
			return f
		}
	}
	return nil
}

// resolve prepares the families of an entry that is new or was read.
func (t *table) resolve() error {
	for _, f := range t.Families {
		if err := f.resolve(); err != nil {
			return err
		}
	}
	slices.SortFunc(t.Families, func(a, b *family) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// open makes the table's regions.
func (t *table) open() {
	t.regions = nil
	var start []byte
	for i := range len(t.Splits) + 1 {
		var end []byte
		if i < len(t.Splits) {
			end = t.Splits[i]
		}
		prefix := fmt.Appendf(nil, "%s,%s,%d", t.fullName(), start, t.RegionID)
		sum := md5.Sum(prefix)
		encoded := hex.EncodeToString(sum[:])
		t.regions = append(t.regions, &region{
			table: t, encoded: encoded, start: start, end: end,
			name: fmt.Appendf(nil, "%s.%s.", prefix, encoded),
		})
		start = end
	}
}

func (r *region) contains(row []byte) bool {
	return bytes.Compare(row, r.start) >= 0 && (len(r.end) == 0 || bytes.Compare(row, r.end) < 0)
}

// view is one immutable state of the catalog.
type view struct {
	tables    map[string]*table
	regions   map[string]*region // by full and by encoded name
	snapshots map[string]*snapshot
	meta      []metaRow
}

// catalog is the set of tables and snapshots, kept in Pebble.
type catalog struct {
	db     *pebble.DB
	server string // host:port as hbase:meta tells it
	start  uint64

	admin sync.Mutex // one administrative change at a time
	now   atomic.Pointer[view]
	data  uint32 // last data id given out
	last  uint64 // last region id given out
}

// snapshot is a copy of a table's definition and data at a point in time.
type snapshot struct {
	Name    string
	Table   *table
	Data    uint32
	Created int64
	Owner   string
	Kind    int32
	Version int32
}

func openCatalog(db *pebble.DB, server string, start uint64) (*catalog, error) {
	c := &catalog{db: db, server: server, start: start}
	v := &view{tables: map[string]*table{}, snapshots: map[string]*snapshot{}}
	err := scanPrefix(db, keyCatalog, func(value []byte) error {
		t := &table{}
		if err := json.Unmarshal(value, t); err != nil {
			return fmt.Errorf("read catalog entry: %w", err)
		}
		if err := t.resolve(); err != nil {
			return fmt.Errorf("read catalog entry of %s: %w", t.Name, err)
		}
		t.open()
		c.data, c.last = max(c.data, t.Data), max(c.last, t.RegionID)
		v.tables[t.fullName()] = t
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = scanPrefix(db, keySnapshot, func(value []byte) error {
		s := &snapshot{}
		if err := json.Unmarshal(value, s); err != nil {
			return fmt.Errorf("read snapshot entry: %w", err)
		}
		if err := s.Table.resolve(); err != nil {
			return fmt.Errorf("read snapshot entry of %s: %w", s.Name, err)
		}
		c.data = max(c.data, s.Data)
		v.snapshots[s.Name] = s
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.publish(v)
	return c, nil
}

func scanPrefix(db *pebble.DB, prefix byte, each func(value []byte) error) error {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte{prefix}, UpperBound: []byte{prefix + 1}})
	if err != nil {
		return fmt.Errorf("read catalog: %w", err)
	}
	for it.First(); it.Valid(); it.Next() {
		if err := each(it.Value()); err != nil {
			return joinClose(err, it)
		}
	}
	return it.Close()
}

// publish derives the look-up tables and makes v current.
func (c *catalog) publish(v *view) {
	v.regions = map[string]*region{}
	v.meta = nil
	for _, t := range v.tables {
		for _, r := range t.regions {
			v.regions[string(r.name)] = r
			v.regions[r.encoded] = r
		}
		v.meta = append(v.meta, metaRows(t, c.server, c.start)...)
	}
	slices.SortFunc(v.meta, func(a, b metaRow) int { return compareMeta(a.row, b.row) })
	c.now.Store(v)
}

// change stores put and removes drop in one synced batch, then publishes the view that
// edit makes of the current one. The caller holds admin.
func (c *catalog) change(edit func(v *view), write func(b *pebble.Batch) error) error {
	b := c.db.NewBatch()
	if err := write(b); err != nil {
		return joinClose(err, b)
	}
	if err := b.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("write catalog: %w", err)
	}
	old := c.now.Load()
	v := &view{tables: maps.Clone(old.tables), snapshots: maps.Clone(old.snapshots)}
	edit(v)
	c.publish(v)
	return nil
}

func catalogKey(name string) []byte  { return append([]byte{keyCatalog}, name...) }
func snapshotKey(name string) []byte { return append([]byte{keySnapshot}, name...) }

func setJSON(b *pebble.Batch, key []byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode catalog entry: %w", err)
	}
	return b.Set(key, text, nil)
}

// store replaces a table by t. Its old regions, if any, are closed first, so that no
// request that looked one up earlier still writes.
func (c *catalog) store(t *table, more func(b *pebble.Batch) error) error {
	c.closeRegions(c.now.Load().tables[t.fullName()])
	return c.change(func(v *view) { v.tables[t.fullName()] = t }, func(b *pebble.Batch) error {
		if more != nil {
			if err := more(b); err != nil {
				return err
			}
		}
		return setJSON(b, catalogKey(t.fullName()), t)
	})
}

func (c *catalog) closeRegions(t *table) {
	if t == nil {
		return
	}
	for _, r := range t.regions {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
	}
}

// fresh copies a table's definition with new region objects.
func (t *table) fresh() *table {
	n := *t
	n.open()
	return &n
}

func (c *catalog) nextData() uint32 {
	c.data++
	return c.data
}

// nextRegionID never repeats, so that a client's cached region of a dropped table is
// told from the new one's.
func (c *catalog) nextRegionID(now uint64) uint64 {
	c.last = max(c.last+1, now)
	return c.last
}

// region finds a region by the name or encoded name of a request.
func (c *catalog) region(name []byte) (*region, error) {
	if string(name) == metaRegionName || string(name) == metaEncodedName {
		return metaRegion, nil
	}
	if r, ok := c.now.Load().regions[string(name)]; ok && r.table.Enabled {
		return r, nil
	}
	return nil, throwf(classNotServing, "%s is not online", name)
}
