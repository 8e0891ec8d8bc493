package postgres

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged breaks a connection whose peer does not acknowledge sent data; without it
// the kernel goes on sending for a quarter of an hour.
func limitUnacknowledged(_, _ string, connection syscall.RawConn) error {
	var failed error
	err := connection.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(silence.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
