//go:build !linux

package testworld

import "syscall"

// childAttributes does what is possible without parent-death signals: an orderly end of this
// process stops the child, a SIGKILL leaves the child running.
func childAttributes(user *syscall.Credential, _ syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Credential: user}
}
