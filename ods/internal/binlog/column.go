package binlog

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
	"golang.org/x/text/encoding"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// kind is how a column's values become text.
type kind uint8

const (
	kindInt kind = iota
	kindDecimal
	kindFloat
	kindDouble
	kindBit
	kindText
	kindBinary
	kindEnum
	kindSet
	kindDate
	kindTime
	kindDateTime // and TIMESTAMP, which is read in UTC
	kindYear
	kindJSON
	kindInet6
	kindInet4
	kindUUID
)

// column is a column as its values are read.
type column struct {
	name     string
	kind     kind
	bits     int // of an integer
	unsigned bool
	values   []string          // of ENUM and SET
	enc      encoding.Encoding // of text in the binlog; nil: UTF-8
	length   int               // of BINARY, which loses its trailing zero bytes in the binlog
	frac     int               // digits of a fraction of seconds
	typ      string            // as "bigint(20) unsigned"
	sqlType  int               // of java.sql.Types, as Canal says it
}

// table is the shape of a table's rows at one place of the binlog.
type table struct {
	database, name string
	columns        []column
	pk             []int // indexes of columns
	topic          string
	wanted         bool

	names [][]byte // `"name":`
	tail  []byte   // of a record: what is the same for all rows
}

func (t *table) full() string { return t.database + "." + t.name }

// types maps the names of information_schema.columns.data_type.
var types = map[string]struct {
	kind    kind
	bits    int
	sqlType int
}{
	"tinyint": {kindInt, 8, -6}, "smallint": {kindInt, 16, 5}, "mediumint": {kindInt, 24, 4}, "int": {kindInt, 32, 4}, "bigint": {kindInt, 64, -5},
	"decimal": {kindDecimal, 0, 3}, "float": {kindFloat, 0, 7}, "double": {kindDouble, 0, 8}, "bit": {kindBit, 0, -7},
	"char": {kindText, 0, 1}, "varchar": {kindText, 0, 12}, "tinytext": {kindText, 0, 2005}, "text": {kindText, 0, 2005}, "mediumtext": {kindText, 0, 2005},
	"longtext": {kindText, 0, 2005}, "binary": {kindBinary, 0, 2004}, "varbinary": {kindBinary, 0, 2004}, "tinyblob": {kindBinary, 0, 2004},
	"blob": {kindBinary, 0, 2004}, "mediumblob": {kindBinary, 0, 2004}, "longblob": {kindBinary, 0, 2004}, "enum": {kindEnum, 0, 4}, "set": {kindSet, 0, -7},
	"date": {kindDate, 0, 91}, "time": {kindTime, 0, 92}, "datetime": {kindDateTime, 0, 93}, "timestamp": {kindDateTime, 0, 93}, "year": {kindYear, 0, 12},
	"json": {kindJSON, 0, 12}, "geometry": {kindBinary, 0, 2004}, "point": {kindBinary, 0, 2004}, "linestring": {kindBinary, 0, 2004}, "polygon": {kindBinary, 0, 2004},
	"multipoint": {kindBinary, 0, 2004}, "multilinestring": {kindBinary, 0, 2004}, "multipolygon": {kindBinary, 0, 2004},
	"geometrycollection": {kindBinary, 0, 2004}, "geomcollection": {kindBinary, 0, 2004}, "vector": {kindBinary, 0, 2004},
	"inet6": {kindInet6, 0, 12}, "inet4": {kindInet4, 0, 12}, "uuid": {kindUUID, 0, 12},
}

// logged is what the binlog itself says of a column's type: a name of types. Character types are text unless their collation says otherwise.
func logged(tm *replication.TableMapEvent, i int) string {
	switch tm.ColumnType[i] {
	case mysql.MYSQL_TYPE_TINY:
		return "tinyint"
	case mysql.MYSQL_TYPE_SHORT:
		return "smallint"
	case mysql.MYSQL_TYPE_INT24:
		return "mediumint"
	case mysql.MYSQL_TYPE_LONG:
		return "int"
	case mysql.MYSQL_TYPE_LONGLONG:
		return "bigint"
	case mysql.MYSQL_TYPE_NEWDECIMAL:
		return "decimal"
	case mysql.MYSQL_TYPE_FLOAT:
		return "float"
	case mysql.MYSQL_TYPE_DOUBLE:
		return "double"
	case mysql.MYSQL_TYPE_BIT:
		return "bit"
	case mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_VAR_STRING:
		return "varchar"
	case mysql.MYSQL_TYPE_BLOB:
		return "text"
	case mysql.MYSQL_TYPE_STRING:
		switch byte(tm.ColumnMeta[i] >> 8) {
		case mysql.MYSQL_TYPE_ENUM:
			return "enum"
		case mysql.MYSQL_TYPE_SET:
			return "set"
		}
		return "char"
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_NEWDATE:
		return "date"
	case mysql.MYSQL_TYPE_TIME, mysql.MYSQL_TYPE_TIME2:
		return "time"
	case mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_DATETIME2:
		return "datetime"
	case mysql.MYSQL_TYPE_TIMESTAMP, mysql.MYSQL_TYPE_TIMESTAMP2:
		return "timestamp"
	case mysql.MYSQL_TYPE_YEAR:
		return "year"
	case mysql.MYSQL_TYPE_JSON:
		return "json"
	case mysql.MYSQL_TYPE_GEOMETRY:
		return "geometry"
	case mysql.MYSQL_TYPE_VECTOR:
		return "vector"
	}
	return ""
}

// alike tells whether a column of the information schema can be what the binlog shows.
func alike(c *column, logged string) bool {
	l := types[logged]
	switch {
	case c.kind == kindInet4 || c.kind == kindInet6 || c.kind == kindUUID:
		return logged == "char"
	case l.kind == kindText:
		return c.kind == kindText || c.kind == kindBinary
	}
	return c.kind == l.kind && c.bits == l.bits
}

