//go:build !linux

package servers

import "syscall"

// dieWithParent can do nothing here: a test that is killed leaves its servers behind.
func dieWithParent(*syscall.SysProcAttr) {}
