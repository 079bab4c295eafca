package servers

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/pkg/mysql"
	"github.com/freshet-dw/freshet/platform/embed/port"
)

// MySQLVersion is the version of maven/mysql/pom.xml: MySQL 8.0.12, packed for tests.
const MySQLVersion = "8.0.12-5"

// binlog is what change capture needs of either server, and little memory.
var binlog = []string{
	"--skip-name-resolve", "--server-id=1", "--default-time-zone=+00:00", "--character-set-server=utf8mb4",
	"--binlog-format=ROW", "--binlog-row-image=FULL", "--binlog-row-metadata=FULL", "--sync-binlog=1", "--log-slave-updates=ON",
	"--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--performance-schema=OFF",
	"--max-allowed-packet=64M",
}

// StartMariaDB starts the system's MariaDB program on the data in dir, not the system's instance. User root has no password.
func StartMariaDB(ctx context.Context, dir string) (*Server, error) {
	const remedy = "apt-get install -y mariadb-server"
	program, err := need(remedy, "mariadbd")
	if err != nil {
		return nil, err
	}
	install, err := need(remedy, "mariadb-install-db")
	if err != nil {
		return nil, err
	}
	return startMySQL(ctx, dir, "mariadb", []string{program, "--no-defaults"},
		[]string{install, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", "--innodb-log-file-size=32M"},
		"--gtid-strict-mode=ON", "--binlog-annotate-row-events=ON")
}

// StartMySQL8 starts MySQL 8.0 on the data in dir. User root has no password.
func StartMySQL8(ctx context.Context, dir string) (*Server, error) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return nil, fault.Newf(fault.Config, "there is no MySQL %s for %s/%s", MySQLVersion, runtime.GOOS, runtime.GOARCH)
	}
	base, err := installed(ctx, "mysql", MySQLVersion, func(ctx context.Context, dir string) error {
		if err := jars("mysql")(ctx, dir); err != nil {
			return err
		}
		return unpack(dir, "Linux-amd64")
	})
	if err != nil {
		return nil, err
	}
	program := []string{filepath.Join(base, "bin", "mysqld"), "--no-defaults", "--basedir=" + base, "--lc-messages-dir=" + filepath.Join(base, "share")}
	if err := once(ctx, base, program[0], "--no-defaults", "--version"); err != nil {
		return nil, fault.WithRemedy(err, "run: apt-get install -y libaio1 libnuma1 (libaio1t64 and a link libaio.so.1 to it where libaio1 is gone)")
	}
	return startMySQL(ctx, dir, "mysql8", program, append(program[:len(program):len(program)], "--initialize-insecure", "--innodb-log-file-size=32M"),
		"--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--mysqlx=OFF", "--skip-ssl", "--default-authentication-plugin=mysql_native_password")
}

func startMySQL(ctx context.Context, dir, name string, program, install []string, flags ...string) (*Server, error) {
	dir, err := folder(dir)
	if err != nil {
		return nil, err
	}
	p, err := port.Free(ctx, 1)
	if err != nil {
		return nil, err
	}
	if os.Geteuid() == 0 { // both refuse root unless told
		program, install = append(program, "--user=root"), append(install, "--user=root")
	}
	data := filepath.Join(dir, "data")
	if _, err := os.Stat(filepath.Join(data, "mysql")); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(data, 0o750); err != nil {
			return nil, fault.Wrap(fault.Config, err, "initialise %s", name)
		}
		if err := once(ctx, dir, append(install, "--datadir="+data)...); err != nil {
			return nil, err
		}
	}
	socket := filepath.Join(dir, "sock")
	if len(socket) > 100 { // the kernel's limit is 107
		socket = filepath.Join(os.TempDir(), "freshet-"+name+"-"+strconv.Itoa(p[0])+".sock")
	}
	// MySQL's own root is root@localhost, which without name resolution is not who comes from 127.0.0.1.
	account := filepath.Join(dir, "account.sql")
	text := "SET SESSION sql_log_bin = 0;\nCREATE USER IF NOT EXISTS 'root'@'127.0.0.1';\nGRANT ALL PRIVILEGES ON *.* TO 'root'@'127.0.0.1' WITH GRANT OPTION;\n"
	if err := os.WriteFile(account, []byte(text), 0o644); err != nil {
		return nil, fault.Wrap(fault.Config, err, "start %s", name)
	}
	args := append(program, "--init-file="+account, "--datadir="+data, "--port="+strconv.Itoa(p[0]), "--bind-address=127.0.0.1", "--socket="+socket,
		"--pid-file="+filepath.Join(dir, "pid"), "--log-bin="+filepath.Join(data, "binlog"))
	s := &Server{name: name, Addr: local(p[0]), timeout: time.Minute, args: append(append(args, binlog...), flags...)}
	s.ready = func(ctx context.Context) error {
		db, err := mysql.Open(mysql.Config{Addr: s.Addr, User: "root", Pool: 1, Timeout: 2 * time.Second})
		if err != nil {
			return err
		}
		defer db.Close()
		return mysql.Ping(ctx, db)
	}
	return s.run(ctx, dir)
}