// shape makes the table of a table map event. With full row metadata the event tells all; else the information schema as it is now must fit it.
func (s *source) shape(tm *replication.TableMapEvent, info *table) (*table, error) {
	t := &table{database: string(tm.Schema), name: string(tm.Table)}
	names := tm.ColumnNameString()
	byName := map[string]*column{}
	if info != nil {
		for i := range info.columns {
			byName[info.columns[i].name] = &info.columns[i]
		}
	}
	unsigned, texts, enums, sets, enumTexts := s.unsigned(tm), tm.CollationMap(), tm.EnumStrValueMap(), tm.SetStrValueMap(), tm.EnumSetCollationMap()
	if len(names) == 0 && (info == nil || len(info.columns) < int(tm.ColumnCount)) {
		return nil, s.unfit(t, "the binlog has %d columns, the table has fewer", tm.ColumnCount)
	}
	for i := range int(tm.ColumnCount) {
		is := logged(tm, i)
		if is == "" {
			return nil, fault.Newf(fault.Permanent, "read %s: column %d has the type %d, which is not known", t.full(), i+1, tm.ColumnType[i])
		}
		var known *column
		if len(names) > 0 {
			known = byName[names[i]]
		} else if known = &info.columns[i]; !alike(known, is) {
			return nil, s.unfit(t, "column %s is %s in the binlog and %s in the table", known.name, is, known.typ)
		}
		c := column{typ: is, kind: types[is].kind, bits: types[is].bits, sqlType: types[is].sqlType}
		if known != nil && alike(known, is) {
			c = *known
		}
		if len(names) > 0 {
			c.name = names[i]
		}
		if u, ok := unsigned[i]; ok {
			c.unsigned = u
		}
		if id, ok := texts[i]; ok && (c.kind == kindText || c.kind == kindBinary) && is != "geometry" {
			if s.charsets[id] == "binary" {
				c.kind, c.sqlType = kindBinary, 2004
			} else {
				c.kind = kindText
			}
			var err error
			if c.enc, err = charset(s.charsets[id]); err != nil {
				return nil, fault.Wrap(fault.Permanent, err, "read %s.%s", t.full(), c.name)
			}
		}
		list, ok := enums[i]
		if !ok {
			list, ok = sets[i]
		}
		// MySQL before 8.0.17 does not log the character set of the list.
		if collation, told := enumTexts[i]; ok && (told || len(list) != len(c.values) || utf8.ValidString(strings.Join(list, ""))) {
			c.values = s.decoded(list, collation)
		}
		c.frac, c.length = 0, 0
		switch tm.ColumnType[i] {
		case mysql.MYSQL_TYPE_TIME2, mysql.MYSQL_TYPE_DATETIME2, mysql.MYSQL_TYPE_TIMESTAMP2:
			c.frac = int(tm.ColumnMeta[i])
		case mysql.MYSQL_TYPE_STRING:
			if c.kind == kindBinary {
				c.length = int(tm.ColumnMeta[i] & 0xff)
			}
		}
		t.columns = append(t.columns, c)
	}
	if len(names) > 0 {
		for _, k := range tm.PrimaryKey {
			t.pk = append(t.pk, int(k))
		}
	} else {
		for _, k := range info.pk {
			if k < len(t.columns) {
				t.pk = append(t.pk, k)
			}
		}
	}
	t.prepare(&s.cfg)
	return t, nil
}

// unsigned reads which numeric columns have no sign, a bit each. MariaDB counts YEAR as numeric; the library's own reading does not know that.
func (s *source) unsigned(tm *replication.TableMapEvent) map[int]bool {
	if len(tm.SignednessBitmap) == 0 {
		return nil
	}
	out, bit := map[int]bool{}, 0
	for i := range int(tm.ColumnCount) {
		year := tm.ColumnType[i] == mysql.MYSQL_TYPE_YEAR
		if !tm.IsNumericColumn(i) && !(year && s.flavor == mysql.MariaDBFlavor) {
			continue
		}
		if bit/8 < len(tm.SignednessBitmap) && !year {
			out[i] = tm.SignednessBitmap[bit/8]&(0x80>>(bit%8)) != 0
		}
		bit++
	}
	return out
}

func (s *source) unfit(t *table, format string, args ...any) error {
	err := fault.Newf(fault.Permanent, "read %s: %s", t.full(), fmt.Sprintf(format, args...))
	return fault.WithRemedy(err, "the table was altered after this change; SET GLOBAL binlog_row_metadata=FULL makes later changes readable, and a new ods.binlog.name copies all tables again")
}

// decoded turns ENUM and SET names, which the binlog has in the column's character set, to UTF-8.
func (s *source) decoded(values []string, collation uint64) []string {
	enc, err := charset(s.charsets[collation])
	if err != nil || enc == nil {
		return values
	}
	out := make([]string, len(values))
	for i, v := range values {
		if out[i], err = enc.NewDecoder().String(v); err != nil {
			out[i] = v
		}
	}
	return out
}

// enumValues reads the names out of enum('a','b').
func enumValues(typ string) []string {
	_, list, ok := strings.Cut(typ, "(")
	if !ok {
		return nil
	}
	var out []string
	var b strings.Builder
	in := false
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case c != '\'':
			if in {
				b.WriteByte(c)
			}
		case in && i+1 < len(list) && list[i+1] == '\'':
			b.WriteByte(c)
			i++
		case in:
			out = append(out, b.String())
			b.Reset()
			in = false
		default:
			in = true
		}
	}
	return out
}
