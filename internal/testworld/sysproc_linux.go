package testworld

import "syscall"

// childAttributes puts a child into a process group of its own, so that a Ctrl-C in the terminal
// reaches this process only, which then decides the order of stopping. The kernel sends the child
// the signal orphaned when this process dies.
func childAttributes(user *syscall.Credential, orphaned syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: user, Pdeathsig: orphaned}
}
