package hbase

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tsuna/gohbase/pb"
)

// copyBatch bounds the size of one batch of a data copy.
const copyBatch = 4 << 20

// copyData copies a table's cells to another data id. It is durable only with a later
// synced batch, which stores the entry that refers to it; without that the copy is
// unreachable, and its id is used again at the next start.
func (c *catalog) copyData(from, to uint32) error {
	if err := c.db.DeleteRange(dataPrefix(to), dataEnd(to), pebble.NoSync); err != nil {
		return fmt.Errorf("clear copy: %w", err)
	}
	it, err := c.db.NewIter(&pebble.IterOptions{LowerBound: dataPrefix(from), UpperBound: dataEnd(from)})
	if err != nil {
		return fmt.Errorf("read data to copy: %w", err)
	}
	b := c.db.NewBatch()
	prefix := dataPrefix(to)
	for it.First(); it.Valid(); it.Next() {
		value, err := it.ValueAndErr()
		if err == nil {
			err = b.Set(append(slices.Clone(prefix), it.Key()[len(prefix):]...), value, nil)
		}
		if err == nil && b.Len() > copyBatch {
			err = b.Commit(pebble.NoSync)
			b = c.db.NewBatch()
		}
		if err != nil {
			return joinClose(fmt.Errorf("copy data: %w", err), it)
		}
	}
	if err := it.Close(); err != nil {
		return fmt.Errorf("read data to copy: %w", err)
	}
	if err := b.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("copy data: %w", err)
	}
	return nil
}

func (c *call) createSnapshot(req *pb.SnapshotRequest) (proto.Message, error) {
	d := req.GetSnapshot()
	cat := c.server.catalog
	cat.admin.Lock()
	defer cat.admin.Unlock()
	v := cat.now.Load()
	name := fullName(&pb.TableName{Qualifier: []byte(d.GetTable())})
	t := v.tables[name]
	if t == nil {
		return nil, throwf(classTableNotFound, "%s", name)
	}
	if v.snapshots[d.GetName()] != nil {
		return nil, throwf(classSnapshotExists, "Snapshot '%s' already stored on the filesystem.", d.GetName())
	}
	s := &snapshot{
		Name: d.GetName(), Table: t, Data: cat.nextData(), Created: int64(nowMillis()),
		Owner: d.GetOwner(), Kind: int32(d.GetType()), Version: d.GetVersion(),
	}
	if err := cat.copyData(t.Data, s.Data); err != nil {
		return nil, err
	}
	err := cat.change(func(v *view) { v.snapshots[s.Name] = s }, func(b *pebble.Batch) error {
		return setJSON(b, snapshotKey(s.Name), s)
	})
	if err != nil {
		return nil, err
	}
	return &pb.SnapshotResponse{ExpectedTimeout: proto.Int64(60_000)}, nil
}

func (c *call) snapshotDone(req *pb.IsSnapshotDoneRequest) (proto.Message, error) {
	s := c.server.catalog.now.Load().snapshots[req.GetSnapshot().GetName()]
	if s == nil {
		return nil, throwf(classUnknownSnapshot, "Snapshot '%s' is not currently running or one of the known completed snapshots.", req.GetSnapshot().GetName())
	}
	return &pb.IsSnapshotDoneResponse{Done: proto.Bool(true), Snapshot: s.describe()}, nil
}

func (s *snapshot) describe() *pb.SnapshotDescription {
	kind := pb.SnapshotDescription_Type(s.Kind)
	return &pb.SnapshotDescription{
		Name: &s.Name, Table: proto.String(s.Table.fullName()), CreationTime: &s.Created,
		Type: &kind, Version: &s.Version, Owner: &s.Owner,
	}
}

func (c *call) listSnapshots(*pb.GetCompletedSnapshotsRequest) (proto.Message, error) {
	v := c.server.catalog.now.Load()
	resp := &pb.GetCompletedSnapshotsResponse{}
	for _, name := range slices.Sorted(maps.Keys(v.snapshots)) {
		resp.Snapshots = append(resp.Snapshots, v.snapshots[name].describe())
	}
	return resp, nil
}

func (c *call) deleteSnapshot(req *pb.DeleteSnapshotRequest) (proto.Message, error) {
	cat := c.server.catalog
	cat.admin.Lock()
	defer cat.admin.Unlock()
	s := cat.now.Load().snapshots[req.GetSnapshot().GetName()]
	if s == nil {
		return nil, throwf(classNoSnapshot, "Snapshot '%s' doesn't exist on the filesystem", req.GetSnapshot().GetName())
	}
	err := cat.change(func(v *view) { delete(v.snapshots, s.Name) }, func(b *pebble.Batch) error {
		if err := b.Delete(snapshotKey(s.Name), nil); err != nil {
			return err
		}
		return b.DeleteRange(dataPrefix(s.Data), dataEnd(s.Data), nil)
	})
	if err != nil {
		return nil, err
	}
	return &pb.DeleteSnapshotResponse{}, nil
}

// restoreSnapshot puts a disabled table back, or makes a new table of the snapshot.
func (c *call) restoreSnapshot(req *pb.RestoreSnapshotRequest) (proto.Message, error) {
	d := req.GetSnapshot()
	cat := c.server.catalog
	cat.admin.Lock()
	defer cat.admin.Unlock()
	v := cat.now.Load()
	s := v.snapshots[d.GetName()]
	if s == nil {
		return nil, throwf(classNoSnapshot, "Snapshot '%s' doesn't exist on the filesystem", d.GetName())
	}
	target := d.GetTable()
	if target == "" {
		target = s.Table.fullName()
	}
	ns, name := splitName(&pb.TableName{Qualifier: []byte(target)})
	old := v.tables[target]
	if old != nil && old.Enabled {
		return nil, throwf(classUnsupported, "Table '%s' must be disabled in order to perform a restore snapshot operation.", target)
	}
	t := *s.Table
	t.Namespace, t.Name, t.Enabled = ns, name, old == nil
	t.Data, t.RegionID = cat.nextData(), cat.nextRegionID(nowMillis())
	t.open()
	if err := cat.copyData(s.Data, t.Data); err != nil {
		return nil, err
	}
	err := cat.store(&t, func(b *pebble.Batch) error {
		if old == nil {
			return nil
		}
		return b.DeleteRange(dataPrefix(old.Data), dataEnd(old.Data), nil)
	})
	if err != nil {
		return nil, err
	}
	return &pb.RestoreSnapshotResponse{}, nil
}
