package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tsuna/gohbase/hrpc"
	"github.com/tsuna/gohbase/pb"
)

func hbasePutGet(t *testing.T, h *hbaseSuite) {
	table := h.table(t, hbFamilies{"a": nil, "b": nil})
	h.put(t, table, "r", hbValues{"a": {"x": []byte("1"), "y": []byte("2")}, "b": {"": []byte("3")}}, hbAt(5))
	h.put(t, table, "r\x00\xff,odd", hbOne("a", "q\x00:\xff", "v\x00"), hbAt(5))
	hbSame(t, "row", hbShow(h.get(t, table, "r").Cells, true), "a:x@5=1 a:y@5=2 b:@5=3")
	hbSame(t, "odd row", hbShow(h.get(t, table, "r\x00\xff,odd").Cells, true), "a:q\x00:\xff@5=v\x00")
	hbSame(t, "absent row", hbShow(h.get(t, table, "r\x00").Cells, true), "")
	hbSame(t, "whole family", hbShow(h.get(t, table, "r", hrpc.Families(map[string][]string{"a": nil})).Cells, true), "a:x@5=1 a:y@5=2")
	hbSame(t, "columns", hbShow(h.get(t, table, "r", hrpc.Families(map[string][]string{"a": {"y", "z"}, "b": {""}})).Cells, true), "a:y@5=2 b:@5=3")

	// The server's clock stamps what has no timestamp.
	before := uint64(time.Now().Add(-time.Minute).UnixMilli())
	h.put(t, table, "now", hbOne("a", "x", "1"))
	if got := *h.get(t, table, "now").Cells[0].Timestamp; got < before || got > before+3_600_000 {
		t.Errorf("timestamp %d is not the server's clock", got)
	}
	big := strings.Repeat("v", 1<<20)
	h.put(t, table, "big", hbOne("a", "x", big))
	if got := h.get(t, table, "big").Cells[0].Value; string(got) != big {
		t.Errorf("value of %d bytes came back with %d", len(big), len(got))
	}
	long := strings.Repeat("k", 32767-len(table)-4)
	h.put(t, table, long, hbOne("a", "x", "long"))
	hbSame(t, "long row", hbShow(h.get(t, table, long).Cells, false), "a:x=long")
}

func hbaseGetOptions(t *testing.T, h *hbaseSuite) {
	table := h.table(t, hbFamilies{"a": {"VERSIONS": "5"}, "b": {"VERSIONS": "5"}})
	for i := range uint64(4) {
		v := fmt.Sprint("v", i)
		h.put(t, table, "r", hbValues{"a": {"x": []byte(v), "y": []byte(v), "z": []byte(v)}, "b": {"x": []byte(v)}}, hbAt(10+i))
	}
	for _, c := range []struct {
		what string
		opts []hbOption
		want string
	}{
		{"newest", nil, "a:x@13=v3 a:y@13=v3 a:z@13=v3 b:x@13=v3"},
		{"two versions", []hbOption{hrpc.MaxVersions(2), hrpc.Families(map[string][]string{"b": nil})}, "b:x@13=v3 b:x@12=v2"},
		{"time range", []hbOption{hrpc.TimeRangeUint64(11, 13), hrpc.Families(map[string][]string{"b": nil})}, "b:x@12=v2"},
		{"time range of versions", []hbOption{hrpc.TimeRangeUint64(11, 13), hrpc.MaxVersions(9), hrpc.Families(map[string][]string{"b": nil})}, "b:x@12=v2 b:x@11=v1"},
		{"time range before all", []hbOption{hrpc.TimeRangeUint64(1, 10)}, ""},
		{"cells per family", []hbOption{hrpc.MaxResultsPerColumnFamily(2)}, "a:x@13=v3 a:y@13=v3 b:x@13=v3"},
		{"cells per family from an offset", []hbOption{hrpc.MaxResultsPerColumnFamily(1), hrpc.ResultOffset(1)}, "a:y@13=v3"},
		{"offset", []hbOption{hrpc.ResultOffset(2)}, "a:z@13=v3"},
		{"cells per family of versions", []hbOption{hrpc.MaxVersions(9), hrpc.MaxResultsPerColumnFamily(3), hrpc.ResultOffset(2)}, "a:x@11=v1 a:x@10=v0 a:y@13=v3 b:x@11=v1 b:x@10=v0"},
		{"cache and consistency", []hbOption{hrpc.CacheBlocks(false), hrpc.Consistency(hrpc.StrongConsistency), hrpc.Priority(10), hrpc.Families(map[string][]string{"b": nil})}, "b:x@13=v3"},
	} {
		hbSame(t, c.what, hbShow(h.get(t, table, "r", c.opts...).Cells, true), c.want)
	}
	for row, want := range map[string]bool{"r": true, "none": false} {
		g := hbGot(hrpc.NewGetStr(hbaseContext(t), table, row))(t)
		g.ExistsOnly()
		r := hbGot(h.c.Get(g))(t)
		if r.Exists == nil || *r.Exists != want || len(r.Cells) > 0 {
			t.Errorf("existence of %s: %v", row, r)
		}
	}
}

