package intake

import (
	"container/list"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// freeHeader is how many bytes of each header are not charged. Nearly all headers are shorter.
	freeHeader = 4 << 10
	// usualHeader is the most that a header of a browser with many cookies has.
	usualHeader = 16 << 10
	// refusalTimeout is how long a refusal may take to be sent.
	refusalTimeout = 10 * time.Millisecond
	// unreadTimeout is how long a client may take to receive what one write sends before its connection
	// may be closed for another. Else clients that read nothing would hold all connections until the
	// server's WriteTimeout.
	unreadTimeout = time.Second
)

// refusal is sent where no request has been read, so that net/http cannot answer. Under TLS it would
// have to be encrypted; there the connection is closed without an answer.
const refusal = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"

var errBusyHeaders = errors.New("too many bytes of other headers are in flight")

// Connections are the connections of a server.
type Connections struct {
	most int
	// What headers take beyond freeHeader each. Usual ones have a budget of their own, so that long
	// ones keep no visitor away.
	usual, long *Budget
	longest     int64 // the most that a header may take
	now         func() time.Time

	mu      sync.Mutex
	open    int
	refused uint64
	evicted uint64
	// Connections by what they do. The first of a list has done it for longest.
	idle         list.List // between two requests, or after the answer of the last one
	reading      list.List // the header has begun and not ended
	sending      list.List // in a request; a part of its answer is being sent
	usualReading list.List // those of reading whose header is a usual one
}

// NewConnections allows so many connections at a time, and so many bytes of their headers: a third
// of them for usual headers.
func NewConnections(most int, headerBytes int64) *Connections {
	usual := headerBytes / 3
	long := headerBytes - usual
	return &Connections{most: most, usual: NewBudget(usual), long: NewBudget(long), longest: long, now: time.Now}
}

// Stats are numbers of connections.
type Stats struct {
	Open             int
	Refused, Evicted uint64 // so far
}

// Stats returns how many connections are open, and how many were refused, or closed for others.
func (c *Connections) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{Open: c.open, Refused: c.refused, Evicted: c.evicted}
}

// Listen bounds the connections of a listener. Its server must be one of Bound.
func (c *Connections) Listen(on net.Listener) net.Listener { return &listener{Listener: on, of: c} }

// ListenTLS is Listen for a server of TLS. The bytes of headers are then those of TLS. A refused
// client gets no answer: it would have to be encrypted.
func (c *Connections) ListenTLS(on net.Listener, config *tls.Config) net.Listener {
	return tls.NewListener(&listener{Listener: on, of: c, secure: true}, config)
}

// Bound makes a server tell which of its connections are in a request.
func (c *Connections) Bound(server *http.Server) {
	// Otherwise net/http answers OPTIONS * without the handler, and the bytes of its header stay
	// charged for as long as the connection is open.
	server.DisableGeneralOptionsHandler = true
	c.longest = min(c.longest, int64(server.MaxHeaderBytes))
	server.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return context.WithValue(ctx, connKey{}, below(conn))
	}
	// The answer is sent after the handler, and before the connection is idle. Then its header is not in
	// memory any more.
	server.ConnState = func(of net.Conn, state http.ConnState) {
		if own, ok := below(of).(*conn); ok && state == http.StateIdle {
			own.rest()
		}
	}
	next := server.Handler
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own, ok := r.Context().Value(connKey{}).(*conn)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		own.begin()
		handled, unread := closeUnlessRead(w, r)
		defer func() { own.end(unread()) }()
		next.ServeHTTP(w, handled)
	})
}

type connKey struct{}

// below returns the connection below TLS.
func below(connection net.Conn) net.Conn {
	if secure, ok := connection.(*tls.Conn); ok {
		return secure.NetConn()
	}
	return connection
}

type listener struct {
	net.Listener
	of     *Connections
	secure bool // TLS is put over it
}

// Accept returns the next connection for which there is a place.
func (l *listener) Accept() (net.Conn, error) {
	for {
		accepted, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if own := l.of.admit(accepted, l.secure); own != nil {
			return own, nil
		}
		if !l.secure {
			refuse(accepted)
		}
		_ = accepted.Close()
	}
}

// refuse sends a refusal.
func refuse(to net.Conn) {
	_ = to.SetWriteDeadline(time.Now().Add(refusalTimeout))
	_, _ = to.Write([]byte(refusal)) // the client may be gone
}

