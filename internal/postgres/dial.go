package postgres

import (
	"context"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// dialer finds a server that has become silent: by keepalives while a statement waits for its
// answer, and by a limit on unacknowledged data while a statement is being sent. Deadlines of
// contexts cover the rest.
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

// limitAddresses returns a lookup that finds at most so many addresses of a host.
func limitAddresses(lookup pgconn.LookupFunc, most int) pgconn.LookupFunc {
	return func(ctx context.Context, host string) ([]string, error) {
		addresses, err := lookup(ctx, host)
		return addresses[:min(len(addresses), most)], err
	}
}