func hbaseVersions(t *testing.T, h *hbaseSuite) {
	table := h.table(t, hbFamilies{"one": {"VERSIONS": "1"}, "three": {"VERSIONS": "3"}})
	// Written out of order: the timestamp decides, not the time of arrival.
	for _, at := range []uint64{14, 12, 15, 11, 13} {
		v := []byte(fmt.Sprint("v", at))
		h.put(t, table, "r", hbValues{"one": {"q": v}, "three": {"q": v}}, hbAt(at))
	}
	all := hrpc.MaxVersions(100)
	hbSame(t, "all versions", hbShow(h.get(t, table, "r", all).Cells, true), "one:q@15=v15 three:q@15=v15 three:q@14=v14 three:q@13=v13")
	hbSame(t, "newest", hbShow(h.get(t, table, "r").Cells, true), "one:q@15=v15 three:q@15=v15")
	// A replay of an older write changes nothing.
	h.put(t, table, "r", hbValues{"one": {"q": []byte("replay")}}, hbAt(3))
	hbSame(t, "after a replay", hbShow(h.get(t, table, "r", hrpc.Families(map[string][]string{"one": nil}), all).Cells, true), "one:q@15=v15")
	// The same timestamp again replaces the value.
	h.put(t, table, "r", hbValues{"one": {"q": []byte("again")}}, hbAt(15))
	hbSame(t, "after the same timestamp", hbShow(h.get(t, table, "r", hrpc.Families(map[string][]string{"one": nil}), all).Cells, true), "one:q@15=again")
}

