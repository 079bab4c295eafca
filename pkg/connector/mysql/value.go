package mysql

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v15/arrow"
	"github.com/apache/arrow/go/v15/arrow/array"

	"github.com/freshet-dw/freshet/pkg/connector/internal/cell"
	"github.com/freshet-dw/freshet/pkg/engine/batch"
	"github.com/freshet-dw/freshet/pkg/mysql"
)

// insertRows is how many rows go in one statement without key.
const insertRows = 1000

func insert(ctx context.Context, e mysql.Execer, table string, columns []string, rows [][]any) error {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = quote(c)
	}
	head := "INSERT INTO " + mysql.Quote(table) + " (" + strings.Join(quoted, ", ") + ") VALUES "
	tuple := "(?" + strings.Repeat(", ?", len(columns)-1) + ")"
	for chunk := range slices.Chunk(rows, max(1, min(insertRows, 30_000/len(columns)))) {
		var args []any
		for _, r := range chunk {
			args = append(args, r...)
		}
		if _, err := e.ExecContext(ctx, head+tuple+strings.Repeat(", "+tuple, len(chunk)-1), args...); err != nil {
			return mysql.Classify(err, "insert into %s", table)
		}
	}
	return nil
}

// values are the rows as statement arguments, filled in column by column.
func values(b *batch.Batch) [][]any {
	w := len(b.Cols)
	flat := make([]any, b.N*w)
	rows := make([][]any, b.N)
	for i := range rows {
		rows[i] = flat[i*w : (i+1)*w : (i+1)*w]
	}
	for c, col := range b.Cols {
		for i := range b.N {
			if col.IsValid(i) {
				flat[i*w+c] = value(col, i)
			}
		}
	}
	return rows
}

func value(a arrow.Array, i int) any {
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int8:
		return int64(a.Value(i))
	case *array.Int16:
		return int64(a.Value(i))
	case *array.Int32:
		return int64(a.Value(i))
	case *array.Int64:
		return a.Value(i)
	case *array.Float32: // by its own shortest digits, not those of the nearest double
		return strconv.FormatFloat(float64(a.Value(i)), 'g', -1, 32)
	case *array.Float64:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return a.Value(i)
	}
	return cell.Text(a, i)
}

// appendValue appends what the driver read.
func appendValue(dst array.Builder, v any) error {
	switch v := v.(type) {
	case nil:
		dst.AppendNull()
		return nil
	case time.Time:
		switch d := dst.(type) {
		case *array.TimestampBuilder:
			d.Append(arrow.Timestamp(v.UnixMicro()))
			return nil
		case *array.Date32Builder:
			d.Append(arrow.Date32FromTime(v))
			return nil
		}
		return cell.Parse(dst, v.UTC().Format("2006-01-02 15:04:05.999999"))
	case []byte:
		if d, ok := dst.(*array.BinaryBuilder); ok {
			d.Append(v)
			return nil
		}
		return cell.Parse(dst, string(v))
	case int64:
		switch d := dst.(type) {
		case *array.Int64Builder:
			d.Append(v)
			return nil
		case *array.BooleanBuilder:
			d.Append(v != 0)
			return nil
		}
		return cell.Parse(dst, strconv.FormatInt(v, 10))
	case float32:
		return cell.Parse(dst, strconv.FormatFloat(float64(v), 'g', -1, 32))
	case float64:
		return cell.Parse(dst, strconv.FormatFloat(v, 'g', -1, 64))
	}
	return cell.Parse(dst, fmt.Sprint(v))
}