// admit counts a connection, and closes another if there are too many. It returns nil if all others
// are in requests, and none of their clients leaves an answer unread.
func (c *Connections) admit(accepted net.Conn, secure bool) *conn {
	c.mu.Lock()
	var longest *conn
	if c.open >= c.most {
		if longest = first(&c.idle); longest == nil {
			longest = first(&c.reading)
		}
		if longest == nil {
			longest = c.unread(func(*conn) bool { return true })
		}
		if longest == nil {
			c.refused++
			c.mu.Unlock()
			return nil
		}
		c.evicted++
		longest.leave()
	}
	own := &conn{Conn: accepted, of: c, secure: secure}
	c.open++
	own.enter(&c.reading)
	c.mu.Unlock()
	if longest != nil {
		_ = longest.Conn.Close()
	}
	return own
}

// first returns the connection that has been in a list for longest; nil if there is none.
func first(of *list.List) *conn {
	front := of.Front()
	if front == nil {
		return nil
	}
	longest, _ := front.Value.(*conn) // the lists have nothing else
	return longest
}

// unread returns the connection that has been sending for longest, for at least unreadTimeout, of
// those for which wanted returns true; nil if there is none. c.mu is locked.
func (c *Connections) unread(wanted func(*conn) bool) *conn {
	latest := c.now().Add(-unreadTimeout)
	for place := c.sending.Front(); place != nil; place = place.Next() {
		longest, _ := place.Value.(*conn) // the lists have nothing else
		if longest.since.After(latest) {
			return nil
		}
		if wanted(longest) {
			return longest
		}
	}
	return nil
}

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

// charge is what a header takes of a budget.
type charge struct {
	budget *Budget // nil: nothing is taken
	bytes  int64
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

// forget ends a header, and gives its bytes back; of.mu is locked.
func (c *conn) forget() {
	c.header = 0
	c.discharge()
}

// discharge gives the bytes of a header back; of.mu is locked.
func (c *conn) discharge() {
	if c.charge.budget != nil {
		c.charge.budget.Return(c.charge.bytes)
	}
	c.charge = charge{}
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

// count counts bytes of a header, and reports whether its budget has them. evicted is a connection
// that made place for it, which is to be closed.
func (c *conn) count(bytes int64) (fits bool, evicted *conn) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.inRequest() || c.unreadBody {
		return true, nil // of a body, or of nothing any more
	}
	if c.in == &c.of.idle {
		c.remove()
		c.enter(&c.of.reading)
	}
	c.header += bytes
	due := c.of.chargeFor(c.header)
	if due == c.charge {
		return true, nil
	}
	c.discharge()
	c.removeUsual()
	fits = due.budget.Take(due.bytes)
	if !fits {
		if evicted = c.of.evictable(due.budget); evicted != nil {
			c.of.evicted++
			evicted.leave()
			fits = due.budget.Take(due.bytes)
		}
	}
	if !fits {
		c.of.refused++
		return false, evicted
	}
	c.charge = due
	if due.budget == c.of.usual {
		c.usualPlace = c.of.usualReading.PushBack(c)
	}
	return true, evicted
}

// evictable returns a connection that may be closed so that its header gives bytes of a budget
// back; nil if there is none. c.mu is locked.
func (c *Connections) evictable(budget *Budget) *conn {
	for place := c.idle.Front(); place != nil; place = place.Next() {
		// Only one whose body is unread is still charged.
		if longest, _ := place.Value.(*conn); longest.charge.budget == budget && !longest.closing {
			return longest
		}
	}
	if budget == c.usual {
		if longest := first(&c.usualReading); longest != nil {
			return longest
		}
	}
	return c.unread(func(other *conn) bool { return other.charge.budget == budget })
}

// chargeFor is what a header that has begun with so many bytes is charged. One that is longer than
// usual is charged at once for the longest: if each took a little more at a time, many long headers
// could take all of the budget between them, and all would have been read in vain.
func (c *Connections) chargeFor(header int64) charge {
	switch {
	case header <= freeHeader:
		return charge{}
	case header <= usualHeader:
		return charge{c.usual, usualHeader - freeHeader}
	}
	return charge{c.long, max(c.longest, header-freeHeader)}
}

// Close closes the connection.
func (c *conn) Close() error {
	c.of.mu.Lock()
	c.leave()
	c.forget()
	c.of.mu.Unlock()
	return c.Conn.Close()
}
