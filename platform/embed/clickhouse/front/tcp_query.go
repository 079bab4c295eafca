package front

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse/chdb"
	"github.com/freshet-dw/freshet/platform/embed/clickhouse/native"
)

// frame is the most bytes that go into one compressed frame.
const frame = 1 << 20

// connError marks errors after which the connection cannot be used: what stands on the wire is unknown.
type connError struct{ error }

func (e connError) Unwrap() error { return e.error }

var errCancelled = errors.New("cancelled by the client")

func (s *session) query(ctx context.Context) error {
	var q proto.Query
	if err := q.DecodeAware(s.r, s.rev); err != nil {
		return fmt.Errorf("read query: %w", err)
	}
	zip := q.Compression == proto.CompressionEnabled
	err := s.execute(ctx, &q, zip)
	var broken connError
	switch {
	case errors.As(err, &broken):
		return err
	case err == nil, errors.Is(err, errCancelled):
		proto.ServerCodeEndOfStream.Encode(&s.out)
		return s.flush()
	default:
		s.out.Reset() // a half-built packet
		return s.sendException(err)
	}
}

func (s *session) execute(ctx context.Context, q *proto.Query, zip bool) error {
	tables, err := s.externalTables(zip)
	defer func() {
		for _, name := range tables {
			_ = s.c.Exec("DROP TEMPORARY TABLE IF EXISTS " + quoteName(name))
		}
	}()
	if err != nil {
		return err
	}
	release, err := s.e.acquire(ctx)
	if err != nil {
		return connError{err}
	}
	defer release()

	settings := map[string]string{}
	for _, x := range q.Settings {
		settings[x.Key] = x.Value
	}
	reset, err := setSettings(s.c, settings)
	if err != nil {
		return err
	}
	defer reset()
	if _, custom := settings["log_comment"]; custom {
		if err := s.c.Exec("SET log_comment=" + quoteString(s.mark)); err != nil {
			return err
		}
	}

	params := map[string]string{}
	for _, p := range q.Parameters {
		params[p.Key] = unquoteParam(p.Value)
	}
	st := parseStatement(q.Body)
	switch {
	case st.insert != nil && strings.TrimSpace(q.Body[st.insert.dataAt:]) == "":
		return s.insert(st.insert, zip)
	case st.insert != nil && st.insert.format != formatValues:
		return insertAll(s.c, st.insert.into, st.insert.format, []byte(q.Body[st.insert.dataAt:]))
	case st.returns:
		return s.selectRows(st, params, zip)
	}
	_, stop := s.watch(s.mark)
	defer stop()
	r, err := s.c.Query([]byte(q.Body), "Null", params)
	r.Free()
	return err
}

// unquoteParam undoes the SQL quoting that the protocol puts around parameters; the engine wants them
// escaped but without quotes.
func unquoteParam(v string) string {
	if len(v) > 1 && v[0] == '\'' && v[len(v)-1] == '\'' {
		return strings.NewReplacer(`\\`, `\\`, `\'`, `'`).Replace(v[1 : len(v)-1])
	}
	return v
}

func (s *session) selectRows(st statement, params map[string]string, zip bool) error {
	start, total, blocks := time.Now(), 0, 0
	cancelled, stop := s.watch(s.mark)
	err := nativeBlocks(s.c, s.tr, st, params, s.rev, func(block []byte, rows int) error {
		if cancelled() {
			return errCancelled
		}
		total += rows
		blocks++
		return s.sendBlock(block, zip)
	})
	stop()
	if cancelled() {
		return errCancelled
	}
	if err != nil {
		return err
	}
	s.out.PutByte(byte(proto.ServerCodeProgress))
	proto.Progress{Rows: uint64(total), ElapsedNs: uint64(time.Since(start))}.EncodeAware(&s.out, s.rev)
	proto.Profile{Rows: uint64(total), Blocks: uint64(blocks)}.EncodeAware(&s.out, s.rev)
	return nil
}

