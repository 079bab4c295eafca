package servers

import "syscall"

// dieWithParent has the kernel kill the child when this process ends in any way.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
