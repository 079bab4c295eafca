package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/pkg/sql/catalog"
	"github.com/freshet-dw/freshet/pkg/sql/types"
)

// keyLength is the length of STRING and BYTES columns in a primary key: InnoDB's index entries hold 3072 bytes.
const keyLength = 255

// columnType is the column that holds values of t.
func columnType(t types.Type, key bool) (string, error) {
	fraction := func(name string) string {
		if p := min(t.Precision, 6); p > 0 {
			return fmt.Sprintf("%s(%d)", name, p)
		}
		return name
	}
	switch t.Kind {
	case types.Boolean:
		return "BOOLEAN", nil
	case types.TinyInt, types.SmallInt, types.Int, types.BigInt, types.Float, types.Double, types.Date:
		return t.Kind.String(), nil
	case types.Decimal:
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale), nil
	case types.Char, types.Varchar:
		switch {
		case t.Kind == types.Char && t.Precision <= 255:
			return fmt.Sprintf("CHAR(%d)", t.Precision), nil
		case t.Precision <= 4096 && !(key && t.Precision > 768):
			return fmt.Sprintf("VARCHAR(%d)", t.Precision), nil
		case key:
			return fmt.Sprintf("VARCHAR(%d)", keyLength), nil
		}
		return "LONGTEXT", nil
	case types.Binary, types.Varbinary:
		switch {
		case t.Kind == types.Binary && t.Precision <= 255:
			return fmt.Sprintf("BINARY(%d)", t.Precision), nil
		case t.Precision <= 4096 && !(key && t.Precision > 3072):
			return fmt.Sprintf("VARBINARY(%d)", t.Precision), nil
		case key:
			return fmt.Sprintf("VARBINARY(%d)", keyLength), nil
		}
		return "LONGBLOB", nil
	case types.Time:
		return fraction("TIME"), nil
	case types.Timestamp, types.TimestampLTZ:
		// Not TIMESTAMP, which ends in 2038. The session is in UTC.
		return fraction("DATETIME"), nil
	}
	return "", fmt.Errorf("type %s cannot be kept in MySQL", t)
}

func quote(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// createSQL makes the table with the declared columns.
func (tb *table) createSQL() (string, error) {
	var cols []string
	for i, c := range tb.t.Columns {
		if c.Kind != catalog.Physical {
			continue
		}
		key := slices.Contains(tb.t.PrimaryKey, i)
		typ, err := columnType(c.Type, key)
		if err != nil {
			return "", err
		}
		null := " NULL"
		if c.Type.NotNull || key {
			null = " NOT NULL"
		}
		if key && c.Type.IsString() {
			typ += " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" // keys that differ in case only are different keys
		}
		cols = append(cols, quote(c.Name)+" "+typ+null)
	}
	if len(tb.t.PrimaryKey) > 0 {
		var keys []string
		for _, k := range tb.t.PrimaryKey {
			keys = append(keys, quote(tb.t.Columns[k].Name))
		}
		cols = append(cols, "PRIMARY KEY ("+strings.Join(keys, ", ")+")")
	}
	return "CREATE TABLE IF NOT EXISTS " + mysql.Quote(tb.full()) + " (" + strings.Join(cols, ", ") + ") CHARACTER SET utf8mb4", nil
}

// ensure makes what is missing. It looks first, for a user may have the right to write but not to create.
func (tb *table) ensure(ctx context.Context, db *sql.DB) error {
	there, err := exists(ctx, db, tb.database, tb.name)
	if err != nil || there {
		return err
	}
	text, err := tb.createSQL()
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "CREATE DATABASE IF NOT EXISTS "+quote(tb.database)); err != nil {
		return mysql.Classify(err, "create database %s", tb.database)
	}
	_, err = db.ExecContext(ctx, text)
	return mysql.Classify(err, "create table %s", tb.full())
}

func exists(ctx context.Context, db *sql.DB, database, name string) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", database, name).Scan(&n)
	return n > 0, mysql.Classify(err, "look for table %s.%s", database, name)
}

const epochTable = "freshet_epochs"

// ensureEpochs makes the table that holds the last epoch of each writer.
func ensureEpochs(ctx context.Context, db *sql.DB, database string) error {
	there, err := exists(ctx, db, database, epochTable)
	if err != nil || there {
		return err
	}
	_, err = db.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+mysql.Quote(database+"."+epochTable)+` (
		job VARCHAR(190) NOT NULL, sink VARCHAR(190) NOT NULL, worker INT NOT NULL, epoch BIGINT NOT NULL, clock BIGINT NOT NULL,
		PRIMARY KEY (job, sink, worker)) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`)
	return mysql.Classify(err, "create table %s.%s", database, epochTable)
}
