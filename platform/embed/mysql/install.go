package mysql

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/freshet-dw/freshet/pkg/fault"
)

// installation is the server program that was found and the account it runs by.
type installation struct {
	program string // mariadbd or mysqld
	install string // mariadb-install-db; MySQL initialises itself
	mariadb bool
	user    *syscall.Credential // nil: as this process
}

// Remedy is the command that installs a server.
const Remedy = "sudo apt-get install -y mariadb-server && sudo systemctl disable --now mariadb\n" +
	"(the second part keeps the system's own instance from running; Freshet starts a private one)"

var places = []string{"/usr/sbin", "/usr/local/sbin", "/usr/libexec", "/usr/local/mysql/bin", "/opt/homebrew/bin", "/usr/local/bin", "/usr/bin"}

func lookup(names ...string) string {
	for _, name := range names {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
		for _, dir := range places {
			p := filepath.Join(dir, name)
			if info, err := os.Stat(p); err == nil && info.Mode()&0o111 != 0 && !info.IsDir() {
				return p
			}
		}
	}
	return ""
}

// find locates the server program, MariaDB first.
func find(ctx context.Context, program string) (installation, error) {
	missing := func(what string) error {
		return fault.WithRemedy(fault.New(fault.Config, "start MySQL: "+what), Remedy)
	}
	i := installation{program: program}
	if program == "" {
		i.program = lookup("mariadbd", "mysqld")
	} else if _, err := os.Stat(program); err != nil {
		return i, missing("no server program at " + program)
	}
	if i.program == "" {
		return i, missing("neither mariadbd nor mysqld is installed")
	}
	out, err := exec.CommandContext(ctx, i.program, "--no-defaults", "--version").Output()
	if err != nil {
		return i, fault.Wrap(fault.Config, err, "start MySQL: ask %s for its version", i.program)
	}
	i.mariadb = strings.Contains(string(out), "MariaDB")
	if i.mariadb {
		if i.install = lookup("mariadb-install-db", "mysql_install_db"); i.install == "" {
			return i, missing("mariadb-install-db is not installed")
		}
	}
	return i, nil
}

// chooseUser picks the account for a server started by root: the system's mysql
// account when it can reach the directory, else root itself.
func (i *installation) chooseUser(dir string) {
	if os.Geteuid() != 0 {
		return
	}
	account, err := user.Lookup("mysql")
	if err != nil {
		return
	}
	for d := dir; ; d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil || d != dir && info.Mode()&0o001 == 0 {
			return
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	uid, err1 := strconv.ParseUint(account.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(account.Gid, 10, 32)
	if err1 == nil && err2 == nil {
		// The child is started as this account, not told to change to it: a change
		// would undo its tie to the parent's life.
		i.user = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
}

// own gives a directory with all that is in it to the server's account.
func (i *installation) own(dir string) error {
	if i.user == nil {
		return nil
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, int(i.user.Uid), int(i.user.Gid)))
	})
	return fault.Wrap(fault.Config, err, "give %s to the mysql account", dir)
}

// command prepares a program of the installation.
func (i *installation) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	if i.user == nil && os.Geteuid() == 0 {
		args = append(args, "--user=root")
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: i.user}
	return cmd
}

// initialise makes the system tables, in a directory that gets its name only
// when it is complete.
func (s *Server) initialise(ctx context.Context) error {
	data, tmp := filepath.Join(s.cfg.Dir, "data"), filepath.Join(s.cfg.Dir, "data.new")
	if err := os.RemoveAll(tmp); err != nil {
		return fault.Wrap(fault.Config, err, "initialise MySQL")
	}
	if _, err := os.Stat(data); err == nil {
		return s.inst.own(s.cfg.Dir)
	}
	if err := os.MkdirAll(tmp, 0o750); err != nil {
		return fault.Wrap(fault.Config, err, "initialise MySQL")
	}
	if err := os.MkdirAll(filepath.Join(s.cfg.Dir, "binlog"), 0o750); err != nil {
		return fault.Wrap(fault.Config, err, "initialise MySQL")
	}
	if err := s.inst.own(s.cfg.Dir); err != nil {
		return err
	}
	var cmd *exec.Cmd
	if s.inst.mariadb {
		cmd = s.inst.command(ctx, s.inst.install, "--no-defaults", "--datadir="+tmp,
			"--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve",
			"--innodb-log-file-size=32M")
	} else {
		cmd = s.inst.command(ctx, s.inst.program, "--no-defaults", "--initialize-insecure", "--datadir="+tmp)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fault.Wrap(fault.Config, err, "initialise MySQL in %s: %s", tmp, lastLines(string(out), 5))
	}
	return fault.Wrap(fault.Config, os.Rename(tmp, data), "initialise MySQL")
}

func lastLines(s string, n int) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
