package e2e

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/apache/arrow/go/v15/parquet"
	"github.com/apache/arrow/go/v15/parquet/file"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// checkLake counts the rows of landed files: for the changes of a table one each, for the traffic wide table one for each page view.
func checkLake(ctx context.Context, s *Stores, e account.Expected) ([]Difference, error) {
	want, got := map[string]int64{}, map[string]int64{}
	for _, table := range []string{"orders", "order_item", "payment"} {
		want["ods/"+table] = e.Changes[table].Total()
	}
	for _, v := range e.Views {
		want["dm/traffic_wide"] += v.Rows
	}
	for table, rows := range want {
		if rows == 0 {
			delete(want, table)
			continue
		}
		n, err := landed(ctx, filepath.Join(s.Lake, filepath.FromSlash(table)))
		if err != nil {
			return nil, err
		}
		got[table] = n
	}
	return compare(want, got), nil
}

// landed counts the rows of a table's published files; what begins with a dot or an underscore is not data.
func landed(ctx context.Context, dir string) (int64, error) {
	rows := int64(0)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if hidden := strings.HasPrefix(d.Name(), ".") || strings.HasPrefix(d.Name(), "_"); hidden && path != dir {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		n, err := parquetRows(path)
		rows += n
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return rows, nil // nothing landed yet, or a file was put together with others meanwhile
	}
	return rows, fault.Wrap(fault.Permanent, err, "count landed rows")
}

func parquetRows(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	r, err := file.NewParquetReader(f, file.WithReadProps(parquet.NewReaderProperties(nil)))
	if err != nil {
		return 0, fault.Wrap(fault.Data, err, "read %s", path)
	}
	defer r.Close()
	return r.NumRows(), nil
}
