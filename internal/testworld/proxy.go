package testworld

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands before a server and can take it off the network in the ways that networks do it.
type Proxy struct {
	listener net.Listener
	target   string

	mu          sync.Mutex
	passing     chan struct{} // closed while packets pass
	connections map[net.Conn]struct{}
	accepted    int
	fatal       []byte // see SilenceAt
	most        int    // see SilenceAfter; 0: no limit
	answered    int    // see Answered
}

// StartProxy listens on a free loopback port and passes everything on to target.
func StartProxy(target string) (*Proxy, error) {
	listener, err := net.Listen("tcp", loopback(0))
	if err != nil {
		return nil, fmt.Errorf("while starting a proxy: %w", err)
	}
	p := &Proxy{listener: listener, target: target, passing: make(chan struct{}), connections: map[net.Conn]struct{}{}}
	close(p.passing)
	go p.serve()
	return p, nil
}

// NewProxy starts one for this test alone.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	proxy, err := StartProxy(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { report(t, proxy.Stop()) })
	return proxy
}

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Accepted is how many connections were made so far.
func (p *Proxy) Accepted() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.accepted
}

// Answered is how many bytes the server has sent so far, on all connections.
func (p *Proxy) Answered() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered
}

// Swallow drops all data: connections stay open, new ones are accepted, and no answer comes.
func (p *Proxy) Swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passing:
		p.passing = make(chan struct{})
	default: // already passing
	}
}

// Pass lets everything through again, what was held back included.
func (p *Proxy) Pass() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.passing:
	default:
		close(p.passing)
	}
}

// SilenceAt silences each connection over which a client sends these words: it stays open, and
// nothing passes any more, not even that the server closes it. So does a pooler that has lost its
// server, or a server that means harm.
func (p *Proxy) SilenceAt(words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fatal = []byte(words)
}

// SilenceAfter silences each connection on which the server sends more than so many bytes, as
// SilenceAt does.
func (p *Proxy) SilenceAfter(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = bytes
}

// Cut closes all open connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for connection := range p.connections {
		_ = connection.Close()
	}
}

// Stop ends the proxy and its connections.
func (p *Proxy) Stop() error {
	err := p.listener.Close()
	p.Pass()
	p.Cut()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		p.accepted++
		p.mu.Unlock()
		go p.connect(client)
	}
}

func (p *Proxy) connect(client net.Conn) {
	defer p.track(client)()
	p.await()
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.track(server)()
	var silent atomic.Bool
	var directions sync.WaitGroup
	directions.Go(func() {
		p.copy(server, client, func(sent []byte) bool {
			if p.silences(sent) {
				silent.Store(true)
			}
			return !silent.Load()
		})
		_ = client.Close()
		_ = server.Close()
	})
	directions.Go(func() {
		received := 0
		p.copy(client, server, func(answer []byte) bool {
			received += len(answer)
			if p.exceeded(len(answer), received) {
				silent.Store(true)
			}
			return !silent.Load()
		})
		if !silent.Load() {
			_ = client.Close()
			_ = server.Close()
		}
	})
	directions.Wait()
}

// silences reports whether a client has sent words of SilenceAt.
func (p *Proxy) silences(sent []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fatal != nil && bytes.Contains(sent, p.fatal)
}

// exceeded counts bytes that a server has sent, and reports whether all those of its connection are
// more than SilenceAfter allows.
func (p *Proxy) exceeded(more, received int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answered += more
	return p.most > 0 && received > p.most
}

// track remembers a connection until it is closed.
func (p *Proxy) track(connection net.Conn) (done func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.connections[connection] = struct{}{}
	return func() {
		_ = connection.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.connections, connection)
	}
}

// copy copies what passes, until one of both ends.
func (p *Proxy) copy(to io.Writer, from io.Reader, passes func([]byte) bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.await()
		if passes(buffer[:n]) {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// await returns once packets pass.
func (p *Proxy) await() {
	p.mu.Lock()
	passing := p.passing
	p.mu.Unlock()
	<-passing
}
