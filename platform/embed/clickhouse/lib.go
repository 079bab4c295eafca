package clickhouse

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// LibEnv is the environment variable that names the engine's library.
const LibEnv = "FRESHET_CHDB_LIB"

// libInModules is where npm puts the library.
const libInModules = "node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"

// FindLib returns the path of libchdb.so: $FRESHET_CHDB_LIB, else .cache/chdb in this folder or one above it
// (the repository), else ~/.cache/freshet/chdb. The error names the command that installs it.
func FindLib() (string, error) {
	if p := os.Getenv(LibEnv); p != "" {
		if err := checkLib(p); err != nil {
			return "", fmt.Errorf("find the ClickHouse engine: %s: %w", LibEnv, err)
		}
		return p, nil
	}
	var looked []string
	if dir, err := os.Getwd(); err == nil {
		for {
			looked = append(looked, filepath.Join(dir, ".cache/chdb", libInModules))
			parent := filepath.Dir(dir)
			if parent == dir {
				break
			}
			dir = parent
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		looked = append(looked, filepath.Join(home, ".cache/freshet/chdb", libInModules))
	}
	for _, p := range looked {
		switch err := checkLib(p); {
		case err == nil:
			return p, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", fmt.Errorf("find the ClickHouse engine: %w", err)
		}
	}
	return "", fmt.Errorf("find the ClickHouse engine: libchdb.so is not installed (looked last at %s): run `make chdb`, or set %s to its path",
		looked[max(len(looked)-1, 0):], LibEnv)
}

// checkLib tells a path without a usable library. A stopped download leaves a short file.
func checkLib(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() || info.Size() < 1<<20 {
		return fmt.Errorf("%s is not a whole library: run `make chdb`", path)
	}
	return nil
}
