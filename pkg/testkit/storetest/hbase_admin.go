package storetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tsuna/gohbase"
	"github.com/tsuna/gohbase/hrpc"
	"github.com/tsuna/gohbase/region"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/hbase"
)

func (h *hbaseSuite) names(t *testing.T, opts ...hbOption) string {
	t.Helper()
	l := hbGot(hrpc.NewListTableNames(hbaseContext(t), opts...))(t)
	var names []string
	for _, n := range hbGot(h.admin.ListTableNames(l))(t) {
		name := string(n.Qualifier)
		if ns := string(n.Namespace); ns != "default" && ns != "" {
			name = ns + ":" + name
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}

func hbaseAdmin(t *testing.T, h *hbaseSuite) {
	ctx := hbaseContext(t)
	name := fmt.Sprintf("admin%d", time.Now().UnixNano())
	h.create(t, name, hbFamilies{"a": {"VERSIONS": "2"}}, "g", "p")
	h.create(t, name+"_B", hbFamilies{"a": nil})
	create := func(name string, f hbFamilies, splits ...string) error {
		keys := make([][]byte, len(splits))
		for i, s := range splits {
			keys[i] = []byte(s)
		}
		return h.admin.CreateTable(hrpc.NewCreateTable(ctx, []byte(name), f, hrpc.SplitKeys(keys)))
	}
	hbWantError(t, create(name, hbFamilies{"a": nil}), "TableExistsException")
	if create(name+"C", nil) == nil {
		t.Error("a table without families was created")
	}
	if create("bad name", hbFamilies{"a": nil}) == nil {
		t.Error("a table with a space in its name was created")
	}
	hbSame(t, "tables", h.names(t, hrpc.ListRegex(name+".*")), name+" "+name+"_B")
	hbSame(t, "one table", h.names(t, hrpc.ListRegex(".*"+name[5:]+"_.")), name+"_B")
	hbSame(t, "no table", h.names(t, hrpc.ListRegex("none"+name)), "")
	hbSame(t, "meta", h.names(t, hrpc.ListRegex(".*meta.*"), hrpc.ListNamespace("hbase"), hrpc.ListSysTables(true)), "hbase:meta")

	hbMust(t, h.c.CacheRegions([]byte(name)))
	regions := h.regions(t, name)
	if len(regions) != 3 || string(regions[1].StartKey()) != "g" || string(regions[1].StopKey()) != "p" {
		t.Errorf("regions are %v", regions)
	}
	// A real move takes a second server.
	move := hbGot(hrpc.NewMoveRegion(ctx, []byte(strings.Repeat("0", 32))))(t)
	hbWantError(t, h.admin.MoveRegion(move), "UnknownRegionException")

	h.put(t, name, "r", hbOne("a", "x", "1"))
	hbWantError(t, h.admin.DeleteTable(hrpc.NewDeleteTable(ctx, []byte(name))), "TableNotDisabledException")
	hbWantError(t, h.admin.EnableTable(hrpc.NewEnableTable(ctx, []byte(name))), "TableNotDisabledException")
	hbMust(t, h.admin.DisableTable(hrpc.NewDisableTable(ctx, []byte(name))))
	hbWantError(t, h.admin.DisableTable(hrpc.NewDisableTable(ctx, []byte(name))), "TableNotEnabledException")
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	g := hbGot(hrpc.NewGetStr(short, name, "r"))(t)
	if _, err := h.c.Get(g); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("get of a disabled table: %v, want a deadline", err)
	}
	hbMust(t, h.admin.EnableTable(hrpc.NewEnableTable(ctx, []byte(name))))
	hbSame(t, "after disable and enable", hbShow(h.get(t, name, "r").Cells, false), "a:x=1")

	// Dropped and made again, under a client that knows the old regions.
	hbMust(t, h.admin.DisableTable(hrpc.NewDisableTable(ctx, []byte(name))))
	hbMust(t, h.admin.DeleteTable(hrpc.NewDeleteTable(ctx, []byte(name))))
	hbWantError(t, h.admin.DisableTable(hrpc.NewDisableTable(ctx, []byte(name))), "TableNotFoundException")
	hbMust(t, create(name, hbFamilies{"a": nil}, "k"))
	hbSame(t, "table made again", hbShow(h.get(t, name, "r").Cells, false), "")
	h.put(t, name, "r", hbOne("a", "x", "2"))
	hbSame(t, "table made again", hbShow(h.get(t, name, "r").Cells, false), "a:x=2")
	if got := h.regions(t, name); len(got) != 2 {
		t.Errorf("regions are %v", got)
	}
}

// regions reads hbase:meta for a table.
func (h *hbaseSuite) regions(t *testing.T, table string) []hrpc.RegionInfo {
	t.Helper()
	s := hbGot(hrpc.NewScanRangeStr(hbaseContext(t), "hbase:meta", table, table+".", hrpc.Families(map[string][]string{"info": nil})))(t)
	sc := h.c.Scan(s)
	var out []hrpc.RegionInfo
	for {
		r, err := sc.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		hbMust(t, err)
		info, addr, err := region.ParseRegionInfo(r)
		hbMust(t, err)
		if !strings.Contains(addr, ":") {
			t.Errorf("region's address is %q", addr)
		}
		out = append(out, info)
	}
}

func hbaseCluster(t *testing.T, h *hbaseSuite) {
	st := hbGot(h.admin.ClusterStatus())(t)
	if st.GetMaster().GetHostName() == "" || len(st.GetLiveServers()) == 0 || !strings.HasPrefix(st.GetHbaseVersion().GetVersion(), "2.") {
		t.Errorf("cluster status is %v", st)
	}
	for _, on := range []bool{false, true} {
		b := hbGot(hrpc.NewSetBalancer(hbaseContext(t), on))(t)
		if was := hbGot(h.admin.SetBalancer(b))(t); was == on {
			t.Errorf("balancer was %v before it was set to that", was)
		}
	}
	ns := h.get(t, "hbase:namespace", "default")
	if len(ns.Cells) == 0 || string(ns.Cells[0].Family) != "info" {
		t.Errorf("namespace is %v", ns)
	}
}

func hbaseSnapshots(t *testing.T, h *hbaseSuite) {
	ctx := hbaseContext(t)
	table := h.table(t, hbFamilies{"a": {"VERSIONS": "3"}}, "m")
	h.put(t, table, "r", hbOne("a", "x", "1"))
	h.put(t, table, "z", hbOne("a", "x", "2"))
	name := "snap" + table[:20]
	snap := hbGot(hrpc.NewSnapshot(ctx, name, table))(t)
	hbMust(t, h.admin.CreateSnapshot(snap))
	listed := false
	for _, s := range hbGot(h.admin.ListSnapshots(hrpc.NewListSnapshots(ctx)))(t) {
		listed = listed || (s.GetName() == name && s.GetTable() == table)
	}
	if !listed {
		t.Error("the snapshot is not listed")
	}
	hbWantError(t, h.admin.CreateSnapshot(snap), "SnapshotExistsException")
	h.put(t, table, "r", hbOne("a", "x", "changed"))
	h.del(t, table, "z", nil)
	if h.admin.RestoreSnapshot(snap) == nil {
		t.Error("an enabled table was restored")
	}
	hbMust(t, h.admin.DisableTable(hrpc.NewDisableTable(ctx, []byte(table))))
	hbMust(t, h.admin.RestoreSnapshot(snap))
	// The answer does not wait for the restore; enabling waits for the table's lock.
	hbMust(t, h.admin.EnableTable(hrpc.NewEnableTable(ctx, []byte(table))))
	hbSame(t, "restored", h.scan(t, table, "", ""), "r{a:x=1} z{a:x=2}")

	clone := table + "_clone"
	t.Cleanup(func() { h.drop(clone) })
	other := hbGot(hrpc.NewSnapshot(ctx, name, clone))(t)
	hbMust(t, h.admin.RestoreSnapshot(other))
	hbEventually(t, "cloned table appears", func() string {
		if err := h.c.CacheRegions([]byte(clone)); err != nil {
			return err.Error()
		}
		return ""
	}, "")
	hbSame(t, "cloned", h.scan(t, clone, "", ""), "r{a:x=1} z{a:x=2}")
	hbMust(t, h.admin.DeleteSnapshot(snap))
	hbWantError(t, h.admin.DeleteSnapshot(snap), "SnapshotDoesNotExistException")
}

func hbaseErrors(t *testing.T, h *hbaseSuite) {
	ctx := hbaseContext(t)
	table := h.table(t, hbFamilies{"a": nil})
	g := hbGot(hrpc.NewGetStr(ctx, "no_such_table", "r"))(t)
	if _, err := h.c.Get(g); !errors.Is(err, gohbase.TableNotFound) {
		t.Errorf("get of no table: %v", err)
	}
	g = hbGot(hrpc.NewGetStr(ctx, table, "r", hrpc.Families(map[string][]string{"none": nil})))(t)
	_, err := h.c.Get(g)
	hbWantError(t, err, "NoSuchColumnFamilyException")
	p := hbGot(hrpc.NewPutStr(ctx, table, "r", hbOne("none", "x", "1"), hrpc.SkipBatch()))(t)
	_, err = h.c.Put(p)
	hbWantError(t, err, "NoSuchColumnFamilyException")
	s := hbGot(hrpc.NewScanStr(ctx, table, hrpc.Families(map[string][]string{"none": nil})))(t)
	_, err = h.c.Scan(s).Next()
	hbWantError(t, err, "NoSuchColumnFamilyException")
	p = hbGot(hrpc.NewPutStr(ctx, table, strings.Repeat("k", 40000), hbOne("a", "x", "1")))(t)
	if _, err = h.c.Put(p); err == nil {
		t.Error("a row key of 40000 bytes was written")
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	g = hbGot(hrpc.NewGetStr(done, table, "r"))(t)
	if _, err = h.c.Get(g); !errors.Is(err, context.Canceled) {
		t.Errorf("get with an ended context: %v", err)
	}
}

func hbaseClient(t *testing.T, h *hbaseSuite) {
	ctx := hbaseContext(t)
	c := hbGot(hbase.Open(ctx, hbase.Config{ZooKeeper: h.zk, BatchRows: 100, InFlight: 3}))(t)
	defer func() { hbMust(t, c.Close()) }()
	hbMust(t, c.Ping(ctx))
	table := fmt.Sprintf("client%d", time.Now().UnixNano())
	t.Cleanup(func() { h.drop(table) })
	f := map[string]hbase.FamilyOptions{"a": {Versions: 2, TTL: 24 * time.Hour}, "b": {}}
	for range 2 { // the second time it is there
		hbMust(t, c.EnsureTable(ctx, table, f, [][]byte{[]byte("k3"), []byte("k6")}))
	}
	version := uint64(time.Now().UnixMilli())
	var ms []hbase.Mutation
	var keys [][]byte
	for i := range 1050 {
		key := fmt.Appendf(nil, "k%04d", i*9)
		keys = append(keys, key)
		ms = append(ms, hbase.Mutation{Row: key, Version: version, Cells: []hbase.Cell{
			{Family: "a", Qualifier: "n", Value: fmt.Append(nil, i)}, {Family: "b", Qualifier: "", Value: []byte("b")},
		}})
	}
	hbMust(t, c.Apply(ctx, table, ms))
	hbMust(t, c.Apply(ctx, table, nil))
	// A replay of older versions, values and deletions, changes nothing.
	old := make([]hbase.Mutation, len(ms))
	for i := range ms {
		old[i] = hbase.Mutation{Row: ms[i].Row, Version: version - 1, Delete: i%2 == 0, Cells: []hbase.Cell{{Family: "a", Qualifier: "n", Value: []byte("old")}}}
	}
	hbMust(t, c.Apply(ctx, table, old))
	check := func(what string, rows []hbase.Row) {
		t.Helper()
		if len(rows) != len(keys) {
			t.Fatalf("%s: %d rows, want %d", what, len(rows), len(keys))
		}
		for i, r := range rows {
			n, _ := r.Value("a", "n")
			b, ok := r.Value("b", "")
			if string(r.Key) != string(keys[i]) || string(n) != fmt.Sprint(i) || !ok || string(b) != "b" || r.Cells[0].Version != version {
				t.Fatalf("%s: row %d is %v", what, i, r)
			}
		}
	}
	check("multi get", hbGot(c.MultiGet(ctx, table, keys, nil))(t))
	var scanned []hbase.Row
	hbMust(t, c.Scan(ctx, table, nil, nil, func(r hbase.Row) error { scanned = append(scanned, r); return nil }))
	check("scan", scanned)
	stop := errors.New("stop")
	if err := c.Scan(ctx, table, keys[10], keys[20], func(hbase.Row) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("scan ended with %v, want the caller's error", err)
	}
	row, found, err := c.Get(ctx, table, keys[1], hbase.Columns{"b": nil})
	if _, hasA := row.Value("a", "n"); err != nil || !found || hasA || len(row.Cells) != 1 {
		t.Errorf("get is %v, %v, %v", row, found, err)
	}
	if _, found, err = c.Get(ctx, table, []byte("none"), nil); err != nil || found {
		t.Errorf("get of no row: %v, %v", found, err)
	}
	hbMust(t, c.Apply(ctx, table, []hbase.Mutation{
		{Row: keys[0], Delete: true, Version: version},
		{Row: keys[1], Delete: true, Version: version, Cells: []hbase.Cell{{Family: "a", Qualifier: "n"}}},
	}))
	rows := hbGot(c.MultiGet(ctx, table, keys[:2], nil))(t)
	if len(rows[0].Cells) != 0 || len(rows[1].Cells) != 1 || rows[1].Cells[0].Family != "b" {
		t.Errorf("after deletions: %v", rows)
	}
}

func hbaseClientErrors(t *testing.T, h *hbaseSuite) {
	ctx := hbaseContext(t)
	for _, cfg := range []hbase.Config{{}, {ZooKeeper: "nohost"}, {ZooKeeper: h.zk, BatchRows: -1}} {
		if _, err := hbase.Open(ctx, cfg); fault.KindOf(err) != fault.Config {
			t.Errorf("open with %v: %v of kind %v", cfg, err, fault.KindOf(err))
		}
	}
	table := h.table(t, hbFamilies{"a": nil})
	c := hbGot(hbase.Open(ctx, hbase.Config{ZooKeeper: h.zk, Snappy: true}))(t)
	defer func() { hbMust(t, c.Close()) }()
	put := func(row, family string) hbase.Mutation {
		return hbase.Mutation{Row: []byte(row), Version: 9, Cells: []hbase.Cell{{Family: family, Qualifier: "x", Value: []byte("v")}}}
	}
	err := c.Apply(ctx, table, []hbase.Mutation{put("good", "a"), put("bad", "none")})
	var e *hbase.Exception
	if fault.KindOf(err) != fault.Permanent || !errors.As(err, &e) || !strings.HasSuffix(e.Class, ".NoSuchColumnFamilyException") {
		t.Errorf("write to no family: %v of kind %v", err, fault.KindOf(err))
	}
	if _, found, err := c.Get(ctx, table, []byte("good"), nil); err != nil || !found {
		t.Errorf("the good write of the batch: %v, %v", found, err)
	}
	_, _, err = c.Get(ctx, "no_such_table", []byte("r"), nil)
	if fault.KindOf(err) != fault.Permanent || !errors.Is(err, gohbase.TableNotFound) {
		t.Errorf("get of no table: %v of kind %v", err, fault.KindOf(err))
	}
	if err := c.Apply(ctx, table, []hbase.Mutation{{Row: []byte("r"), Version: 1}}); fault.KindOf(err) != fault.Data {
		t.Errorf("write without cells: %v", err)
	}
	if err := c.Apply(ctx, table, []hbase.Mutation{{Row: []byte("r"), Delete: true, Version: 1 << 63}}); fault.KindOf(err) != fault.Data {
		t.Errorf("write of too great a version: %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	cancel()
	if err := c.Ping(done); fault.KindOf(err) != fault.Canceled {
		t.Errorf("ping with an ended context: %v of kind %v", err, fault.KindOf(err))
	}
}