// hbaseDeletes runs each kind of delete against three versions of two columns in two
// families.
func hbaseDeletes(t *testing.T, h *hbaseSuite) {
	table := h.table(t, hbFamilies{"a": {"VERSIONS": "9"}, "b": {"VERSIONS": "9"}})
	const rest = " b:x@52=3 b:x@51=2 b:x@50=1 b:y@50=1"
	for i, c := range []struct {
		what string
		del  hbValues
		opts []hbOption
		want string
	}{
		{"column up to a time", hbValues{"a": {"x": nil}}, []hbOption{hbAt(51)}, "a:x@52=3 a:y@50=1" + rest},
		{"column", hbValues{"a": {"x": nil}}, nil, "a:y@50=1" + rest},
		{"one version", hbValues{"a": {"x": nil}}, []hbOption{hbAt(51), hrpc.DeleteOneVersion()}, "a:x@52=3 a:x@50=1 a:y@50=1" + rest},
		{"newest version", hbValues{"a": {"x": nil}}, []hbOption{hrpc.DeleteOneVersion()}, "a:x@51=2 a:x@50=1 a:y@50=1" + rest},
		{"family up to a time", hbValues{"a": nil}, []hbOption{hbAt(51)}, "a:x@52=3" + rest},
		{"family", hbValues{"a": nil}, nil, strings.TrimSpace(rest)},
		{"version of a family", hbValues{"a": nil}, []hbOption{hbAt(50), hrpc.DeleteOneVersion()}, "a:x@52=3 a:x@51=2" + rest},
		{"family and column", hbValues{"a": nil, "b": {"x": nil}}, nil, "b:y@50=1"},
		{"row up to a time", nil, []hbOption{hbAt(51)}, "a:x@52=3 b:x@52=3"},
		{"row", nil, nil, ""},
		{"absent column", hbValues{"a": {"none": nil}}, nil, "a:x@52=3 a:x@51=2 a:x@50=1 a:y@50=1" + rest},
	} {
		row := fmt.Sprint("r", i)
		for _, f := range []string{"a", "b"} {
			for v := range uint64(3) {
				h.put(t, table, row, hbOne(f, "x", fmt.Sprint(v+1)), hbAt(50+v))
			}
			h.put(t, table, row, hbOne(f, "y", "1"), hbAt(50))
		}
		h.del(t, table, row, c.del, c.opts...)
		hbSame(t, c.what, hbShow(h.get(t, table, row, hrpc.MaxVersions(99)).Cells, true), c.want)
	}

	// A tombstone hides what is as old or older, also when that is written later.
	h.put(t, table, "late", hbOne("a", "x", "old"), hbAt(10))
	h.del(t, table, "late", nil, hbAt(20))
	h.put(t, table, "late", hbOne("a", "x", "replayed"), hbAt(10))
	h.put(t, table, "late", hbOne("a", "x", "same"), hbAt(20))
	hbSame(t, "write below a tombstone", hbShow(h.get(t, table, "late").Cells, true), "")
	h.put(t, table, "late", hbOne("a", "x", "new"), hbAt(21))
	hbSame(t, "write above a tombstone", hbShow(h.get(t, table, "late").Cells, true), "a:x@21=new")
	hbSame(t, "scan skips deleted rows", h.scan(t, table, "r8", "r99"), "r8{a:x=3 b:x=3}")
}

func hbaseTTL(t *testing.T, h *hbaseSuite) {
	table := h.table(t, hbFamilies{
		"ttl": {"TTL": "2", "VERSIONS": "5"},
		"min": {"TTL": "2", "MIN_VERSIONS": "1", "VERSIONS": "5"},
		"all": {"VERSIONS": "5"},
	})
	now := uint64(time.Now().UnixMilli())
	old := now - 60_000
	for _, f := range []string{"ttl", "min", "all"} {
		h.put(t, table, "r", hbOne(f, "q", "older"), hbAt(old-1))
		h.put(t, table, "r", hbOne(f, "q", "old"), hbAt(old))
	}
	versions := hrpc.MaxVersions(9)
	hbSame(t, "expired", hbShow(h.get(t, table, "r", versions).Cells, false), "all:q=old all:q=older min:q=old")
	h.put(t, table, "fresh", hbOne("ttl", "q", "v"))
	h.put(t, table, "cell", hbOne("all", "q", "kept"), hbAt(now-10))
	h.put(t, table, "cell", hbOne("all", "q", "short"), hrpc.TTL(500*time.Millisecond))
	hbSame(t, "not expired yet", hbShow(h.get(t, table, "fresh").Cells, false), "ttl:q=v")
	hbEventually(t, "cells expire", func() string {
		return hbShow(h.get(t, table, "fresh").Cells, false) + "|" + hbShow(h.get(t, table, "cell").Cells, false)
	}, "|all:q=kept")
	hbSame(t, "scan without the expired", h.scan(t, table, "", ""), "cell{all:q=kept} r{all:q=old min:q=old}")
}

