package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync/atomic"
)

// errTLSRefused means that the server offers no TLS. The driver's error for this has no type, and
// errors are not matched by their words.
var errTLSRefused = errors.New("the server does not offer TLS")

// sslRequestCode is what a client sends in place of a protocol version to request TLS.
const sslRequestCode = 80877103

// The types of record by which a server begins to speak TLS.
const (
	alertRecord     = 21
	handshakeRecord = 22
)

// dial connects, examines the answer to the request for TLS, and counts what is read.
func dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := dialer().DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	w := &watched{Conn: conn}
	w.remaining.Store(loginBytes)
	w.buffers.Store(writingBytes)
	return w, nil
}

// watched returns errTLSRefused for the byte by which a server refuses TLS, errOtherProtocol if it
// answers the request for TLS as Postgres never does, and errTooMuch once the server has sent more
// than it may; see limits.go. The driver makes a connection in one goroutine and reads in one
// goroutine at a time, so the fields about TLS need no lock.
type watched struct {
	net.Conn
	sent      bool // the first message was sent
	requested bool // it was a request for TLS that has no answer yet
	encrypted bool // the request was granted
	began     bool // the first record of TLS has arrived
	records   records

	remaining atomic.Int64 // bytes that may still be read
	writing   atomic.Bool
	buffers   atomic.Int64 // bytes of buffers that may still be filled while writing
}

func (c *watched) Write(message []byte) (int, error) {
	if !c.sent {
		c.sent = true
		c.requested = len(message) == 8 && binary.BigEndian.Uint32(message[4:]) == sslRequestCode
	}
	c.writing.Store(true)
	n, err := c.Conn.Write(message)
	c.writing.Store(false)
	if err != nil && c.remaining.Load() < 0 {
		err = errTooMuch
	}
	return n, err
}

func (c *watched) Read(buffer []byte) (int, error) {
	n, err := c.Conn.Read(buffer)
	if c.requested && n > 0 {
		c.requested = false
		switch buffer[0] {
		case 'N':
			return 0, errTLSRefused
		case 'S', 'E':
			c.encrypted = true
			return n, err // one byte
		default:
			return 0, errOtherProtocol
		}
	}
	if c.encrypted && !c.began && n > 0 {
		c.began = true
		if buffer[0] != handshakeRecord && buffer[0] != alertRecord {
			return 0, errOtherProtocol
		}
	}
	if tooMuch := c.read(buffer[:n]); tooMuch != nil {
		return 0, tooMuch
	}
	return n, err
}
