package hbase

import (
	"bytes"
	"encoding/binary"

	"google.golang.org/protobuf/proto"

	"github.com/tsuna/gohbase/pb"
)

const (
	metaRegionName  = "hbase:meta,,1"
	metaEncodedName = "1588230740"
	pbufMagic       = "PBUF"
)

// metaTable stands for hbase:meta, whose rows are derived from the catalog.
var metaTable = &table{
	Namespace: systemNamespace, Name: "meta", Enabled: true,
	Families: []*family{
		{Name: "info", maxVersions: 3},
		{Name: "table", maxVersions: 3},
	},
}

var metaRegion = &region{table: metaTable, name: []byte(metaRegionName), encoded: metaEncodedName}

// metaRow is a row of hbase:meta with its cells in order.
type metaRow struct {
	row   []byte
	cells []cell
}

func metaRows(t *table, server string, startCode uint64) []metaRow {
	state, number := "OPEN", byte(0)
	if !t.Enabled {
		state, number = "CLOSED", 1
	}
	at := func(row []byte, fam, qual string, val []byte) cell {
		return cell{row: row, fam: []byte(fam), qual: []byte(qual), val: val, ts: t.RegionID, typ: typePut}
	}
	name := []byte(t.fullName())
	rows := []metaRow{{row: name, cells: []cell{at(name, "table", "state", []byte{8, number})}}}
	for _, r := range t.regions {
		info := &pb.RegionInfo{
			RegionId:  proto.Uint64(t.RegionID),
			TableName: &pb.TableName{Namespace: []byte(t.Namespace), Qualifier: []byte(t.Name)},
			StartKey:  orEmpty(r.start),
			EndKey:    orEmpty(r.end),
			Offline:   proto.Bool(false),
			Split:     proto.Bool(false),
			ReplicaId: proto.Int32(0),
		}
		rows = append(rows, metaRow{row: r.name, cells: []cell{
			at(r.name, "info", "regioninfo", append([]byte(pbufMagic), pb.MustMarshal(info)...)),
			at(r.name, "info", "seqnumDuringOpen", binary.BigEndian.AppendUint64(nil, 1)),
			at(r.name, "info", "server", []byte(server)),
			at(r.name, "info", "serverstartcode", binary.BigEndian.AppendUint64(nil, startCode)),
			at(r.name, "info", "state", []byte(state)),
		}})
	}
	return rows
}

func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// compareMeta orders hbase:meta's rows: by table, then start key, then region id. Plain
// byte order would put start keys that hold a comma, or bytes below one, out of place.
func compareMeta(a, b []byte) int {
	at, ar, aok := bytes.Cut(a, []byte{','})
	bt, br, bok := bytes.Cut(b, []byte{','})
	if c := bytes.Compare(at, bt); c != 0 {
		return c
	}
	switch {
	case !aok && !bok:
		return 0
	case !aok:
		return -1
	case !bok:
		return 1
	}
	ak, aid := splitLast(ar)
	bk, bid := splitLast(br)
	if c := bytes.Compare(ak, bk); c != 0 {
		return c
	}
	return bytes.Compare(aid, bid)
}

// splitLast cuts at the last comma; start keys may hold commas, ids cannot.
func splitLast(b []byte) (key, id []byte) {
	if i := bytes.LastIndexByte(b, ','); i >= 0 {
		return b[:i], b[i+1:]
	}
	return b, nil
}