func hbEventually(t *testing.T, what string, got func() string, want string) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		g := got()
		if g == want {
			return
		}
		if time.Now().After(deadline) {
			hbSame(t, what, g, want)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func hbaseIncrement(t *testing.T, h *hbaseSuite) {
	table := h.table(t, hbFamilies{"a": nil}, "m")
	inc := func(row string, by int64) int64 {
		t.Helper()
		i := hbGot(hrpc.NewIncStrSingle(hbaseContext(t), table, row, "a", "n", by))(t)
		return hbGot(h.c.Increment(i))(t)
	}
	for _, c := range []struct{ by, want int64 }{{5, 5}, {7, 12}, {-20, -8}, {0, -8}} {
		if got := inc("r", c.by); got != c.want {
			t.Errorf("increment by %d is %d, want %d", c.by, got, c.want)
		}
	}
	if v := h.get(t, table, "r").Cells[0].Value; int64(binary.BigEndian.Uint64(v)) != -8 {
		t.Errorf("stored counter is %x", v)
	}
	two := hbGot(hrpc.NewIncStr(hbaseContext(t), table, "two", hbValues{"a": {"x": hbLong(1), "y": hbLong(2)}}))(t)
	both, _ := h.c.SendBatch(hbaseContext(t), []hrpc.Call{two})
	hbSame(t, "increment of two columns", hbShow(hbResult(t, both[0]).Cells, false), "a:x="+string(hbLong(1))+" a:y="+string(hbLong(2)))

	h.put(t, table, "text", hbOne("a", "n", "abc"))
	i := hbGot(hrpc.NewIncStrSingle(hbaseContext(t), table, "text", "a", "n", 1))(t)
	_, err := h.c.Increment(i)
	hbWantError(t, err, "DoNotRetryIOException")

	const workers, each = 8, 25
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for range each {
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				i, err := hrpc.NewIncStrSingle(ctx, table, fmt.Sprint("many", w%2), "a", "n", 1)
				if err == nil {
					_, err = h.c.Increment(i)
				}
				cancel()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for _, row := range []string{"many0", "many1"} {
		if got := inc(row, 0); got != workers/2*each {
			t.Errorf("concurrent increments of %s sum to %d, want %d", row, got, workers/2*each)
		}
	}
	h.del(t, table, "r", hbValues{"a": {"n": nil}})
	if got := inc("r", 3); got != 3 {
		t.Errorf("increment after a delete is %d, want 3", got)
	}
}

func hbaseAppend(t *testing.T, h *hbaseSuite) {
	table := h.table(t, hbFamilies{"a": nil, "b": nil})
	app := func(row string, v hbValues) string {
		t.Helper()
		a := hbGot(hrpc.NewAppStr(hbaseContext(t), table, row, v))(t)
		return hbShow(hbGot(h.c.Append(a))(t).Cells, false)
	}
	hbSame(t, "append to nothing", app("r", hbOne("a", "x", "Hello")), "a:x=Hello")
	hbSame(t, "append", app("r", hbOne("a", "x", ", dog")), "a:x=Hello, dog")
	hbSame(t, "append to two families", app("r", hbValues{"a": {"x": []byte("!")}, "b": {"y": []byte("1")}}), "a:x=Hello, dog! b:y=1")
	hbSame(t, "stored", hbShow(h.get(t, table, "r").Cells, false), "a:x=Hello, dog! b:y=1")
	h.del(t, table, "r", nil)
}

func hbaseCheckAndPut(t *testing.T, h *hbaseSuite) {
	table := h.table(t, hbFamilies{"a": nil})
	cas := func(row string, v hbValues, expected []byte) bool {
		t.Helper()
		p := hbGot(hrpc.NewPutStr(hbaseContext(t), table, row, v))(t)
		return hbGot(h.c.CheckAndPut(p, "a", "x", expected))(t)
	}
	for i, c := range []struct {
		v        hbValues
		expected []byte
		want     bool
	}{
		{hbOne("a", "y", "1"), nil, true},
		{hbOne("a", "x", "1"), []byte{}, true},
		{hbOne("a", "x", "2"), []byte{}, false},
		{hbOne("a", "x", "2"), []byte("1"), true},
		{hbOne("a", "x", "3"), []byte("1"), false},
		{hbOne("a", "y", "9"), []byte("2"), true},
		{hbValues{"a": {"x": []byte("10"), "y": []byte("11")}}, []byte("2"), true},
	} {
		if got := cas("r", c.v, c.expected); got != c.want {
			t.Errorf("check %d is %v, want %v", i, got, c.want)
		}
	}
	hbSame(t, "result", hbShow(h.get(t, table, "r").Cells, false), "a:x=10 a:y=11")

	for i := range 5 {
		row := fmt.Sprint("race", i)
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for w := range 4 {
			wg.Go(func() {
				p, err := hrpc.NewPutStr(t.Context(), table, row, hbOne("a", "x", fmt.Sprint(w)))
				if err != nil {
					t.Error(err)
					return
				}
				ok, err := h.c.CheckAndPut(p, "a", "x", nil)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if ok {
					won++
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Errorf("%d of 4 concurrent checks for absence held", won)
		}
	}
}

func hbaseMulti(t *testing.T, h *hbaseSuite) {
	table := h.table(t, hbFamilies{"a": nil}, "g", "p")
	batch := func(calls ...hrpc.Call) []hrpc.RPCResult {
		t.Helper()
		res, ok := h.c.SendBatch(hbaseContext(t), calls)
		if !ok {
			for _, r := range res {
				hbMust(t, r.Error)
			}
		}
		return res
	}
	ctx := hbaseContext(t)
	var puts []hrpc.Call
	for i := range 300 { // over all three regions
		row := fmt.Sprintf("%c%03d", 'a'+i%26, i)
		puts = append(puts, hbGot(hrpc.NewPutStr(ctx, table, row, hbOne("a", "x", row), hbAt(7)))(t))
	}
	batch(puts...)
	var gets []hrpc.Call
	for i := range 300 {
		gets = append(gets, hbGot(hrpc.NewGetStr(ctx, table, fmt.Sprintf("%c%03d", 'a'+i%26, i)))(t))
	}
	for i, r := range batch(gets...) {
		row := fmt.Sprintf("%c%03d", 'a'+i%26, i)
		hbSame(t, row, hbShow(hbResult(t, r).Cells, true), "a:x@7="+row)
	}
	// Each kind in one batch.
	h.put(t, table, "old", hbOne("a", "x", "old"))
	res := batch(
		hbGot(hrpc.NewGetStr(ctx, table, "a000"))(t),
		hbGot(hrpc.NewPutStr(ctx, table, "new", hbOne("a", "x", "new")))(t),
		hbGot(hrpc.NewDelStr(ctx, table, "old", nil))(t),
		hbGot(hrpc.NewAppStr(ctx, table, "app", hbOne("a", "x", "app")))(t),
		hbGot(hrpc.NewIncStrSingle(ctx, table, "zinc", "a", "n", 4))(t),
		hbGot(hrpc.NewGetStr(ctx, table, "absent"))(t),
	)
	for i, want := range []string{"a:x=a000", "", "", "a:x=app", "a:n=" + string(hbLong(4)), ""} {
		hbSame(t, fmt.Sprint("action ", i), hbShow(hbResult(t, res[i]).Cells, false), want)
	}
	hbSame(t, "put", hbShow(h.get(t, table, "new").Cells, false), "a:x=new")
	hbSame(t, "deleted", hbShow(h.get(t, table, "old").Cells, false), "")

	// One bad action leaves the others alone.
	res, ok := h.c.SendBatch(ctx, []hrpc.Call{
		hbGot(hrpc.NewPutStr(ctx, table, "good", hbOne("a", "x", "1")))(t),
		hbGot(hrpc.NewPutStr(ctx, table, "bad", hbOne("none", "x", "1")))(t),
	})
	if ok || res[0].Error != nil {
		t.Errorf("batch with one bad action: ok %v, %v", ok, res)
	}
	hbWantError(t, res[1].Error, "NoSuchColumnFamilyException")
	hbSame(t, "good action", hbShow(h.get(t, table, "good").Cells, false), "a:x=1")
}

func hbResult(t *testing.T, r hrpc.RPCResult) *hrpc.Result {
	t.Helper()
	hbMust(t, r.Error)
	switch m := r.Msg.(type) {
	case *pb.GetResponse:
		return hrpc.ToLocalResult(m.Result)
	case *pb.MutateResponse:
		return hrpc.ToLocalResult(m.Result)
	default:
		t.Fatalf("answer is a %T", r.Msg)
		return nil
	}
}
