package testworld

import (
	"bytes"
	"context"
	"net"
)

var manyRequests = bytes.Repeat([]byte("GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"), 1000)

// RequestUnread requests the description of a tracker's HTTP API many times on one connection, and
// reads no answer, until the deadline of ctx. It returns an error only if it cannot connect.
func RequestUnread(ctx context.Context, address string) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	end, _ := ctx.Deadline()
	_ = c.SetDeadline(end)
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(1) // the buffers between tracker and client are full soon
	}
	for err == nil { // until the tracker reads no more, and the attack ends
		_, err = c.Write(manyRequests)
	}
	return nil
}
