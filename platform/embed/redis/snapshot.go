package redis

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/freshet-dw/freshet/pkg/fault"
)

// replayer returns the function that applies records to the store.
func (s *store) replayer() func(record) error {
	peer := server.NewPeer(bufio.NewWriter(io.Discard))
	db := 0
	return func(r record) error {
		if r.db != db {
			s.srv.Dispatch(peer, []string{"SELECT", strconv.Itoa(r.db)})
			db = r.db
		}
		dice := len(r.cmds) > 1
		for _, cmd := range r.cmds {
			dice = dice || random(strings.ToUpper(cmd[0]))
		}
		s.set(r.time, dice)
		for _, cmd := range r.cmds {
			s.srv.Dispatch(peer, cmd)
			s.learn(cmd)
			s.timed = s.timed || timed(cmd)
			if strings.ToUpper(cmd[0]) == "SELECT" {
				db = -1 // chosen inside a transaction: choose anew
			}
		}
		peer.Flush()
		return nil
	}
}

// dump writes the whole store as records at a time. The store must be locked.
// It returns false when there is something that commands cannot recreate.
func (s *store) dump(t time.Time) ([]byte, bool) {
	var out []byte
	put := func(db int, cmd ...string) {
		out = record{time: t, db: db, cmds: [][]string{cmd}}.encode(out)
	}
	for _, sha := range slices.Sorted(maps.Keys(s.scripts)) {
		put(0, "SCRIPT", "LOAD", s.scripts[sha])
	}
	for n := range databases {
		db := s.mini.DB(n)
		for _, key := range db.Keys() {
			if !dumpKey(db, key, func(cmd ...string) { put(n, cmd...) }) {
				return nil, false
			}
		}
	}
	return out, true
}

// dumpKey gives the commands that recreate a key; collections go in portions,
// so that no record grows without bound.
func dumpKey(db *miniredis.RedisDB, key string, put func(...string)) bool {
	portions := func(command string, args []string) {
		for part := range slices.Chunk(args, 1000) {
			put(append([]string{command, key}, part...)...)
		}
	}
	var err error
	switch db.Type(key) {
	case "string":
		var v string
		v, err = db.Get(key)
		put("SET", key, v)
	case "hash":
		var fields []string
		fields, err = db.HKeys(key)
		var pairs []string
		for _, f := range fields {
			pairs = append(pairs, f, db.HGet(key, f))
		}
		portions("HSET", pairs)
		for _, f := range fields {
			if ttl := db.HTTL(key, f); ttl > 0 {
				put("HEXPIRE", key, strconv.FormatInt(ceil(ttl, time.Second), 10), "FIELDS", "1", f)
			}
		}
	case "list":
		var values []string
		values, err = db.List(key)
		portions("RPUSH", values)
	case "set":
		var members []string
		members, err = db.Members(key)
		portions("SADD", members)
	case "zset":
		var scores map[string]float64
		scores, err = db.SortedSet(key)
		var pairs []string
		for _, m := range slices.Sorted(maps.Keys(scores)) {
			pairs = append(pairs, formatScore(scores[m]), m)
		}
		portions("ZADD", pairs)
	default:
		return false
	}
	if ttl := db.TTL(key); ttl > 0 {
		put("PEXPIRE", key, strconv.FormatInt(ceil(ttl, time.Millisecond), 10))
	}
	return err == nil
}

func ceil(d, unit time.Duration) int64 { return int64((d + unit - 1) / unit) }

func formatScore(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "+inf"
	case math.IsInf(f, -1):
		return "-inf"
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// compact begins a new log and writes the store as the snapshot before it. It
// is called with the store locked: the copy is taken at once, the file is
// written in the background. Until it is complete the older files stay, so a
// crash at any moment finds either the old snapshot with all logs or the new.
func (s *Server) compact(t time.Time) {
	w := s.wal
	w.mu.Lock()
	busy := w.compacting || w.closed || w.ended
	w.compacting = true
	w.mu.Unlock()
	if busy {
		return
	}
	done := func() {
		w.mu.Lock()
		w.compacting = false
		w.mu.Unlock()
	}
	data, ok := s.store.dump(t)
	if !ok {
		s.cfg.Log.Debug("embedded redis: streams or HyperLogLogs prevent compaction")
		s.cfg.CompactBytes *= 2
		done()
		return
	}
	next, err := w.rotate()
	if err != nil {
		s.cfg.Log.Warn("embedded redis: compaction put off", "err", err)
		done()
		return
	}
	// A snapshot larger than the limit must not start the next one at once.
	s.cfg.CompactBytes = max(s.cfg.CompactBytes, 2*int64(len(data)))
	w.compactors.Add(1)
	go func() {
		defer w.compactors.Done()
		defer done()
		if err := w.writeSnapshot(next, data); err != nil {
			s.cfg.Log.Warn("embedded redis: snapshot not written, logs are kept", "err", err)
			return
		}
		w.removeBefore(next)
	}()
}

// rotate ends the current log after what is pending and begins the next.
func (w *wal) rotate() (number int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.safe < w.position && !w.ended {
		w.cond.Wait()
	}
	if w.ended {
		return 0, os.ErrClosed
	}
	f, err := os.OpenFile(w.path("log", w.number+1), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o644)
	if err != nil {
		return 0, fault.Wrap(fault.Unavailable, err, "begin log")
	}
	if err := syncDir(w.dir); err != nil {
		return 0, fault.Join(err, f.Close())
	}
	old := w.file
	w.number++
	w.file, w.size = f, 0
	return w.number, fault.Wrap(fault.Unavailable, old.Close(), "end log")
}

func (w *wal) writeSnapshot(number int, data []byte) error {
	tmp := fmt.Sprintf("%s.tmp", w.path("snapshot", number))
	f, err := os.Create(tmp)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "write snapshot")
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, w.path("snapshot", number))
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "write snapshot")
	}
	return syncDir(w.dir)
}
