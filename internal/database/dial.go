package database

import (
	"net"
	"time"
)

// dialer notices a server that has gone silent: keepalives while a statement
// waits for its answer, and a limit on what may stay unacknowledged while one
// is being sent. Deadlines of contexts cover the rest.
func dialer() *net.Dialer {
	return &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{
			Enable:   true,
			Idle:     silence / 2,
			Interval: 5 * time.Second,
			Count:    3,
		},
		Control: limitUnacknowledged,
	}
}

// silence is how long a peer may leave sent data unacknowledged.
const silence = 20 * time.Second
