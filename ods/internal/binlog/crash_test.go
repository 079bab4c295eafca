package binlog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// testCrashes kills the reader at random moments while writers work, from the copy on. Each row has a version that grows by one with each change:
// a lost or repeated change breaks the chain of a key's versions.
func testCrashes(f *fixture) {
	f.exec("CREATE TABLE t (id INT PRIMARY KEY, ver INT, v VARCHAR(20))", "CREATE TABLE big (id INT PRIMARY KEY, v INT)", "INSERT INTO big SELECT seq, 0 FROM "+numbers(6000),
		"CREATE TABLE keyless (seq VARCHAR(20), v INT)", "CREATE TABLE fresh (id INT PRIMARY KEY, ver INT)",
		"INSERT INTO t SELECT seq, 0, 'copied' FROM "+numbers(2000))
	ctx, cancel := context.WithCancel(f.Context())
	defer cancel()
	var wg sync.WaitGroup
	var changes atomic.Int64
	for w := range 3 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			r := rand.New(rand.NewPCG(7, uint64(w)))
			for n := 0; ctx.Err() == nil; n++ {
				f.work(ctx, w, n, r)
				changes.Add(1)
			}
		}()
	}
	seed := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for range 6 {
		cmd := f.child()
		// From before it is ready to well into the changes.
		wait := time.Duration(50+seed.IntN(500)) * time.Millisecond
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	cancel()
	wg.Wait()
	f.exec("INSERT INTO t VALUES (-1, 0, 'end')")
	cmd := f.child()
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	f.until("the last record", func() bool {
		for _, m := range f.messages["t"] {
			if m.key == `{"id":-1}` {
				return true
			}
		}
		return false
	})
	f.until("all partitions", func() bool { return f.quiet() })
	f.Logf("%d transactions of writers, %d records", changes.Load(), f.total)
	f.chains("t")
	f.chains("fresh")
	seen := map[string]int{}
	for _, m := range f.messages["keyless"] {
		k := m.Type + *m.Data[0]["seq"]
		if seen[k]++; seen[k] > 1 {
			f.Fatalf("%s came %d times", k, seen[k])
		}
	}
	for _, table := range []string{"t", "big", "keyless", "fresh"} {
		f.same(table)
	}
	if len(f.messages["keyless"]) == 0 {
		f.Error("the table without a key was not written")
	}
}

// quiet reads for a moment and tells whether nothing came.
func (f *fixture) quiet() bool {
	before := f.total
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	f.read(ctx)
	return f.total == before
}

// work is one transaction of a writer; errors of deadlocks and of the end are no matter: what counts is what is stored.
func (f *fixture) work(ctx context.Context, w, n int, r *rand.Rand) {
	tx, err := f.db.BeginTx(ctx, nil)
	if err != nil {
		return
	}
	defer func() { _ = tx.Rollback() }()
	run := func(q string, args ...any) {
		_, _ = tx.ExecContext(ctx, q, args...)
	}
	switch id := r.IntN(2000) + 1; n % 6 {
	case 0, 1:
		run("UPDATE t SET ver=ver+1, v=? WHERE id=?", strconv.Itoa(n), id)
	case 2:
		run("UPDATE t SET ver=ver+1 WHERE id BETWEEN ? AND ?", id, id+20)
	case 3:
		run("INSERT INTO t VALUES (?, 0, 'new')", 10_000*(w+1)+n)
		run("UPDATE t SET ver=ver+1 WHERE id=?", 10_000*(w+1)+n)
	case 4:
		run("DELETE FROM t WHERE id=?", 10_000*(w+1)+n-1)
		run("INSERT INTO keyless VALUES (?, ?)", fmt.Sprintf("%d-%d", w, n), n)
		run("UPDATE big SET id=-id WHERE id=?", id)
		run("DELETE FROM big WHERE id=?", id+2000)
		run("INSERT INTO fresh VALUES (?, 0)", id)
		run("UPDATE fresh SET ver=ver+1 WHERE id BETWEEN ? AND ?", id, id+50)
	case 5:
		if n%30 == 5 {
			run("UPDATE big SET v=v+1 WHERE id<=500 AND id>0")
		}
	}
	_ = tx.Commit()
}

// chains follows every key. After a copy, which may repeat, the changes may begin earlier than it; from a key's first change on there is exactly one
// record a change. A table that is small enough to be copied in one batch has no such repeats.
func (f *fixture) chains(table string) {
	f.Helper()
	last, copied := map[string]int{}, map[string]bool{}
	bad, changes := 0, 0
	for _, m := range f.messages[table] {
		ver, _ := strconv.Atoi(*m.Data[0]["ver"])
		prev, known := last[m.key]
		free := m.GTID == "" || table != "fresh" && (copied[m.key] || !known)
		copied[m.key] = m.GTID == ""
		ok := free
		switch m.Type {
		case typeUpdate:
			old, _ := strconv.Atoi(*m.Old[0]["ver"])
			ok = ver == old+1 && (free || known && old == prev)
			changes++
		case typeDelete:
			ok = free || known && ver == prev
			delete(last, m.key)
		case typeInsert:
			ok = free || !known
		}
		if m.Type != typeDelete {
			last[m.key] = ver
		}
		if !ok {
			if bad++; bad < 5 {
				f.Errorf("%s: %s of %s to version %d after %d (known %v, gtid %s)", table, m.Type, m.key, ver, prev, known, m.GTID)
			}
		}
	}
	if bad > 0 || changes == 0 {
		f.Fatalf("%s: %d of %d changes were lost or repeated", table, bad, changes)
	}
}

// testCut has commits refused in the middle of a large transaction: what was committed of it does not come again.
func testCut(f *fixture) {
	f.exec("CREATE TABLE t (id INT PRIMARY KEY, ver INT)", "INSERT INTO t SELECT seq, 0 FROM "+numbers(1000))
	f.c.Batch = 100
	f.start()
	f.count("t", 1000)
	var calls, refused atomic.Int64
	f.cluster.ControlKey(int16(kmsg.EndTxn), func(req kmsg.Request) (kmsg.Response, error, bool) {
		f.cluster.KeepControl()
		if n := calls.Add(1); n%4 != 0 || n > 16 {
			return nil, nil, false
		}
		refused.Add(1)
		resp := req.ResponseKind().(*kmsg.EndTxnResponse)
		resp.ErrorCode = kerr.InvalidTxnState.Code
		return resp, nil, true
	})
	f.exec("UPDATE t SET ver=ver+1", "UPDATE t SET ver=ver+1 WHERE id<=700")
	f.until("all changes", func() bool { return len(f.messages["t"]) >= 2700 })
	f.quiet()
	f.count("t", 2700)
	if refused.Load() < 3 {
		f.Errorf("%d commits were refused", refused.Load())
	}
	f.chains("t")
	f.same("t")
}
