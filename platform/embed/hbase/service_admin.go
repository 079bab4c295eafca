package hbase

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"github.com/tsuna/gohbase/pb"
)

const (
	clusterID     = "6f1d7a52-5d0d-4b57-9b7e-0e7f2d6c9a10"
	serverVersion = "2.6.4"
)

var (
	tableNamePattern  = regexp.MustCompile(`^[\pL\pN_][\pL\pN_.-]*$`)
	familyNamePattern = regexp.MustCompile(`^[^.:/\pC][^:/\pC]*$`)
)

// adminState is what administration remembers besides the catalog. Changes finish
// before they are answered, so a procedure's id alone says that it is done.
type adminState struct {
	mu       sync.Mutex
	balancer bool
	procs    atomic.Uint64
}

func (a *adminState) get() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.balancer
}

func (c *call) procedure() *uint64 { return proto.Uint64(c.server.admin.procs.Add(1)) }

func (c *call) procedureResult(req *pb.GetProcedureResultRequest) (proto.Message, error) {
	state := pb.GetProcedureResultResponse_FINISHED
	if id := req.GetProcId(); id == 0 || id > c.server.admin.procs.Load() {
		state = pb.GetProcedureResultResponse_NOT_FOUND
	}
	return &pb.GetProcedureResultResponse{State: &state}, nil
}

// splitName separates a namespace, which may stand in either field.
func splitName(n *pb.TableName) (ns, name string) {
	ns, name = string(n.GetNamespace()), string(n.GetQualifier())
	if a, b, ok := strings.Cut(name, ":"); ok {
		return a, b
	}
	if ns == "" {
		ns = defaultNamespace
	}
	return ns, name
}

func fullName(n *pb.TableName) string {
	ns, name := splitName(n)
	return (&table{Namespace: ns, Name: name}).fullName()
}

func (c *call) createTable(req *pb.CreateTableRequest) (proto.Message, error) {
	schema := req.GetTableSchema()
	ns, name := splitName(schema.GetTableName())
	if ns != defaultNamespace {
		return nil, throwf(classNoNamespace, "%s", ns)
	}
	if !tableNamePattern.MatchString(name) {
		return nil, throwf(classIllegalArgument, "Illegal table name %q", name)
	}
	t := &table{Namespace: ns, Name: name, Enabled: true, Attrs: map[string]string{}}
	for _, a := range schema.GetAttributes() {
		t.Attrs[string(a.GetFirst())] = string(a.GetSecond())
	}
	for _, f := range schema.GetColumnFamilies() {
		if !familyNamePattern.Match(f.GetName()) || len(f.GetName()) > 127 {
			return nil, throwf(classIllegalArgument, "Illegal family name %q", f.GetName())
		}
		n := &family{Name: string(f.GetName()), Attrs: map[string]string{}}
		for _, a := range f.GetAttributes() {
			n.Attrs[string(a.GetFirst())] = string(a.GetSecond())
		}
		t.Families = append(t.Families, n)
	}
	if len(t.Families) == 0 {
		return nil, throwf(classDoNotRetry, "Table should have at least one column family.")
	}
	t.Splits = sortedUnique(req.GetSplitKeys())
	if len(t.Splits) != len(req.GetSplitKeys()) {
		return nil, throwf(classIllegalArgument, "All split keys must be unique")
	}
	if len(t.Splits) > 0 && len(t.Splits[0]) == 0 {
		return nil, throwf(classIllegalArgument, "Empty split key must not be passed in the split keys.")
	}
	cat := c.server.catalog
	cat.admin.Lock()
	defer cat.admin.Unlock()
	if cat.now.Load().tables[t.fullName()] != nil {
		return nil, throwf(classTableExists, "%s", t.fullName())
	}
	if err := cat.create(t); err != nil {
		return nil, err
	}
	return &pb.CreateTableResponse{ProcId: c.procedure()}, nil
}

// create gives a new table its ids and stores it. The caller holds admin.
func (c *catalog) create(t *table) error {
	t.Data, t.RegionID = c.nextData(), c.nextRegionID(nowMillis())
	if err := t.resolve(); err != nil {
		return err
	}
	t.open()
	return c.store(t, nil)
}

// edit runs f on an existing table with administration to itself.
func (c *call) edit(n *pb.TableName, f func(cat *catalog, t *table) error) error {
	cat := c.server.catalog
	cat.admin.Lock()
	defer cat.admin.Unlock()
	t := cat.now.Load().tables[fullName(n)]
	if t == nil {
		return throwf(classTableNotFound, "%s", fullName(n))
	}
	return f(cat, t)
}

func (c *call) setEnabled(n *pb.TableName, enabled bool, class string) error {
	return c.edit(n, func(cat *catalog, t *table) error {
		if t.Enabled == enabled {
			return throwf(class, "%s", t.fullName())
		}
		next := t.fresh()
		next.Enabled = enabled
		return cat.store(next, nil)
	})
}

func (c *call) enableTable(req *pb.EnableTableRequest) (proto.Message, error) {
	if err := c.setEnabled(req.GetTableName(), true, classTableEnabled); err != nil {
		return nil, err
	}
	return &pb.EnableTableResponse{ProcId: c.procedure()}, nil
}

