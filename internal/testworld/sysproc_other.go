//go:build !linux

package testworld

import "syscall"

// childAttributes is the best there is without parent-death signals: an
// orderly end stops the child, a SIGKILL of this process leaves it behind.
func childAttributes(user *syscall.Credential, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: user}
}
