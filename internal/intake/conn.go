package intake

import (
	"container/list"
	"errors"
	"net"
	"time"
)

var errBusyHeaders = errors.New("too many bytes of other headers are in flight")

// conn is a connection, which is idle, reading a header, or in a request.
type conn struct {
	net.Conn
	of     *Connections
	secure bool // TLS is above it

	// Guarded by of.mu.
	in         *list.List // idle, reading, or in a request: sending, or nil
	place      *list.Element
	since      time.Time     // of sending
	usualPlace *list.Element // in usualReading; nil: it is not there
	unreadBody bool          // the handler has returned without reading the body to its end
	closing    bool          // the answer is sent, and net/http may wait for half a second before it closes the connection
	gone       bool          // not counted any more
	header     int64         // bytes of the header so far
	charge     charge
}

// enter puts the connection at the end of a list; of.mu is locked.
func (c *conn) enter(in *list.List) {
	c.in, c.place = in, in.PushBack(c)
}

// remove takes the connection out of its lists; of.mu is locked.
func (c *conn) remove() {
	if c.in != nil {
		c.in.Remove(c.place)
		c.in, c.place = nil, nil
	}
	c.removeUsual()
}

// removeUsual takes the connection out of usualReading; of.mu is locked.
func (c *conn) removeUsual() {
	if c.usualPlace != nil {
		c.of.usualReading.Remove(c.usualPlace)
		c.usualPlace = nil
	}
}

// leave ends the counting of the connection; of.mu is locked. While the connection is closing, its
// header stays in memory.
func (c *conn) leave() {
	if c.gone {
		return
	}
	c.gone = true
	c.of.open--
	c.remove()
	if !c.closing {
		c.forget()
	}
}

// begin is the beginning of a request: its header is complete.
func (c *conn) begin() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.remove()
	c.unreadBody = false
}

// end is the end of a handler. net/http keeps the header until the rest of the answer is sent and, if
// the connection is then closed, until it is. unreadBody: the body was not read to its end.
func (c *conn) end(unreadBody bool) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.unreadBody = unreadBody
}

// inRequest reports whether the connection is in a request; of.mu is locked.
func (c *conn) inRequest() bool { return c.in == nil || c.in == &c.of.sending }

// Write sends a part of an answer. It takes long if the client does not read.
func (c *conn) Write(from []byte) (int, error) {
	c.beginSending()
	defer c.endSending()
	return c.Conn.Write(from)
}

func (c *conn) beginSending() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if !c.gone && (c.in == nil || c.secure && c.unreadBody) { // else it may be closed for another anyway
		c.remove()
		c.since = c.of.now()
		c.enter(&c.of.sending)
	}
}

// endSending ends the sending of a part of an answer. If the body of the request was not read, net/http
// calls CloseWrite after the last part and then waits. Under TLS that call arrives here as one more
// Write, so any part may be the last: after each, another connection may take this one's place.
func (c *conn) endSending() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	switch {
	case c.in != &c.of.sending:
	case c.secure && c.unreadBody:
		c.closing = true
		c.yield()
	default:
		c.remove()
	}
}

// rest is the beginning of the time between two requests.
func (c *conn) rest() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	c.forget()
	c.yield()
}

// yield lets another connection take the place of this one, whose answer is sent; of.mu is locked.
func (c *conn) yield() {
	if !c.gone {
		c.remove()
		c.enter(&c.of.idle)
	}
}

// yieldIfUnread is yield if the body of the request was not read. net/http then reads on only to
// discard the rest of the body, and only after it has sent the answer.
func (c *conn) yieldIfUnread() {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.unreadBody {
		c.closing = false // net/http reads the rest of the body before it waits, see endSending
		if c.in == nil {
			c.yield()
		}
	}
}

// CloseWrite ends the answer while the client may still be sending.
func (c *conn) CloseWrite() error {
	c.of.mu.Lock()
	c.closing = true
	c.yield()
	c.of.mu.Unlock()
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Read reads a part of a header or of a body. Bytes of a header beyond the budget are refused.
func (c *conn) Read(into []byte) (int, error) {
	c.yieldIfUnread()
	n, err := c.Conn.Read(into)
	if n <= 0 {
		return n, err
	}
	fits, evicted := c.count(int64(n))
	if evicted != nil {
		_ = evicted.Conn.Close()
	}
	if !fits {
		if c.secure {
			_ = c.Conn.Close()
		} else {
			refuse(c)
		}
		// net/http answers no error of this type, unless it reads once more through TLS.
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: errBusyHeaders}
	}
	return n, err
}

// Close closes the connection.
func (c *conn) Close() error {
	c.of.mu.Lock()
	c.leave()
	c.forget()
	c.of.mu.Unlock()
	return c.Conn.Close()
}
