//go:build !linux

package mysql

import "syscall"

// dieWithParent can do nothing here; endStale finds a child left behind.
func dieWithParent(*syscall.SysProcAttr) {}
