package binlog

import (
	"context"
	"database/sql"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	gomysql "github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// stream is the reading of the binlog from the state's position.
type stream struct {
	*source
	db   *sql.DB
	done *gtids            // transactions before the state's position; nil on a server without GTIDs
	file string            // that is being read
	maps map[uint64]*table // by the server's table id, until a definition changes
	late map[string]*gtids // of tables copied later than the state's position

	in    bool   // a transaction
	gtid  string // its id
	alone bool   // it is one statement without an end of its own
	seen  int    // its rows so far
	skip  int    // of them, written before a restart
	dirty bool   // the state has moved since the last commit

	before, after row
}

// idleCommit is how often a position without rows is committed.
const idleCommit = 5 * time.Second

// longTransaction is how long rows of a running transaction may wait for its end.
const longTransaction = time.Second

// stream reads until something fails; it never returns nil.
func (s *source) stream(ctx context.Context, db *sql.DB) error {
	r := &stream{source: s, db: db, maps: map[uint64]*table{}, late: map[string]*gtids{}, file: s.state.At.File}
	syncer := replication.NewBinlogSyncer(s.syncerConfig())
	defer syncer.Close()
	var streamer *replication.BinlogStreamer
	var err error
	if s.state.At.GTID != "" {
		if r.done, err = parseGTIDs(s.flavor, s.state.At.GTID); err != nil {
			return err
		}
		var set gomysql.GTIDSet
		if set, err = gomysql.ParseGTIDSet(s.flavor, s.state.At.GTID); err != nil {
			return fault.Wrap(fault.Internal, err, "read the position's GTIDs")
		}
		streamer, err = syncer.StartSyncGTID(set)
	} else {
		streamer, err = syncer.StartSync(gomysql.Position{Name: s.state.At.File, Pos: s.state.At.Pos})
	}
	if err != nil {
		return classify(err, "start reading the binlog at %s", s.state.At)
	}
	s.log.Info("reading the binlog", "server", s.server.Addr, "flavor", s.flavor, "position", s.state.At.String())
	return r.loop(ctx, streamer)
}

func (s *source) syncerConfig() replication.BinlogSyncerConfig {
	c := replication.BinlogSyncerConfig{
		ServerID: s.cfg.ServerID, Flavor: s.flavor, Host: s.server.Addr, User: s.server.User, Password: s.server.Password.Reveal(), Charset: "utf8mb4",
		TLSConfig: tlsConfig(s.server), Logger: slog.New(slog.DiscardHandler), HeartbeatPeriod: s.cfg.Heartbeat, ReadTimeout: 3*s.cfg.Heartbeat + time.Second,
		TimestampStringLocation: time.UTC, DiscardGTIDSet: true, VerifyChecksum: true, EventCacheCount: 256,
		// A new session begins at the committed position: the library's own would lose what was not committed.
		DisableRetrySync: true,
		FillZeroLogPos:   s.flavor == gomysql.MariaDBFlavor,
	}
	if host, port, err := net.SplitHostPort(s.server.Addr); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			c.Host, c.Port = host, uint16(n)
		}
	}
	return c
}

