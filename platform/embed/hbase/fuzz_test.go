package hbase

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	gofilter "github.com/tsuna/gohbase/filter"
	"github.com/tsuna/gohbase/pb"
)

var sample = cell{row: []byte("row"), fam: []byte("f"), qual: []byte("q\x00"), val: []byte("value"), ts: 42, typ: typePut}

func requestFrame(method string, param proto.Message, cells []byte) []byte {
	h := &pb.RequestHeader{CallId: proto.Uint32(1), MethodName: &method, RequestParam: proto.Bool(true)}
	if len(cells) > 0 {
		h.CellBlockMeta = &pb.CellBlockMeta{Length: proto.Uint32(uint32(len(cells)))}
	}
	b := protowire.AppendBytes(nil, pb.MustMarshal(h))
	b = protowire.AppendBytes(b, pb.MustMarshal(param))
	return append(b, cells...)
}

func regionOf(name []byte) *pb.RegionSpecifier {
	return &pb.RegionSpecifier{Type: pb.RegionSpecifier_REGION_NAME.Enum(), Value: name}
}

// FuzzRequest runs whole request frames against a server with one table.
func FuzzRequest(f *testing.F) {
	s, err := Start(f.Context(), Config{Dir: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Error(err)
		}
	})
	tab := &table{Namespace: defaultNamespace, Name: "t", Enabled: true, Families: []*family{{Name: "f"}}}
	if err := s.catalog.create(tab); err != nil {
		f.Fatal(err)
	}
	region := regionOf(tab.regions[0].name)
	block := appendCell(nil, &sample)
	put := &pb.MutationProto{Row: []byte("row"), MutateType: pb.MutationProto_PUT.Enum(), AssociatedCellCount: proto.Int32(1)}
	prefix, err := gofilter.NewPrefixFilter([]byte("r")).ConstructPBFilter()
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{
		requestFrame("Mutate", &pb.MutateRequest{Region: region, Mutation: put}, block),
		requestFrame("Multi", &pb.MultiRequest{RegionAction: []*pb.RegionAction{{Region: region, Action: []*pb.Action{
			{Index: proto.Uint32(1), Mutation: put}, {Index: proto.Uint32(2), Get: &pb.Get{Row: []byte("row")}},
		}}}}, block),
		requestFrame("Get", &pb.GetRequest{Region: region, Get: &pb.Get{Row: []byte("row"), Filter: prefix}}, nil),
		requestFrame("Scan", &pb.ScanRequest{Region: region, NumberOfRows: proto.Uint32(2), Scan: &pb.Scan{Reversed: proto.Bool(true)}}, nil),
		requestFrame("Scan", &pb.ScanRequest{Region: regionOf([]byte(metaRegionName)), NumberOfRows: proto.Uint32(9), Scan: &pb.Scan{StartRow: []byte("t,,:"), Reversed: proto.Bool(true)}}, nil),
		requestFrame("Mutate", &pb.MutateRequest{Region: regionOf([]byte(metaRegionName)), Mutation: put}, block),
		requestFrame("GetTableNames", &pb.GetTableNamesRequest{Regex: proto.String("(")}, nil),
		requestFrame("Mutate", &pb.MutateRequest{Region: region, Mutation: &pb.MutationProto{
			Row: []byte("row"), MutateType: pb.MutationProto_INCREMENT.Enum(), AssociatedCellCount: proto.Int32(1 << 30),
		}}, block),
	} {
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, frame []byte, compressed bool) {
		req, err := decodeRequest(frame, compressed)
		if err != nil {
			return
		}
		c := &call{server: s, req: req}
		if resp, err := c.dispatch(); err == nil {
			if _, err := proto.Marshal(resp); err != nil {
				t.Errorf("answer to %s: %v", req.header.GetMethodName(), err)
			}
			for b := c.out; len(b) > 0; {
				var err error
				if _, b, err = nextCell(b); err != nil {
					t.Fatalf("answer's cell block: %v", err)
				}
			}
		}
	})
}

func FuzzCells(f *testing.F) {
	f.Add(appendCell(nil, &sample))
	f.Add(appendCell(appendCell(nil, &sample), &cell{typ: typeDeleteFamily}))
	f.Add([]byte("\x00\x00\x00\x14\x00\x00\x00\x0c\xff\xff\xff\xff\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			c, rest, err := nextCell(b)
			if err != nil {
				return
			}
			// What was read is written alike, except for tags.
			again, _, err := nextCell(appendCell(nil, &c))
			if err != nil || !equal(&c, &again) {
				t.Fatalf("%v became %v: %v", c, again, err)
			}
			b = rest
		}
	})
}

