package intake

import (
	"container/list"
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// unreadTimeout is how long a client may take to receive what one write sends before its connection
// may be closed for another. Else clients that read nothing would hold all connections until the
// server's WriteTimeout.
const unreadTimeout = time.Second

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