func (r *stream) loop(ctx context.Context, streamer *replication.BinlogStreamer) error {
	ctx, cancel := context.WithCancel(ctx)
	events, failed := make(chan *replication.BinlogEvent, 64), make(chan error, 1)
	joined := make(chan struct{})
	defer func() { cancel(); <-joined }()
	go func() {
		defer close(joined)
		for {
			e, err := streamer.GetEvent(ctx)
			if err != nil {
				failed <- err
				return
			}
			select {
			case events <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	tick := time.NewTicker(r.cfg.Interval)
	defer tick.Stop()
	committed := time.Now()
	for {
		select {
		case e := <-events:
			if err := r.event(ctx, e.Header, e.Event); err != nil {
				return err
			}
		case <-tick.C:
		case err := <-failed:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			err = classify(err, "read the binlog")
			if fault.KindOf(err) == fault.Internal { // the library's own wording of a lost connection
				err = fault.Wrap(fault.Unavailable, err, "")
			}
			return err
		}
		age := r.out.Age()
		switch {
		case r.pending >= r.cfg.Batch,
			r.pending > 0 && age >= r.cfg.Interval && (!r.in || age >= longTransaction),
			r.pending == 0 && r.dirty && !r.in && time.Since(committed) >= idleCommit:
			if err := r.commitState(ctx); err != nil {
				return err
			}
			committed = time.Now()
		}
	}
}

// commitState commits at the end of a transaction, or in its middle with the number of its rows.
func (r *stream) commitState(ctx context.Context) error {
	if r.in {
		r.state.Rows, r.state.Partial = max(r.seen, r.skip), r.gtid
	}
	r.dirty = false
	return r.commit(ctx)
}

func (r *stream) event(ctx context.Context, h *replication.EventHeader, e replication.Event) error {
	r.trouble.Store(nil)
	switch e := e.(type) {
	case *replication.RotateEvent:
		r.file = string(e.NextLogName)
		if h.Flags&replication.LOG_EVENT_ARTIFICIAL_F == 0 && h.Timestamp != 0 && !r.in && r.state.Rows == 0 {
			r.state.At.File, r.state.At.Pos = r.file, uint32(e.Position)
		}
	case *replication.FormatDescriptionEvent:
		clear(r.maps) // a restarted server numbers tables anew
	case *replication.MariadbGTIDEvent:
		r.begin(e.GTID.String(), e.IsStandalone())
	case *replication.GTIDEvent:
		r.begin(gtidOf(h, e), false)
		r.in = false // BEGIN or a statement alone follows
	case *replication.GtidTaggedLogEvent:
		r.begin(gtidOf(h, &e.GTIDEvent), false)
		r.in = false
	case *replication.QueryEvent:
		return r.query(h, e)
	case *replication.XIDEvent:
		return r.end(h)
	case *replication.TransactionPayloadEvent:
		for _, inner := range e.Events {
			ih := *inner.Header
			ih.LogPos = h.LogPos
			if err := r.event(ctx, &ih, inner.Event); err != nil {
				return err
			}
		}
	case *replication.RowsEvent:
		return r.rows(ctx, h, e)
	}
	switch h.EventType {
	case replication.HEARTBEAT_EVENT, replication.HEARTBEAT_LOG_EVENT_V2:
		r.metrics.lag.Set(0)
	case replication.XA_PREPARE_LOG_EVENT:
		r.log.Warn("an XA transaction counts as committed when it is prepared", "gtid", r.gtid)
		return r.end(h)
	case replication.INCIDENT_EVENT:
		return fault.WithRemedy(fault.Newf(fault.Permanent, "the server lost events of its binlog at %s:%d", r.file, h.LogPos),
			"give the source a new ods.binlog.name, under which all tables are copied again")
	}
	return nil
}

func gtidOf(h *replication.EventHeader, e *replication.GTIDEvent) string {
	u, err := uuid.FromBytes(e.SID)
	if h.EventType == replication.ANONYMOUS_GTID_EVENT || err != nil {
		return ""
	}
	if e.Tag != "" {
		return u.String() + ":" + e.Tag + ":" + strconv.FormatInt(e.GNO, 10)
	}
	return u.String() + ":" + strconv.FormatInt(e.GNO, 10)
}

// begin notes the start of a transaction; of the one that a crash cut, the rows that were written are skipped.
func (r *stream) begin(gtid string, alone bool) {
	r.in, r.gtid, r.alone, r.seen, r.skip = !alone, gtid, alone, 0, 0
	if r.state.Rows > 0 && r.state.Partial == gtid {
		r.skip = r.state.Rows
	}
}

// end moves the state behind the transaction.
func (r *stream) end(h *replication.EventHeader) error {
	if r.gtid != "" && r.done == nil && r.state.At.GTID == "" && r.flavor == gomysql.MariaDBFlavor {
		// An empty binlog has no GTID to begin with.
		r.done, _ = parseGTIDs(r.flavor, "")
	}
	if r.gtid != "" && r.done != nil {
		if err := r.done.add(r.gtid); err != nil {
			return err
		}
		r.state.At.GTID = r.done.String()
	}
	r.state.At.File, r.state.At.Pos = r.file, h.LogPos
	r.state.Rows, r.state.Partial = 0, ""
	r.in, r.gtid, r.alone, r.seen, r.skip, r.dirty = false, "", false, 0, 0, true
	return nil
}

func (r *stream) query(h *replication.EventHeader, e *replication.QueryEvent) error {
	q := strings.TrimSpace(string(e.Query))
	word, rest, _ := strings.Cut(q, " ")
	switch word = strings.ToUpper(word); word {
	case "BEGIN":
		r.in = true
		return nil
	case "COMMIT":
		return r.end(h)
	case "ROLLBACK":
		if strings.HasPrefix(strings.ToUpper(strings.TrimSpace(rest)), "TO") {
			return nil
		}
		return r.end(h)
	case "SAVEPOINT", "RELEASE":
		return nil
	case "XA":
		r.in = strings.HasPrefix(strings.ToUpper(rest), "START")
		if !r.in && !strings.HasPrefix(strings.ToUpper(rest), "END") {
			return r.end(h)
		}
		r.in = true
		return nil
	case "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD":
		r.metrics.unread.Inc()
		r.log.Error("a change was logged as a statement and cannot be read; SET binlog_format=ROW in all sessions", "database", string(e.Schema), "statement", q)
		if r.in {
			return nil
		}
		return r.end(h)
	}
	clear(r.maps)
	r.metrics.ddl.Inc()
	r.log.Info("table definitions change", "database", string(e.Schema), "statement", q)
	if r.in && !r.alone {
		return nil // CREATE TABLE … SELECT
	}
	return r.end(h)
}

func (r *stream) rows(ctx context.Context, h *replication.EventHeader, e *replication.RowsEvent) error {
	t, err := r.table(ctx, e)
	if err != nil {
		return err
	}
	step, typ := 1, e.Type()
	if typ == replication.EnumRowsEventTypeUpdate {
		step = 2
	}
	now := time.Now()
	r.metrics.lag.Set(max(0, float64(now.UnixMilli())/1000-float64(h.Timestamp)))
	skipAll := !t.wanted
	if !skipAll {
		if skipAll, err = r.copied(t, h); err != nil {
			return err
		}
	}
	o := origin{es: int64(h.Timestamp) * 1000, ts: now.UnixMilli(), gtid: r.gtid}
	for i := 0; i+step <= len(e.Rows); i += step {
		if r.seen++; r.seen <= r.skip || skipAll {
			continue
		}
		for j := i; j < i+step; j++ {
			if len(e.SkippedColumns[j]) > 0 {
				return fault.WithRemedy(fault.Newf(fault.Permanent, "a change of %s in transaction %s was logged without all columns", t.full(), r.gtid),
					"no session may set binlog_row_image to anything but FULL; a new ods.binlog.name copies all tables again")
			}
		}
		before, after := &r.before, &r.after
		switch typ {
		case replication.EnumRowsEventTypeInsert:
			before, err = nil, after.logged(t, e.Rows[i])
		case replication.EnumRowsEventTypeDelete:
			after, err = nil, before.logged(t, e.Rows[i])
		case replication.EnumRowsEventTypeUpdate:
			if err = before.logged(t, e.Rows[i]); err == nil {
				err = after.logged(t, e.Rows[i+1])
			}
		}
		if err != nil {
			return fault.Wrap(fault.Permanent, err, "read a row of %s at %s:%d", t.full(), r.file, h.LogPos)
		}
		o.id = r.seen
		err = t.changes(before, after, o, func(typ string, rec *kgo.Record) error { return r.send(ctx, t, typ, rec) })
		if err != nil {
			return err
		}
		if r.pending >= r.cfg.Batch {
			if err := r.commitState(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// copied tells whether the running transaction is in the copy of the table already.
func (r *stream) copied(t *table, h *replication.EventHeader) (bool, error) {
	name := t.full()
	at, known := r.state.Tables[name]
	if !known {
		r.state.Tables[name] = nil // created since the start: all of it is in the binlog
		r.log.Info("new table", "table", name)
	}
	if at == nil {
		return false, nil
	}
	inside := false
	if r.gtid != "" && at.GTID != "" {
		if r.late[name] == nil {
			var err error
			if r.late[name], err = parseGTIDs(r.flavor, at.GTID); err != nil {
				return false, err
			}
		}
		inside = r.late[name].contains(r.gtid)
	} else {
		inside = at.covers(r.file, h.LogPos)
	}
	return inside, nil
}

// table finds the shape of the rows.
func (r *stream) table(ctx context.Context, e *replication.RowsEvent) (*table, error) {
	tm := e.Table
	if t := r.maps[tm.TableID]; t != nil && t.name == string(tm.Table) && t.database == string(tm.Schema) {
		return t, nil
	}
	t := &table{database: string(tm.Schema), name: string(tm.Table)}
	if r.cfg.wanted(t.database, t.name) {
		info, err := r.describe(ctx, r.db, t.database, t.name)
		if err != nil {
			return nil, err
		}
		if t, err = r.shape(tm, info); err != nil {
			return nil, err
		}
		if len(t.pk) == 0 {
			r.log.Warn("table has no primary key: its records have no key", "table", t.full())
		}
	}
	r.maps[tm.TableID] = t
	return t, nil
}