func equal(a, b *cell) bool {
	return bytes.Equal(a.row, b.row) && bytes.Equal(a.fam, b.fam) && bytes.Equal(a.qual, b.qual) &&
		bytes.Equal(a.val, b.val) && a.ts == b.ts && a.typ == b.typ && a.ttl == b.ttl
}

func FuzzDecompress(f *testing.F) {
	f.Add(compress(appendCell(nil, &sample)))
	f.Add(compress(make([]byte, 2*snappyChunk+7)))
	f.Add([]byte("\xff\xff\xff\xff\x00\x00\x00\x01\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, err := decompress(b)
		if err != nil || len(raw) == 0 {
			return
		}
		if again, err := decompress(compress(raw)); err != nil || !bytes.Equal(raw, again) {
			t.Fatalf("%d bytes came back as %d: %v", len(raw), len(again), err)
		}
	})
}

func FuzzZooKeeper(f *testing.F) {
	z := newZKServer(map[string][]byte{"/hbase": nil, "/hbase/master": []byte("m")}, time.Now())
	for _, op := range []uint32{zkGetData, zkExists, zkGetChildren2, zkPing, 77} {
		b := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 1}, op)
		f.Add(append(appendZKBytes(b, []byte("/hbase/master")), 0))
	}
	f.Add(make([]byte, 44))
	f.Fuzz(func(t *testing.T, b []byte) {
		if reply, _, err := z.answer(b); err == nil && len(reply) < 16 {
			t.Errorf("reply of %d bytes", len(reply))
		}
		if timeout, reply, err := z.connect(b); err == nil && (timeout <= 0 || len(reply) != 36) {
			t.Errorf("connect reply of %d bytes, timeout %v", len(reply), timeout)
		}
	})
}

func FuzzFilter(f *testing.F) {
	for _, make := range []gofilter.Filter{
		gofilter.NewPageFilter(3), gofilter.NewColumnPaginationFilter(1, 1, nil), gofilter.NewFuzzyRowFilter([]*gofilter.BytesBytesPair{gofilter.NewBytesBytesPair([]byte("ab"), []byte{0, 1})}),
		gofilter.NewList(gofilter.MustPassOne, gofilter.NewFirstKeyOnlyFilter(), gofilter.NewKeyOnlyFilter(true)),
		gofilter.NewSkipFilter(gofilter.NewValueFilter(gofilter.NewCompareFilter(gofilter.Equal, gofilter.NewRegexStringComparator("v.*", 2, "UTF-8", "JAVA")))),
		gofilter.NewRowFilter(gofilter.NewCompareFilter(gofilter.Less, gofilter.NewBitComparator(gofilter.BitComparatorAND, gofilter.NewByteArrayComparable([]byte("x"))))),
		gofilter.NewMultiRowRangeFilter([]*gofilter.RowRange{gofilter.NewRowRange([]byte("a"), nil, true, false)}),
	} {
		m, err := make.ConstructPBFilter()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pb.MustMarshal(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m pb.Filter
		if proto.Unmarshal(b, &m) != nil {
			return
		}
		got, err := newFilter(&m, false, 0)
		if err != nil {
			return
		}
		for range 3 {
			c := sample
			if !got.row(c.row) && got.cell(&c).includes() {
				got.transform(&c)
				got.rowCells([]cell{c})
			}
			got.dropRow()
			got.done()
			got.reset()
		}
	})
}

func FuzzStoredKey(f *testing.F) {
	f.Add([]byte("row"), []byte("f"), []byte("q"), []byte("v"), uint64(1), byte(typePut), uint64(0))
	f.Add([]byte("\x00\x01\xff"), []byte{}, []byte("\x00\x00"), []byte{}, uint64(1<<63-1), byte(typeDelete), uint64(9))
	f.Fuzz(func(t *testing.T, row, fam, qual, val []byte, ts uint64, typ byte, ttl uint64) {
		c := cell{row: row, fam: fam, qual: qual, val: val, ts: ts, typ: typ, ttl: ttl}
		key := cellKey(nil, 7, &c)
		got, _, err := parseCell(key, cellValue(nil, &c), nil)
		if err != nil || !equal(&c, &got) {
			t.Fatalf("%v became %v: %v", c, got, err)
		}
		// Key order is HBase's order of rows.
		other := append(bytes.Clone(row), 0)
		if bytes.Compare(key, rowKey(nil, 7, other)) >= 0 || bytes.Compare(key, past(rowKey(nil, 7, row))) >= 0 {
			t.Fatalf("key of row %q sorts behind row %q", row, other)
		}
		_, _, _ = parseCell(row, val, nil) // any bytes
	})
}
