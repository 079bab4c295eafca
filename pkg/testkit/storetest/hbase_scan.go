package storetest

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/tsuna/gohbase"
	"github.com/tsuna/gohbase/filter"
	"github.com/tsuna/gohbase/hrpc"
)

// rowTable holds rows r00 … r09 in three regions, each with a:x = its number.
func (h *hbaseSuite) rowTable(t *testing.T) string {
	t.Helper()
	table := h.table(t, hbFamilies{"a": nil}, "r03", "r07")
	for i := range 10 {
		h.put(t, table, fmt.Sprintf("r%02d", i), hbOne("a", "x", fmt.Sprint(i)), hbAt(100))
	}
	return table
}

// rows prints the rows rowTable has for these numbers.
func hbRows(numbers ...int) string {
	var parts []string
	for _, n := range numbers {
		parts = append(parts, fmt.Sprintf("r%02d{a:x=%d}", n, n))
	}
	return strings.Join(parts, " ")
}

func hbaseScan(t *testing.T, h *hbaseSuite) {
	table := h.rowTable(t)
	for _, c := range []struct {
		start, stop string
		opts        []hbOption
		want        string
	}{
		{"", "", nil, hbRows(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
		{"", "", []hbOption{hrpc.NumberOfRows(1)}, hbRows(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
		{"", "", []hbOption{hrpc.NumberOfRows(2)}, hbRows(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
		{"", "", []hbOption{hrpc.MaxResultSize(1)}, hbRows(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
		{"r02", "r08", nil, hbRows(2, 3, 4, 5, 6, 7)},
		{"r03", "r07", nil, hbRows(3, 4, 5, 6)},
		{"r02\x00", "r03\x00", nil, hbRows(3)},
		{"r05", "r05", nil, hbRows(5)},
		{"r08", "", nil, hbRows(8, 9)},
		{"", "r01", nil, hbRows(0)},
		{"s", "", nil, ""},
		{"", "a", nil, ""},
		{"", "", []hbOption{hrpc.TimeRangeUint64(100, 101)}, hbRows(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
		{"", "", []hbOption{hrpc.TimeRangeUint64(101, 200)}, ""},
		{"", "r02", []hbOption{hrpc.Families(map[string][]string{"a": {"x"}})}, hbRows(0, 1)},
		{"", "r02", []hbOption{hrpc.Families(map[string][]string{"a": {"y"}})}, ""},
		{"", "r02", []hbOption{hrpc.CacheBlocks(false), hrpc.Attribute("k", []byte("v")), hrpc.Priority(5)}, hbRows(0, 1)},
	} {
		hbSame(t, fmt.Sprintf("scan [%q, %q) %d options", c.start, c.stop, len(c.opts)), h.scan(t, table, c.start, c.stop, c.opts...), c.want)
	}
	// A scan sees rows written before it and a row whole.
	h.put(t, table, "r05", hbOne("a", "y", "new"))
	hbSame(t, "two columns", h.scan(t, table, "r05", "r06"), "r05{a:x=5 a:y=new}")
}

func hbaseScanReversed(t *testing.T, h *hbaseSuite) {
	table := h.rowTable(t)
	for _, c := range []struct {
		start, stop string
		opts        []hbOption
		want        string
	}{
		{"r99", "", nil, hbRows(9, 8, 7, 6, 5, 4, 3, 2, 1, 0)},
		{"r99", "", []hbOption{hrpc.NumberOfRows(1)}, hbRows(9, 8, 7, 6, 5, 4, 3, 2, 1, 0)},
		{"r08", "r02", nil, hbRows(8, 7, 6, 5, 4, 3)},
		{"r07", "r03", nil, hbRows(7, 6, 5, 4)},
		{"r06", "r06", nil, hbRows(6)},
		{"r02\x00", "r01", nil, hbRows(2)},
		{"r99", "", []hbOption{hrpc.Filters(filter.NewPrefixFilter([]byte("r08")))}, hbRows(8)},
	} {
		hbSame(t, fmt.Sprintf("reversed from %q down to %q", c.start, c.stop), h.scan(t, table, c.start, c.stop, append(c.opts, hrpc.Reversed())...), c.want)
	}
}

func hbaseScanPartials(t *testing.T, h *hbaseSuite) {
	table := h.table(t, hbFamilies{"a": nil, "b": nil})
	want := map[string][]string{}
	for _, row := range []string{"r1", "r2"} {
		v := hbValues{"a": {}, "b": {}}
		for i := range 20 {
			v["a"][fmt.Sprintf("%02d", i)] = []byte(fmt.Sprint(i))
			want[row] = append(want[row], fmt.Sprintf("a:%02d=%d", i, i))
		}
		v["b"]["q"] = []byte("end")
		want[row] = append(want[row], "b:q=end")
		h.put(t, table, row, v)
	}
	full := fmt.Sprintf("r1{%s} r2{%s}", strings.Join(want["r1"], " "), strings.Join(want["r2"], " "))
	for _, size := range []uint64{1, 200, 500, 5000} {
		hbSame(t, fmt.Sprint("rows put together from pieces of ", size), h.scan(t, table, "", "", hrpc.MaxResultSize(size)), full)
	}
	hbSame(t, "limit and offset per row", h.scan(t, table, "", "", hrpc.MaxResultSize(1), hrpc.MaxResultsPerColumnFamily(2), hrpc.ResultOffset(10)),
		"r1{a:10=10 a:11=11} r2{a:10=10 a:11=11}")

	// Pieces as they come: each of one row, together the rows.
	s := hbGot(hrpc.NewScanStr(hbaseContext(t), table, hrpc.MaxResultSize(200), hrpc.AllowPartialResults()))(t)
	sc := h.c.Scan(s)
	pieces, partials := map[string][]string{}, 0
	for {
		r, err := sc.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		hbMust(t, err)
		if r.Partial {
			partials++
		}
		for i, c := range r.Cells {
			pieces[string(c.Row)] = append(pieces[string(c.Row)], hbShow(r.Cells[i:i+1], false))
		}
	}
	if partials < 2 {
		t.Errorf("%d partial results, want several", partials)
	}
	for row, cells := range want {
		hbSame(t, row, strings.Join(pieces[row], " "), strings.Join(cells, " "))
	}
}

func hbaseScanner(t *testing.T, h *hbaseSuite) {
	table := h.rowTable(t)
	s := hbGot(hrpc.NewScanStr(hbaseContext(t), table, hrpc.NumberOfRows(1)))(t)
	sc := h.c.Scan(s)
	hbGot(sc.Next())(t)
	hbMust(t, sc.Close())
	for i := 0; ; i++ {
		if _, err := sc.Next(); errors.Is(err, io.EOF) {
			break
		}
		if i > 10 {
			t.Fatal("a closed scanner goes on")
		}
	}
	// Renewed by hand between two steps.
	s = hbGot(hrpc.NewScanStr(hbaseContext(t), table, hrpc.NumberOfRows(1), hrpc.RenewInterval(20*time.Millisecond)))(t)
	sc = h.c.Scan(s)
	first := hbGot(sc.Next())(t)
	hbSame(t, "first", hbShow(first.Cells, false), "a:x=0")
	for i := 1; i < 10; i++ {
		r := hbGot(sc.Next())(t)
		hbSame(t, "next", hbShow(r.Cells, false), fmt.Sprint("a:x=", i))
		if i == 2 {
			time.Sleep(100 * time.Millisecond) // several renewals pass
		}
	}
	// An unknown scanner is an error, not an empty scan.
	unknown := hbGot(hrpc.NewScanRangeStr(hbaseContext(t), table, "r00", "", hrpc.ScannerID(12345), hrpc.NumberOfRows(1)))(t)
	_, err := h.c.(gohbase.RPCClient).SendRPC(unknown)
	hbWantError(t, err, "UnknownScannerException")

	for _, c := range []struct {
		what              string
		opts              []hbOption
		scanned, filtered int64
	}{
		{"all", nil, 2, 0},
		{"one dropped", []hbOption{hrpc.Filters(filter.NewPrefixFilter([]byte("r00")))}, 1, 1},
	} {
		s := hbGot(hrpc.NewScanRangeStr(hbaseContext(t), table, "r00", "r02", append(c.opts, hrpc.TrackScanMetrics())...))(t)
		sc := h.c.Scan(s)
		for {
			if _, err := sc.Next(); errors.Is(err, io.EOF) {
				break
			} else {
				hbMust(t, err)
			}
		}
		m := sc.GetScanMetrics()
		if m["ROWS_SCANNED"] != c.scanned || m["ROWS_FILTERED"] != c.filtered {
			t.Errorf("%s: metrics %v, want %d scanned, %d filtered", c.what, m, c.scanned, c.filtered)
		}
	}
}
