package testworld

import "syscall"

// childAttributes puts a child into a process group of its own, so that a
// Ctrl-C in the terminal reaches only us and we decide the order of stopping,
// and has the kernel send it orphaned when we die.
func childAttributes(user *syscall.Credential, orphaned syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: user, Pdeathsig: orphaned}
}
