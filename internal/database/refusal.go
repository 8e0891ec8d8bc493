package database

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
)

// errTLSRefused says that the server has no TLS. The driver's own error for
// that has no type, and its words are not matched.
var errTLSRefused = errors.New("the server does not offer TLS")

// sslRequestCode is what a client sends in place of a protocol version to ask
// for TLS.
const sslRequestCode = 80877103

// dial connects, and watches the answer to the request for TLS.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dialer().DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &watched{Conn: conn}, nil
}

// watched turns the one byte by which a server refuses TLS into an error. Both
// fields settle while one goroutine makes the connection.
type watched struct {
	net.Conn
	begun bool // the first message was sent
	asked bool // it was a request for TLS that has no answer yet
}

func (c *watched) Write(message []byte) (int, error) {
	if !c.begun {
		c.begun = true
		c.asked = len(message) == 8 && binary.BigEndian.Uint32(message[4:]) == sslRequestCode
	}
	return c.Conn.Write(message)
}

func (c *watched) Read(buffer []byte) (int, error) {
	n, err := c.Conn.Read(buffer)
	if c.asked && n > 0 {
		c.asked = false
		if buffer[0] == 'N' {
			return 0, errTLSRefused
		}
	}
	return n, err
}
