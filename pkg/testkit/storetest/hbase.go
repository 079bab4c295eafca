package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/tsuna/gohbase"
	"github.com/tsuna/gohbase/hrpc"
)

// HBase runs the conformance suite of an HBase behind the ZooKeeper at zkAddr: every
// call of the gohbase client, and our own client. It makes tables with names of its
// own and drops them. Any server that passes serves Freshet.
func HBase(t *testing.T, zkAddr string) {
	h := newHBaseSuite(t, zkAddr, "")
	for _, c := range []struct {
		name string
		run  func(t *testing.T, h *hbaseSuite)
	}{
		{"Admin", hbaseAdmin},
		{"Cluster", hbaseCluster},
		{"Snapshots", hbaseSnapshots},
		{"PutGet", hbasePutGet},
		{"GetOptions", hbaseGetOptions},
		{"Versions", hbaseVersions},
		{"Deletes", hbaseDeletes},
		{"TTL", hbaseTTL},
		{"Increment", hbaseIncrement},
		{"Append", hbaseAppend},
		{"CheckAndPut", hbaseCheckAndPut},
		{"Multi", hbaseMulti},
		{"Scan", hbaseScan},
		{"ScanReversed", hbaseScanReversed},
		{"ScanPartials", hbaseScanPartials},
		{"Scanner", hbaseScanner},
		{"Filters", hbaseFilters},
		{"RowFilters", hbaseRowFilters},
		{"FilterLists", hbaseFilterLists},
		{"UnknownFilters", hbaseUnknownFilters},
		{"Errors", hbaseErrors},
		{"Client", hbaseClient},
		{"ClientErrors", hbaseClientErrors},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, h) })
	}
	t.Run("Snappy", func(t *testing.T) {
		s := newHBaseSuite(t, zkAddr, "snappy")
		hbasePutGet(t, s)
		hbaseMulti(t, s)
		hbaseScan(t, s)
	})
}

// hbaseSuite holds the clients of a run.
type hbaseSuite struct {
	zk    string
	admin gohbase.AdminClient
	c     gohbase.Client
	log   *slog.Logger
}

func newHBaseSuite(t *testing.T, zk, codec string) *hbaseSuite {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	opts := []gohbase.Option{gohbase.Logger(log), gohbase.FlushInterval(0)}
	h := &hbaseSuite{zk: zk, log: log, admin: gohbase.NewAdminClient(zk, opts...)}
	if codec != "" {
		opts = append(opts, gohbase.CompressionCodec(codec))
	}
	h.c = gohbase.NewClient(zk, opts...)
	t.Cleanup(h.c.Close) // the admin client has no Close
	return h
}

type (
	hbFamilies = map[string]map[string]string
	hbValues   = map[string]map[string][]byte
	hbOption   = func(hrpc.Call) error
)

func hbaseContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// table creates a table that lives as long as the test.
func (h *hbaseSuite) table(t *testing.T, f hbFamilies, splits ...string) string {
	t.Helper()
	name := fmt.Sprintf("t%d_%s", time.Now().UnixNano(), strings.NewReplacer("/", "_", "#", "_").Replace(t.Name()))
	h.create(t, name, f, splits...)
	return name
}

func (h *hbaseSuite) create(t *testing.T, name string, f hbFamilies, splits ...string) {
	t.Helper()
	var opts []func(*hrpc.CreateTable)
	if len(splits) > 0 {
		keys := make([][]byte, len(splits))
		for i, s := range splits {
			keys[i] = []byte(s)
		}
		opts = append(opts, hrpc.SplitKeys(keys))
	}
	ctx := hbaseContext(t)
	hbMust(t, h.admin.CreateTable(hrpc.NewCreateTable(ctx, []byte(name), f, opts...)))
	t.Cleanup(func() { h.drop(name) })
}

// drop ignores errors: a test may have dropped its table itself.
func (h *hbaseSuite) drop(name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_ = h.admin.DisableTable(hrpc.NewDisableTable(ctx, []byte(name)))
	_ = h.admin.DeleteTable(hrpc.NewDeleteTable(ctx, []byte(name)))
}

func hbMust(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func hbGot[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		hbMust(t, err)
		return v
	}
}

// wantError checks for an exception's class by its simple name.
func hbWantError(t *testing.T, err error, class string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), class) {
		t.Errorf("error is %v, want one of class %s", err, class)
	}
}

func hbOne(family, qualifier, value string) hbValues {
	return hbValues{family: {qualifier: []byte(value)}}
}

func hbAt(v uint64) hbOption { return hrpc.TimestampUint64(v) }

func (h *hbaseSuite) put(t *testing.T, table, row string, v hbValues, opts ...hbOption) {
	t.Helper()
	p := hbGot(hrpc.NewPutStr(hbaseContext(t), table, row, v, opts...))(t)
	hbGot(h.c.Put(p))(t)
}

func (h *hbaseSuite) del(t *testing.T, table, row string, v hbValues, opts ...hbOption) {
	t.Helper()
	d := hbGot(hrpc.NewDelStr(hbaseContext(t), table, row, v, opts...))(t)
	hbGot(h.c.Delete(d))(t)
}

func (h *hbaseSuite) get(t *testing.T, table, row string, opts ...hbOption) *hrpc.Result {
	t.Helper()
	g := hbGot(hrpc.NewGetStr(hbaseContext(t), table, row, opts...))(t)
	return hbGot(h.c.Get(g))(t)
}

// show prints cells as family:qualifier@timestamp=value; noTimes leaves the times out.
func hbShow(cells []*hrpc.Cell, times bool) string {
	var parts []string
	for _, c := range cells {
		at := ""
		if times {
			at = fmt.Sprintf("@%d", *c.Timestamp)
		}
		parts = append(parts, fmt.Sprintf("%s:%s%s=%s", c.Family, c.Qualifier, at, c.Value))
	}
	return strings.Join(parts, " ")
}

func hbSame(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got %s\nwant %s", what, got, want)
	}
}

// scan prints the rows of a scan as row{cells}.
func (h *hbaseSuite) scan(t *testing.T, table, start, stop string, opts ...hbOption) string {
	t.Helper()
	s := hbGot(hrpc.NewScanRangeStr(hbaseContext(t), table, start, stop, opts...))(t)
	sc := h.c.Scan(s)
	var rows []string
	for {
		r, err := sc.Next()
		if errors.Is(err, io.EOF) {
			return strings.Join(rows, " ")
		}
		hbMust(t, err)
		if len(r.Cells) == 0 {
			rows = append(rows, "{}")
			continue
		}
		for _, c := range r.Cells[1:] {
			if !bytes.Equal(c.Row, r.Cells[0].Row) {
				t.Errorf("a result holds rows %q and %q", r.Cells[0].Row, c.Row)
			}
		}
		rows = append(rows, fmt.Sprintf("%s{%s}", r.Cells[0].Row, hbShow(r.Cells, false)))
	}
}

func hbLong(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