func (s *session) sendBlock(block []byte, zip bool) error {
	s.out.PutByte(byte(proto.ServerCodeData))
	s.out.PutString("") // table name
	if !zip {
		s.out.PutRaw(block)
	}
	for zip && len(block) > 0 {
		n := min(len(block), frame)
		if err := s.zip.Compress(block[:n]); err != nil {
			return fmt.Errorf("compress a block: %w", err)
		}
		s.out.PutRaw(s.zip.Data)
		block = block[n:]
	}
	if err := s.flush(); err != nil {
		return connError{err}
	}
	return nil
}

// readData reads a Data packet: a table's name and a block, which it appends to out at revision 0.
func (s *session) readData(zip bool, out []byte) (name string, b native.Block, data []byte, err error) {
	code, err := s.readCode()
	if err != nil {
		return "", b, out, connError{err}
	}
	switch code {
	case proto.ClientCodeData:
	case proto.ClientCodeCancel:
		return "", b, out, errCancelled
	default:
		return "", b, out, connError{fmt.Errorf("read data: unexpected packet %d", code)}
	}
	if name, err = s.r.Str(); err != nil {
		return "", b, out, connError{err}
	}
	src := s.raw
	if zip {
		src = s.unzip
	}
	b, data, err = s.tr.FromClient(src, s.rev, out)
	if err != nil {
		// The rest of the block is unread: tell why, then hang up.
		_ = s.sendException(newException(48, "NOT_IMPLEMENTED", err.Error()))
		return "", b, data, connError{err}
	}
	return name, b, data, nil
}

// externalTables reads the tables sent along with a query into temporary ones, up to the empty block.
func (s *session) externalTables(zip bool) (names []string, err error) {
	for {
		name, b, data, rerr := s.readData(zip, nil)
		if rerr != nil {
			return names, rerr
		}
		if b.Empty() {
			return names, err
		}
		if err != nil {
			continue // read on, so that the connection stays in step
		}
		if err = s.c.Exec("CREATE TEMPORARY TABLE " + quoteName(name) + " (" + structure(b.Columns) + ")"); err != nil {
			continue
		}
		names = append(names, name)
		err = insertAll(s.c, "INSERT INTO "+quoteName(name), "Native", data)
	}
}

func insertAll(c *chdb.Conn, into, format string, data []byte) error {
	ins, err := c.Insert(into, format)
	if err != nil {
		return err
	}
	defer ins.Close()
	if _, err := ins.Write(data); err != nil {
		return err
	}
	r, err := ins.Done()
	r.Free()
	return err
}

// insert tells the client the table's columns, passes its blocks to the engine and answers when they are stored.
func (s *session) insert(h *insertHead, zip bool) error {
	columns, err := describe(s.c, "SELECT "+h.columns+" FROM "+strings.TrimPrefix(h.target, "FUNCTION "), nil)
	if err != nil {
		return err
	}
	if err := s.sendBlock(native.AppendHeader(nil, columns, s.rev), zip); err != nil {
		return err
	}
	ins, err := s.c.Insert(h.into, "Native")
	if err != nil {
		return s.drain(zip, err)
	}
	defer ins.Close()
	var buf []byte
	rows := 0
	for {
		_, b, data, err := s.readData(zip, buf[:0])
		if err != nil {
			return err
		}
		if b.Empty() {
			break
		}
		buf = data
		if b.Rows == 0 {
			continue
		}
		rows += b.Rows
		if _, err := ins.Write(data); err != nil {
			return s.drain(zip, err)
		}
	}
	r, err := ins.Done()
	if err != nil {
		return err
	}
	r.Free()
	s.out.PutByte(byte(proto.ServerCodeProgress))
	proto.Progress{WroteRows: uint64(rows)}.EncodeAware(&s.out, s.rev)
	return nil
}

// drain reads the rest of an insert that has failed, so that the connection stays in step.
func (s *session) drain(zip bool, cause error) error {
	for {
		_, b, _, err := s.readData(zip, nil)
		if err != nil {
			return errors.Join(err, cause)
		}
		if b.Empty() {
			return cause
		}
	}
}
