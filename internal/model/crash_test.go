package model

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// cutter stands between an engine and its database, reads along, and cuts all connections at a
// statement of its choice: before the server gets it, or when the server has done it and before
// anybody hears of that.
type cutter struct {
	listener net.Listener
	server   string
	uri      string

	mu          sync.Mutex
	left        int  // statements until it cuts
	deaf        bool // let the last one be done
	cut         bool
	connections []net.Conn
	pause       int           // statements until it pauses; zero: it does not
	reached     chan struct{} // closed when it pauses
	resume      chan struct{} // closed when it goes on
}

func newCutter(t testing.TB, uri string) *cutter {
	t.Helper()
	parsed, err := url.Parse(uri)
	must(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	c := &cutter{listener: listener, server: parsed.Host}
	parsed.Host = listener.Addr().String()
	c.uri = parsed.String()
	go c.serve()
	return c
}

// open connects through the cutter, which cuts at the n-th statement from then on.
func (c *cutter) open(t fataler, n int, deaf bool) (*postgres.DB, error) {
	t.Helper()
	c.mu.Lock()
	c.left, c.deaf, c.cut, c.connections, c.pause = n, deaf, false, nil, 0
	c.mu.Unlock()
	return openURI(c.uri)
}

// pauseAt has it pause before the n-th statement from now on, and cut at none. reached says that it
// does, until it is resumed.
func (c *cutter) pauseAt(n int) (reached <-chan struct{}, resume func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.deaf, c.cut, c.connections = math.MaxInt, false, false, nil
	c.pause, c.reached, c.resume = n, make(chan struct{}), make(chan struct{})
	resumed := c.resume
	return c.reached, sync.OnceFunc(func() { close(resumed) })
}

func (c *cutter) serve() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.server)
		if err != nil || !c.track(client, server) {
			_ = client.Close()
			continue
		}
		go c.forward(client, server)
		go c.backward(server, client)
	}
}

func (c *cutter) track(connections ...net.Conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.cut {
		c.connections = append(c.connections, connections...)
	}
	return !c.cut
}

// forward passes on what the client says, message by message: first a length and what it is the
// length of, from then on with a letter before it.
func (c *cutter) forward(client, server net.Conn) {
	defer c.close(client, server)
	from := bufio.NewReader(client)
	if !pass(from, server, 0) {
		return
	}
	for {
		kind, err := from.Peek(1)
		if err != nil {
			return
		}
		if statement := kind[0] == 'Q' || kind[0] == 'E'; statement && !c.next() {
			return
		}
		if !pass(from, server, 1) {
			return
		}
	}
}

func pass(from *bufio.Reader, to net.Conn, letters int) bool {
	head, err := from.Peek(letters + 4)
	if err != nil {
		return false
	}
	length := letters + int(binary.BigEndian.Uint32(head[letters:]))
	_, err = io.CopyN(to, from, int64(length))
	return err == nil
}

// next tells whether the next statement is to reach the server.
func (c *cutter) next() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pause > 0 {
		if c.pause--; c.pause == 0 {
			close(c.reached)
			resume := c.resume
			c.mu.Unlock()
			<-resume
			c.mu.Lock()
		}
	}
	c.left--
	return c.left > 0 || c.left == 0 && c.deaf
}

// deafened tells whether the client is to hear nothing any more.
func (c *cutter) deafened() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.left <= 0
}

func (c *cutter) backward(server, client net.Conn) {
	defer c.close(client, server)
	buffer := make([]byte, 32<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil || c.deafened() {
			return
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// close ends two connections, and all when it is time to.
func (c *cutter) close(connections ...net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left <= 0 {
		c.cut = true
		connections = append(connections, c.connections...)
	}
	for _, connection := range connections {
		_ = connection.Close()
	}
}