func (c *call) disableTable(req *pb.DisableTableRequest) (proto.Message, error) {
	if err := c.setEnabled(req.GetTableName(), false, classTableDisabled); err != nil {
		return nil, err
	}
	return &pb.DisableTableResponse{ProcId: c.procedure()}, nil
}

func (c *call) deleteTable(req *pb.DeleteTableRequest) (proto.Message, error) {
	err := c.edit(req.GetTableName(), func(cat *catalog, t *table) error {
		if t.Enabled {
			return throwf(classTableEnabled, "%s", t.fullName())
		}
		return cat.change(func(v *view) { delete(v.tables, t.fullName()) }, func(b *pebble.Batch) error {
			if err := b.Delete(catalogKey(t.fullName()), nil); err != nil {
				return err
			}
			return b.DeleteRange(dataPrefix(t.Data), dataEnd(t.Data), nil)
		})
	})
	if err != nil {
		return nil, err
	}
	return &pb.DeleteTableResponse{ProcId: c.procedure()}, nil
}

func (c *call) tableNames(req *pb.GetTableNamesRequest) (proto.Message, error) {
	match, err := regexp.Compile("^(?:" + req.GetRegex() + ")$")
	if err != nil {
		return nil, throwf(classIllegalArgument, "table name pattern: %v", err)
	}
	v := c.server.catalog.now.Load()
	all := []*table{}
	for _, t := range v.tables {
		all = append(all, t)
	}
	all = append(all, metaTable)
	slices.SortFunc(all, func(a, b *table) int { return strings.Compare(a.fullName(), b.fullName()) })
	resp := &pb.GetTableNamesResponse{}
	for _, t := range all {
		if t.Namespace == systemNamespace && !req.GetIncludeSysTables() {
			continue
		}
		if ns := req.GetNamespace(); ns != "" && ns != t.Namespace {
			continue
		}
		if req.Regex != nil && !match.MatchString(t.fullName()) {
			continue
		}
		resp.TableNames = append(resp.TableNames, &pb.TableName{Namespace: []byte(t.Namespace), Qualifier: []byte(t.Name)})
	}
	return resp, nil
}

func (c *call) clusterStatus(*pb.GetClusterStatusRequest) (proto.Message, error) {
	s := c.server
	load := &pb.ServerLoad{}
	for _, t := range s.catalog.now.Load().tables {
		if !t.Enabled {
			continue
		}
		for _, r := range t.regions {
			load.RegionLoads = append(load.RegionLoads, &pb.RegionLoad{
				RegionSpecifier: &pb.RegionSpecifier{Type: pb.RegionSpecifier_REGION_NAME.Enum(), Value: r.name},
				Stores:          proto.Uint32(uint32(len(t.Families))),
			})
		}
	}
	return &pb.GetClusterStatusResponse{ClusterStatus: &pb.ClusterStatus{
		HbaseVersion: &pb.HBaseVersionFileContent{Version: proto.String(serverVersion)},
		LiveServers:  []*pb.LiveServerInfo{{Server: s.name, ServerLoad: load}},
		ClusterId:    &pb.ClusterId{ClusterId: proto.String(clusterID)},
		Master:       s.name,
		BalancerOn:   proto.Bool(s.admin.get()),
	}}, nil
}

func (c *call) setBalancer(req *pb.SetBalancerRunningRequest) (proto.Message, error) {
	a := &c.server.admin
	a.mu.Lock()
	defer a.mu.Unlock()
	was := a.balancer
	a.balancer = req.GetOn()
	return &pb.SetBalancerRunningResponse{PrevBalanceValue: &was}, nil
}

// moveRegion finds that a region already is where the only server is.
func (c *call) moveRegion(req *pb.MoveRegionRequest) (proto.Message, error) {
	name := req.GetRegion().GetValue()
	if _, err := c.server.catalog.region(name); err != nil {
		return nil, throwf(classUnknownRegion, "%s", name)
	}
	if d := req.GetDestServerName(); d != nil {
		if d.GetHostName() != c.server.name.GetHostName() || d.GetPort() != c.server.name.GetPort() {
			return nil, throwf(classDoNotRetry, "destination %s:%d is not online", d.GetHostName(), d.GetPort())
		}
	}
	return &pb.MoveRegionResponse{}, nil
}

// createNamespaceTable makes hbase:namespace with its two rows on the first start.
func (s *Server) createNamespaceTable() error {
	s.catalog.admin.Lock()
	defer s.catalog.admin.Unlock()
	t := &table{
		Namespace: systemNamespace, Name: "namespace", Enabled: true,
		Families: []*family{{Name: "info", Attrs: map[string]string{"VERSIONS": "10"}}},
	}
	if s.catalog.now.Load().tables[t.fullName()] != nil {
		return nil
	}
	if err := s.catalog.create(t); err != nil {
		return err
	}
	w := &writer{server: s}
	for _, ns := range []string{defaultNamespace, systemNamespace} {
		row := []byte(ns)
		m := &mutation{kind: pb.MutationProto_PUT, row: row, cells: []cell{{
			row: row, fam: []byte("info"), qual: []byte("d"), typ: typePut, ts: latestTimestamp,
			val: pb.MustMarshal(&pb.NamespaceDescriptor{Name: row}),
		}}}
		if err := w.blind(t.regions[0], []*mutation{m}); err != nil {
			return fmt.Errorf("write namespace %s: %w", ns, err)
		}
	}
	return w.wait()
}
