package front

import (
	"strings"

	"github.com/freshet-dw/freshet/platform/embed/clickhouse/chdb"
	"github.com/freshet-dw/freshet/platform/embed/clickhouse/native"
)

// nativeBlocks runs a statement that returns rows and hands each of its blocks, at the given revision, to
// emit. The bytes hold until emit returns. A query without rows gives one block that has only the columns.
func nativeBlocks(c *chdb.Conn, tr *native.Translator, st statement, params map[string]string, revision int, emit func(block []byte, rows int) error) error {
	blocks := 0
	var buf []byte
	each := func(r *chdb.Result) error {
		defer r.Free()
		for data := r.Data; len(data) > 0; {
			var b native.Block
			var err error
			if b, data, buf, err = tr.ToClient(data, revision, buf[:0]); err != nil {
				return newException(48, "NOT_IMPLEMENTED", err.Error())
			}
			blocks++
			if err := emit(buf, b.Rows); err != nil {
				return err
			}
		}
		return nil
	}
	if st.verb == "SELECT" || st.verb == "WITH" {
		if err := streamed(c, st, "Native", params, each); err != nil || blocks > 0 {
			return err
		}
		columns, err := describe(c, st.body, params)
		if err != nil {
			return err
		}
		return emit(native.AppendHeader(buf[:0], columns, revision), 0)
	}
	r, err := c.Query([]byte(st.body), "Native", params)
	if err != nil {
		return err
	}
	if err := each(r); err != nil || blocks > 0 {
		return err
	}
	return emit(native.AppendHeader(buf[:0], nil, revision), 0)
}

// streamed runs a SELECT chunk by chunk. each frees what it gets.
func streamed(c *chdb.Conn, st statement, format string, params map[string]string, each func(*chdb.Result) error) error {
	s, err := c.Stream([]byte(st.body), format, params)
	if err != nil {
		return err
	}
	defer s.Close()
	for {
		r, err := s.Next()
		if err != nil || r == nil {
			return err
		}
		if err := each(r); err != nil {
			s.Cancel()
			return err
		}
	}
}

// describe returns a SELECT's columns without running it. The engine gives no block for an empty result.
func describe(c *chdb.Conn, sql string, params map[string]string) ([]native.Column, error) {
	// Without the setting types come with newlines in them.
	sql = "DESCRIBE (" + strings.TrimRight(sql, "; \t\r\n") + "\n) SETTINGS print_pretty_type_names=0"
	r, err := c.Query([]byte(sql), "TSVRaw", params)
	if err != nil {
		return nil, err
	}
	defer r.Free()
	var columns []native.Column
	for line := range strings.Lines(string(r.Data)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) < 2 {
			continue
		}
		columns = append(columns, native.Column{Name: f[0], Type: f[1]})
	}
	return columns, nil
}

// structure lists columns as CREATE TABLE wants them.
func structure(columns []native.Column) string {
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = quoteName(c.Name) + " " + c.Type
	}
	return strings.Join(parts, ", ")
}
