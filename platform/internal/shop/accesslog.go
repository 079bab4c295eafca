package shop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/freshet-dw/freshet/pkg/fault"
	"github.com/freshet-dw/freshet/platform/internal/shop/account"
)

// accessLog is nginx's log: a file that grows by whole and sometimes by half lines and is rotated as logrotate does it, access.log to access.log.1,
// that to access.log.2 and so on. Nothing is deleted.
type accessLog struct {
	path    string
	every   int64 // lines between rotations
	account *account.Account
	count   *counters

	file  *os.File
	lines int64
	turns int64
}

func newAccessLog(cfg Config, count *counters, a *account.Account) *accessLog {
	return &accessLog{path: cfg.NginxLog, every: cfg.RotateLog, account: a, count: count}
}

// write appends complete lines, good ones and broken ones.
func (l *accessLog) write(data []byte, good, broken int) error {
	if l.path == "" || len(data) == 0 {
		return nil
	}
	if l.lines >= l.every {
		if err := l.rotate(); err != nil {
			return err
		}
	}
	if l.file == nil {
		if err := os.MkdirAll(filepath.Dir(l.path), 0o755); err != nil {
			return fault.Wrap(fault.Permanent, err, "open the access log")
		}
		f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return fault.Wrap(fault.Permanent, err, "open the access log")
		}
		l.file = f
	}
	// Now and then a reader gets to see half a line.
	cut := len(data)
	if l.turns++; l.turns%7 == 0 {
		cut = bytes.LastIndexByte(data[:len(data)-1], '\n') + 20
		cut = min(cut, len(data))
	}
	for _, part := range [][]byte{data[:cut], data[cut:]} {
		if _, err := l.file.Write(part); err != nil {
			return fault.Wrap(fault.Permanent, err, "write the access log")
		}
	}
	l.lines += int64(good + broken)
	l.account.Logged(good)
	l.account.Rejected(account.LogLine, broken)
	l.count.lines.Add(int64(good + broken))
	return nil
}

func (l *accessLog) rotate() error {
	if err := l.close(); err != nil {
		return err
	}
	last := 1
	for ; exists(fmt.Sprintf("%s.%d", l.path, last)); last++ {
	}
	for ; last > 0; last-- {
		from := l.path
		if last > 1 {
			from = fmt.Sprintf("%s.%d", l.path, last-1)
		}
		if err := os.Rename(from, fmt.Sprintf("%s.%d", l.path, last)); err != nil {
			return fault.Wrap(fault.Permanent, err, "rotate the access log")
		}
	}
	l.lines = 0
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (l *accessLog) close() error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return fault.Wrap(fault.Permanent, err, "close the access log")
}
