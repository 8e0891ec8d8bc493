package model

import (
	"bufio"
	"context"
	"encoding/binary"
	"io"
	"math"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// cutter is a proxy between an engine and its database that cuts all connections at a given
// statement: before the server receives the statement, or after the server has executed it and
// before the engine receives the answer.
type cutter struct {
	listener net.Listener
	server   string
	uri      string

	mu          sync.Mutex
	left        int  // statements until the cut
	deaf        bool // the server still executes the last statement
	cut         bool
	connections []net.Conn
	pause       int           // statements until the pause; zero: no pause
	reached     chan struct{} // closed when the pause begins
	resume      chan struct{} // closed to end the pause
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

// open connects through the cutter, which cuts the connections at the n-th statement from now on.
func (c *cutter) open(t fataler, n int, deaf bool) (*postgres.DB, error) {
	t.Helper()
	c.mu.Lock()
	c.left, c.deaf, c.cut, c.connections, c.pause = n, deaf, false, nil, 0
	c.mu.Unlock()
	return postgres.Open(context.Background(), postgres.Config{URI: c.uri, Schema: postgres.DefaultSchema})
}

// keep makes the cutter cut nothing.
func (c *cutter) keep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = math.MaxInt
}

// pauseAt makes the cutter, which is to cut nothing, pause before the n-th statement from now on.
// reached is closed when the pause begins; resume ends it.
func (c *cutter) pauseAt(n int) (reached <-chan struct{}, resume func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
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

// forward passes on the client's messages. The first has a length and a body; each later one begins
// with a letter for its type.
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

// next counts a statement, and reports whether it may reach the server.
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

// deafened reports whether answers are withheld from the client.
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

// close closes these connections, and all others too once the statement of the cut is reached.
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
