package hbase

import (
	"bytes"
	"encoding/binary"

	"github.com/tsuna/gohbase/pb"
)

// mutation is a decoded put, delete, append or increment of one row.
type mutation struct {
	kind  pb.MutationProto_MutationType
	row   []byte
	cells []cell
	ts    uint64 // of the mutation as a whole, for deletes of the row
}

const attrTTL = "_ttl"

// decodeMutation reads a mutation, whose cells may stand in the cell block; it returns
// what is left of the block. On an error the block can only be used further when
// skipCells succeeds.
func decodeMutation(m *pb.MutationProto, block []byte) (*mutation, []byte, error) {
	d := &mutation{kind: m.GetMutateType(), row: m.GetRow(), ts: latestTimestamp}
	if m.Timestamp != nil {
		d.ts = m.GetTimestamp()
	}
	var ttl uint64
	for _, a := range m.GetAttribute() {
		if a.GetName() == attrTTL && len(a.GetValue()) == 8 {
			ttl = binary.BigEndian.Uint64(a.GetValue())
		}
	}
	n := m.GetAssociatedCellCount()
	if n > 0 {
		// A cell takes at least 24 bytes, whatever count is claimed.
		d.cells = make([]cell, 0, min(int(n), len(block)/24+1))
	}
	for range n {
		var c cell
		var err error
		if c, block, err = nextCell(block); err != nil {
			return nil, nil, err
		}
		c.ttl = ttl
		if d.row == nil {
			d.row = c.row
		}
		if d.kind != pb.MutationProto_DELETE {
			c.typ = typePut
		}
		d.cells = append(d.cells, c)
	}
	for _, cv := range m.GetColumnValue() {
		for _, q := range cv.GetQualifierValue() {
			c := cell{row: d.row, fam: cv.GetFamily(), qual: q.GetQualifier(), val: q.GetValue(), ts: d.ts, ttl: ttl, typ: typePut}
			if q.Timestamp != nil {
				c.ts = q.GetTimestamp()
			}
			if d.kind == pb.MutationProto_DELETE {
				c.typ = deleteTypes[q.GetDeleteType()]
			}
			d.cells = append(d.cells, c)
		}
	}
	return d, block, nil
}

var deleteTypes = map[pb.MutationProto_DeleteType]byte{
	pb.MutationProto_DELETE_ONE_VERSION:       typeDelete,
	pb.MutationProto_DELETE_MULTIPLE_VERSIONS: typeDeleteColumn,
	pb.MutationProto_DELETE_FAMILY:            typeDeleteFamily,
	pb.MutationProto_DELETE_FAMILY_VERSION:    typeDeleteFamilyVersion,
}

// check validates the mutation against the region and spells out a delete of a row.
func (m *mutation) check(r *region) error {
	if err := checkRow(r, m.row); err != nil {
		return err
	}
	if r == metaRegion {
		return throwf(classUnsupported, "hbase:meta is read only")
	}
	if m.kind == pb.MutationProto_DELETE && len(m.cells) == 0 {
		for _, f := range r.table.Families {
			m.cells = append(m.cells, cell{row: m.row, fam: []byte(f.Name), ts: m.ts, typ: typeDeleteFamily})
		}
	}
	if len(m.cells) == 0 && m.kind != pb.MutationProto_PUT {
		return throwf(classDoNotRetry, "no columns to change")
	}
	for i := range m.cells {
		c := &m.cells[i]
		if !bytes.Equal(c.row, m.row) {
			return throwf(classDoNotRetry, "cell of row %q in a mutation of row %q", c.row, m.row)
		}
		if r.table.family(c.fam) == nil {
			return noFamily(r.table, c.fam)
		}
		if c.ts > latestTimestamp {
			return throwf(classIllegalArgument, "Timestamp cannot be negative. ts=%d", int64(c.ts))
		}
		switch c.typ {
		case typePut, typeDelete, typeDeleteColumn, typeDeleteFamily, typeDeleteFamilyVersion:
		default:
			return throwf(classDoNotRetry, "cell type %d cannot be written", c.typ)
		}
	}
	return nil
}

// reads reports that the mutation depends on what is stored.
func (m *mutation) reads() bool {
	switch m.kind {
	case pb.MutationProto_APPEND, pb.MutationProto_INCREMENT:
		return true
	case pb.MutationProto_DELETE:
		for i := range m.cells {
			if m.cells[i].newest() {
				return true
			}
		}
	}
	return false
}

// newest reports a delete of the latest version, whichever that is.
func (c *cell) newest() bool { return c.typ == typeDelete && c.ts == latestTimestamp }
