//go:build !linux

package postgres

import "syscall"

// limitUnacknowledged does nothing: this system has no such option, and deadlines of contexts
// apply.
func limitUnacknowledged(string, string, syscall.RawConn) error { return nil }
