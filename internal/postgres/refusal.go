package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
)

// errTLSRefused means that the server offers no TLS. The driver's error for this has no type, and
// errors are not matched by their words.
var errTLSRefused = errors.New("the server does not offer TLS")

// sslRequestCode is what a client sends in place of a protocol version to request TLS.
const sslRequestCode = 80877103

// dial connects, and examines the answer to the request for TLS.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dialer().DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &watched{Conn: conn}, nil
}

// watched returns errTLSRefused for the byte by which a server refuses TLS. The driver makes a
// connection in one goroutine, so the fields need no lock.
type watched struct {
	net.Conn
	sent      bool // the first message was sent
	requested bool // it was a request for TLS that has no answer yet
}

func (c *watched) Write(message []byte) (int, error) {
	if !c.sent {
		c.sent = true
		c.requested = len(message) == 8 && binary.BigEndian.Uint32(message[4:]) == sslRequestCode
	}
	return c.Conn.Write(message)
}

func (c *watched) Read(buffer []byte) (int, error) {
	n, err := c.Conn.Read(buffer)
	if c.requested && n > 0 {
		c.requested = false
		if buffer[0] == 'N' {
			return 0, errTLSRefused
		}
	}
	return n, err
}
