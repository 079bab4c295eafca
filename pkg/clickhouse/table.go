package clickhouse

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow/go/v15/arrow"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// Column is a table's column.
type Column struct {
	Name string
	Type string // ClickHouse type, such as Nullable(Int64)
}

// Table is what EnsureTable makes.
type Table struct {
	Name        string // "table" or "database.table"
	Columns     []Column
	Engine      string   // such as "ReplacingMergeTree(version)"; MergeTree when empty
	OrderBy     []string // expressions; tuple() when empty
	PartitionBy string   // expression; none when empty
	TTL         string   // expression; none when empty
	Settings    []string // such as "index_granularity=8192"
	DedupWindow int      // how many recent tokens the table keeps; 1000 when 0, none when negative
}

const defaultDedupWindow = 1000

// SQL is the table's CREATE TABLE IF NOT EXISTS statement.
func (t Table) SQL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE IF NOT EXISTS %s (", quoteTable(t.Name))
	for i, c := range t.Columns {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(QuoteName(c.Name) + " " + c.Type)
	}
	engine := t.Engine
	if engine == "" {
		engine = "MergeTree"
	}
	b.WriteString(") ENGINE = " + engine)
	if !strings.Contains(engine, "MergeTree") {
		return b.String()
	}
	if t.PartitionBy != "" {
		b.WriteString(" PARTITION BY " + t.PartitionBy)
	}
	b.WriteString(" ORDER BY (" + strings.Join(t.OrderBy, ", ") + ")")
	if t.TTL != "" {
		b.WriteString(" TTL " + t.TTL)
	}
	settings := t.Settings
	if window := t.window(); window > 0 && !strings.HasPrefix(engine, "Replicated") {
		settings = append([]string{fmt.Sprintf("non_replicated_deduplication_window=%d", window)}, settings...)
	}
	if len(settings) > 0 {
		b.WriteString(" SETTINGS " + strings.Join(settings, ", "))
	}
	return b.String()
}

func (t Table) window() int {
	if t.DedupWindow == 0 {
		return defaultDedupWindow
	}
	return t.DedupWindow
}

// EnsureTable creates the table when it is missing. Of one that exists it adds the columns that it lacks and
// refuses one whose type differs. Engine and order of an existing table are not compared.
func (c *Client) EnsureTable(ctx context.Context, t Table) error {
	if t.Name == "" || len(t.Columns) == 0 {
		return fault.New(fault.Config, "ensure ClickHouse table: a name and at least one column are required")
	}
	if err := c.Exec(ctx, t.SQL()); err != nil {
		return wrap(err, "ensure table %s", t.Name)
	}
	c.forget(t.Name)
	have, _, err := c.columns(ctx, t.Name)
	if err != nil {
		return wrap(err, "ensure table %s", t.Name)
	}
	types := map[string]string{}
	for _, col := range have {
		types[col.Name] = col.Type
	}
	for _, col := range t.Columns {
		typ, ok := types[col.Name]
		if !ok {
			add := "ALTER TABLE " + quoteTable(t.Name) + " ADD COLUMN IF NOT EXISTS " + QuoteName(col.Name) + " " + col.Type
			if err := c.Exec(ctx, add); err != nil {
				return wrap(err, "ensure table %s", t.Name)
			}
			c.forget(t.Name)
			continue
		}
		same, err := c.sameType(ctx, typ, col.Type)
		if err != nil {
			return wrap(err, "ensure table %s: type of column %s", t.Name, col.Name)
		}
		if !same {
			err := fault.Newf(fault.Config, "ensure table %s: column %s is %s, not %s", t.Name, col.Name, typ, col.Type)
			return fault.WithRemedy(err, fmt.Sprintf("ALTER TABLE %s MODIFY COLUMN %s %s", t.Name, col.Name, col.Type))
		}
	}
	return nil
}

// sameType compares types as the server writes them: spaces, quotes and synonyms differ.
func (c *Client) sameType(ctx context.Context, have, want string) (bool, error) {
	for _, clause := range []string{" DEFAULT ", " CODEC(", " TTL ", " COMMENT "} { // not part of the type
		want, _, _ = strings.Cut(want, clause)
	}
	a, err := parseType(have)
	if err != nil {
		return false, err
	}
	b, err := parseType(want)
	if err != nil {
		return false, err
	}
	if a.equal(b) {
		return true, nil
	}
	var normal string
	err = c.Scan(ctx, "SELECT toTypeName(defaultValueOfTypeName("+quoteString(want)+"))", &normal)
	return normal == have, err
}

func quoteString(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// columns returns a table's columns that an insert may name.
func (c *Client) columns(ctx context.Context, table string) (columns []Column, cached bool, err error) {
	c.mu.RLock()
	columns, cached = c.tables[table]
	c.mu.RUnlock()
	if cached {
		return columns, true, nil
	}
	rows, err := c.conn.Query(ctx, "DESCRIBE TABLE "+quoteTable(table)+" SETTINGS print_pretty_type_names=0")
	if err != nil {
		return nil, false, wrap(err, "describe table %s", table)
	}
	defer rows.Close()
	for rows.Next() {
		var name, typ, kind, skip string
		dest := []any{&name, &typ, &kind}
		for range len(rows.Columns()) - len(dest) {
			dest = append(dest, &skip)
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, false, wrap(err, "describe table %s", table)
		}
		if kind != "ALIAS" && kind != "MATERIALIZED" {
			columns = append(columns, Column{name, typ})
		}
	}
	if err := rows.Err(); err != nil {
		return nil, false, wrap(err, "describe table %s", table)
	}
	c.mu.Lock()
	c.tables[table] = columns
	c.mu.Unlock()
	return columns, false, nil
}

func (c *Client) forget(table string) {
	c.mu.Lock()
	delete(c.tables, table)
	c.mu.Unlock()
}

// ColumnsOf returns the columns that hold an Arrow schema without loss.
func ColumnsOf(schema *arrow.Schema) ([]Column, error) {
	columns := make([]Column, schema.NumFields())
	for i, f := range schema.Fields() {
		t, err := TypeOf(f.Type, f.Nullable)
		if err != nil {
			return nil, fault.Wrap(fault.Config, err, "column %s", f.Name)
		}
		columns[i] = Column{f.Name, t}
	}
	return columns, nil
}

var plainTypes = map[arrow.Type]string{
	arrow.BOOL: "Bool",
	arrow.INT8: "Int8", arrow.INT16: "Int16", arrow.INT32: "Int32", arrow.INT64: "Int64",
	arrow.UINT8: "UInt8", arrow.UINT16: "UInt16", arrow.UINT32: "UInt32", arrow.UINT64: "UInt64",
	arrow.FLOAT32: "Float32", arrow.FLOAT64: "Float64",
	arrow.STRING: "String", arrow.LARGE_STRING: "String", arrow.BINARY: "String", arrow.LARGE_BINARY: "String",
	arrow.DATE32: "Date32",
}

// TypeOf returns the ClickHouse type that holds an Arrow type without loss. Lists, maps and structs cannot be
// null in ClickHouse: a null list or map is stored empty, a null struct is refused.
func TypeOf(t arrow.DataType, nullable bool) (string, error) {
	name, ok := plainTypes[t.ID()]
	switch t := t.(type) {
	case *arrow.FixedSizeBinaryType:
		name = fmt.Sprintf("FixedString(%d)", t.ByteWidth)
	case *arrow.Decimal128Type:
		name = fmt.Sprintf("Decimal(%d, %d)", t.Precision, t.Scale)
	case *arrow.TimestampType:
		name = fmt.Sprintf("DateTime64(%d, 'UTC')", map[arrow.TimeUnit]int{arrow.Second: 0, arrow.Millisecond: 3, arrow.Microsecond: 6, arrow.Nanosecond: 9}[t.Unit])
	case *arrow.MapType:
		key, err := TypeOf(t.KeyType(), false)
		if err != nil {
			return "", err
		}
		value, err := TypeOf(t.ItemType(), t.ItemField().Nullable)
		return "Map(" + key + ", " + value + ")", err
	case arrow.ListLikeType:
		elem, err := TypeOf(t.Elem(), t.ElemField().Nullable)
		return "Array(" + elem + ")", err
	case *arrow.StructType:
		fields := make([]string, t.NumFields())
		for i, f := range t.Fields() {
			ft, err := TypeOf(f.Type, f.Nullable)
			if err != nil {
				return "", err
			}
			fields[i] = QuoteName(f.Name) + " " + ft
		}
		return "Tuple(" + strings.Join(fields, ", ") + ")", nil
	default:
		if !ok {
			return "", fmt.Errorf("no ClickHouse column type for Arrow type %s", t)
		}
	}
	if nullable {
		name = "Nullable(" + name + ")"
	}
	return name, nil
}
