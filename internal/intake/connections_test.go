package intake_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/intake"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// world is a server behind bounded connections.
type world struct {
	testing.TB
	*intake.Connections
	address string
	secure  *tls.Config            // of the server; nil: in the clear
	accepts atomic.Int64           // calls of Accept: the last one waits
	begun   chan struct{}          // receives from each request to /wait
	proceed chan struct{}          // closed: these are answered
	sending atomic.Pointer[func()] // runs once, when the server sends something; nil: nothing runs
	ending  atomic.Pointer[func()] // likewise, when the server ends an answer and then waits to close
	now     atomic.Int64           // nanoseconds since 1970; no time passes by itself
	full    atomic.Bool            // what is sent to a new connection is never taken
	blocked chan struct{}          // receives when something is to be sent to such a connection

	mu   sync.Mutex
	idle map[string]int // how often the connection from an address became idle
}

func newWorld(t testing.TB, connections int, headerBytes int64) *world {
	t.Helper()
	return startWorld(t, connections, headerBytes, nil)
}

// newSecureWorld is a world with TLS.
func newSecureWorld(t testing.TB, connections int, headerBytes int64) *world {
	t.Helper()
	authority, err := testworld.NewAuthority("intake")
	if err != nil {
		t.Fatal(err)
	}
	server, err := authority.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(server.Certificate, server.Key)
	if err != nil {
		t.Fatal(err)
	}
	return startWorld(t, connections, headerBytes, &tls.Config{Certificates: []tls.Certificate{pair}})
}

func startWorld(t testing.TB, connections int, headerBytes int64, secure *tls.Config) *world {
	t.Helper()
	w := &world{
		TB: t, Connections: intake.NewConnections(connections, headerBytes), secure: secure,
		begun: make(chan struct{}), proceed: make(chan struct{}), blocked: make(chan struct{}), idle: map[string]int{},
	}
	w.SetClock(func() time.Time { return time.Unix(0, w.now.Load()) })
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/wait", func(http.ResponseWriter, *http.Request) {
		w.begun <- struct{}{}
		<-w.proceed
	})
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1<<20)) // more than net/http keeps until the handler has returned
	})
	mux.HandleFunc("/read", func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute, ReadTimeout: time.Minute, MaxHeaderBytes: 256 << 10}
	w.Bound(server)
	bound := server.ConnState
	server.ConnState = func(of net.Conn, state http.ConnState) {
		bound(of, state)
		if state == http.StateIdle {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.idle[of.RemoteAddr().String()]++
		}
	}
	on, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.address = on.Addr().String()
	bounded := w.Listen(&watched{on, w})
	if secure != nil {
		bounded = w.ListenTLS(&watched{on, w}, secure)
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(bounded) }()
	t.Cleanup(func() {
		select {
		case <-w.proceed:
		default:
			close(w.proceed)
		}
		_ = server.Close()
		<-served
		w.await("no connection", func(s intake.Stats) bool { return s.Open == 0 })
	})
	return w
}

// watched is what the server listens on.
type watched struct {
	net.Listener
	world *world
}

func (l *watched) Accept() (net.Conn, error) {
	l.world.accepts.Add(1)
	accepted, err := l.Listener.Accept()
	return &watchedConn{Conn: accepted, world: l.world, full: l.world.full.Load(), closed: make(chan struct{})}, err
}

type watchedConn struct {
	net.Conn
	world  *world
	full   bool // as if the client read nothing, and all buffers were full
	close  sync.Once
	closed chan struct{}
}

func (c *watchedConn) Write(content []byte) (int, error) {
	if c.full {
		c.world.blocked <- struct{}{}
		<-c.closed
		return 0, net.ErrClosed
	}
	if run := c.world.sending.Swap(nil); run != nil {
		(*run)()
	}
	return c.Conn.Write(content)
}

func (c *watchedConn) Close() error {
	c.close.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

func (c *watchedConn) CloseWrite() error {
	if run := c.world.ending.Swap(nil); run != nil {
		(*run)()
	}
	return c.Conn.(*net.TCPConn).CloseWrite()
}

// await returns once the numbers are as expected.
func (w *world) await(what string, expected func(intake.Stats) bool) {
	w.Helper()
	for range 6000 { // a minute
		if expected(w.Stats()) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	w.Fatalf("%s: %+v", what, w.Stats())
}

// awaitIdle returns once a connection has become idle so many times. Its client may have the answer
// before.
func (w *world) awaitIdle(c *client, times int) {
	w.Helper()
	w.await("idle", func(intake.Stats) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.idle[c.LocalAddr().String()] >= times
	})
}

// client is one connection.
type client struct {
	testing.TB
	net.Conn
	answers *bufio.Reader
}

// dial opens a connection, and returns once it has its place or has been refused.
func (w *world) dial() *client {
	w.Helper()
	w.await("listening", func(intake.Stats) bool { return w.accepts.Load() > 0 })
	before := w.accepts.Load()
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", w.address)
	if err != nil {
		w.Fatal(err)
	}
	if w.secure != nil {
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) // the certificate is made for this test
	}
	w.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	w.await("accepted", func(intake.Stats) bool { return w.accepts.Load() > before })
	return &client{TB: w.TB, Conn: c, answers: bufio.NewReader(c)}
}

// unread sends a request on a connection whose client reads no answer, and returns once the server
// sends one.
func (w *world) unread(request string) {
	w.Helper()
	w.full.Store(true)
	w.dial().send(request)
	w.full.Store(false)
	<-w.blocked
}

func (c *client) send(text string) *client {
	c.Helper()
	_, _ = io.WriteString(c.Conn, text) // the connection may be closed: answer finds out
	return c
}

// answer returns the status of the next answer, and whether the connection stays; 0: it is closed.
func (c *client) answer() (status int, stays bool) {
	c.Helper()
	response, err := http.ReadResponse(c.answers, nil)
	if err != nil {
		return 0, false
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode, !response.Close
}

// status sends the status of the next answer.
func (c *client) status() <-chan int {
	statuses := make(chan int, 1)
	go func() {
		status, _ := c.answer()
		statuses <- status
	}()
	return statuses
}

func (c *client) expect(what string, status int, stays bool) {
	c.Helper()
	if got, still := c.answer(); got != status || still != stays {
		c.Errorf("%s: %d, and the connection stays: %v; want %d, %v", what, got, still, status, stays)
	}
}

const get = "GET / HTTP/1.1\r\nHost: x\r\n"

func TestNewConnectionTakesThePlaceOfTheLongestIdle(t *testing.T) {
	w := newWorld(t, 2, 1<<20)
	first, second := w.dial(), w.dial()
	first.send(get+"\r\n").expect("first", 204, true)
	w.awaitIdle(first, 1)
	second.send(get+"\r\n").expect("second", 204, true)
	w.awaitIdle(second, 1)
	first.send(get+"\r\n").expect("first again", 204, true)
	w.awaitIdle(first, 2)
	third := w.dial()
	third.send(get+"\r\n").expect("third", 204, true)
	second.expect("second, idle for longest", 0, false)
	first.send(get+"\r\n").expect("first", 204, true)
}

func TestUnfinishedHeadersShutOutNoVisitor(t *testing.T) {
	w := newWorld(t, 8, 1<<20)
	for range 50 {
		w.dial().send(get + "X-Slow: ")
	}
	for i := range 20 {
		w.dial().send(get+"\r\n").expect("visitor", 204, true)
		if i%2 == 0 {
			w.dial().send(get + "X-Slow: ")
		}
	}
	if s := w.Stats(); s.Open > 8 || s.Refused > 0 {
		t.Errorf("%+v", s)
	}
}

func TestConnectionIsRefusedWhileAllOthersAreInRequests(t *testing.T) {
	w := newWorld(t, 2, 1<<20)
	busy := [2]*client{w.dial(), w.dial()}
	for _, c := range busy {
		c.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
	}
	<-w.begun
	<-w.begun
	w.dial().expect("one more", 503, false)
	close(w.proceed)
}

// What was carried out is answered.
func TestConnectionIsInItsRequestUntilTheAnswerIsSent(t *testing.T) {
	w := newWorld(t, 1, 1<<20)
	first := w.dial()
	connect := func() { w.dial().expect("one more", 503, false) }
	w.sending.Store(&connect)
	first.send(get+"\r\n").expect("first", 204, true)
	w.await("idle", func(intake.Stats) bool {
		status, _ := w.dial().send(get + "\r\n").answer()
		return status == 204
	})
	first.expect("first, idle", 0, false)
}

// The clients of unread answers hold their connections for a second, so that no answer is cut off
// on its way.
func TestUnreadAnswersShutOutNoVisitor(t *testing.T) {
	for name, page := range map[string]string{"sent after the handler": "/", "sent by the handler": "/large"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3, 1<<20)
			for range 3 {
				w.unread("GET " + page + " HTTP/1.1\r\nHost: x\r\n\r\n")
			}
			w.dial().expect("a visitor at once", 503, false)
			w.now.Add(int64(time.Second))
			for range 3 { // each takes the place of one that is unread
				visitor := w.dial().send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
				select {
				case <-w.begun:
				case status := <-visitor.status():
					t.Fatalf("a visitor is answered with %d", status)
				}
			}
			w.dial().expect("a visitor while all others are in requests", 503, false)
			close(w.proceed)
		})
	}
}

func TestUnreadAnswersHoldTheirPlacesLongerThanIdleConnections(t *testing.T) {
	w := newWorld(t, 2, 1<<20)
	w.unread(get + "\r\n")
	w.now.Add(int64(time.Minute))
	idle := w.dial()
	idle.send(get+"\r\n").expect("first", 204, true)
	w.awaitIdle(idle, 1)
	w.dial().send(get+"\r\n").expect("second", 204, true)
	idle.expect("first, idle", 0, false)
}

// A header stays in memory until the answer is sent, also if net/http sends it after the handler.
func TestUnreadAnswersShutOutNoVisitorWithManyCookies(t *testing.T) {
	for _, page := range []string{"/large", "/"} {
		for name, bytes := range map[string]int{"a usual header": 10 << 10, "a long one": 20 << 10} {
			t.Run(name+" for "+page, func(t *testing.T) {
				w := newWorld(t, 100, 192<<10)
				header := " HTTP/1.1\r\nHost: x\r\nCookie: " + strings.Repeat("x", bytes) + "\r\n\r\n"
				fit := map[int]int{10 << 10: 5, 20 << 10: 1}[bytes]
				for range fit {
					w.unread("GET " + page + header)
				}
				w.dial().send("GET /"+header).expect("a visitor at once", 503, false)
				w.now.Add(int64(time.Second))
				w.dial().send("GET /"+header).expect("a visitor", 204, true)
			})
		}
	}
}

// net/http keeps the header of a request while it waits for the rest of a body.
func TestHeaderOfAnUnreadBodyIsChargedAndShutsOutNoVisitor(t *testing.T) {
	for name, bytes := range map[string]int{"usual": 10 << 10, "long": 20 << 10} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 100, 192<<10)
			cookie := "Cookie: " + strings.Repeat("x", bytes) + "\r\n"
			fit := map[int]int{10 << 10: 5, 20 << 10: 1}[bytes]
			for range fit {
				w.dial().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"+cookie+"\r\n").expect("unread", 204, false)
			}
			w.await("a visitor", func(intake.Stats) bool {
				status, _ := w.dial().send(get + cookie + "\r\n").answer()
				return status == 204
			})
			if s := w.Stats(); s.Evicted == 0 {
				t.Errorf("no connection made place for the visitor: %+v", s)
			}
		})
	}
}

// After the answer, net/http keeps the header and waits for half a second before it closes the
// connection.
func TestHeaderIsChargedUntilTheConnectionIsClosed(t *testing.T) {
	w := newWorld(t, 2, 96<<10)
	cookie := "Cookie: " + strings.Repeat("x", 20<<10) + "\r\n"
	ended := make(chan struct{})
	connect := func() {
		defer close(ended)
		w.dial().send(get+cookie+"\r\n").expect("another long header", 503, false)
		w.dial()
		w.dial() // in its place
		if s := w.Stats(); s.Evicted != 1 || w.HeaderBytes() == 0 {
			t.Errorf("%+v, %d bytes are charged", s, w.HeaderBytes())
		}
	}
	w.ending.Store(&connect)
	w.dial().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"+cookie+"\r\n").expect("unread", 204, false)
	<-ended
	w.await("given back", func(intake.Stats) bool { return w.HeaderBytes() == 0 })
	w.dial().send(get+cookie+"\r\n").expect("the next long header", 204, true)
}

func TestBytesOfHeadersInFlightAreBounded(t *testing.T) {
	w := newWorld(t, 100, 96<<10)
	large := get + "X-Large: " + strings.Repeat("x", 60<<10)
	one := w.dial().send(large)
	w.await("charged", func(intake.Stats) bool { return w.HeaderBytes() > 50<<10 })
	w.dial().send(large).expect("another large header", 503, false)
	w.dial().send(get+"\r\n").expect("a small header", 204, true)
	one.send("\r\n\r\n").expect("the large header", 204, true)
	w.await("given back", func(intake.Stats) bool { return w.HeaderBytes() == 0 })
	one.send(large+"\r\n\r\n").expect("the next large header", 204, true)
}

// Many long headers at once must not all be read in part and then refused.
func TestLongHeaderThatHasBegunIsReadToItsEnd(t *testing.T) {
	w := newWorld(t, 100, 96<<10)
	long := w.dial().send(get + "X-Long: " + strings.Repeat("x", 20<<10))
	w.await("charged", func(intake.Stats) bool { return w.HeaderBytes() > 50<<10 })
	for range 10 {
		w.dial().send(get+"X-Long: "+strings.Repeat("x", 20<<10)).expect("another long header", 503, false)
	}
	long.send(strings.Repeat("x", 40<<10)+"\r\n\r\n").expect("the long header", 204, true)
}

func TestHeadersWithManyCookiesFitBesideEachOther(t *testing.T) {
	w := newWorld(t, 100, 192<<10)
	cookies := get + "Cookie: " + strings.Repeat("x", 10<<10)
	var clients []*client
	for range 5 {
		clients = append(clients, w.dial().send(cookies))
	}
	for _, c := range clients {
		c.send("\r\n\r\n").expect("a visitor with many cookies", 204, true)
	}
}

func TestSlowHeadersShutOutNoVisitorWithManyCookies(t *testing.T) {
	cookies := get + "Cookie: " + strings.Repeat("x", 10<<10) + "\r\n\r\n"
	for name, slow := range map[string]string{
		"long": get + "X-Slow: " + strings.Repeat("x", 20<<10), "usual": get + "X-Slow: " + strings.Repeat("x", 10<<10),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 100, 192<<10)
			for range 20 {
				before := w.HeaderBytes()
				w.dial().send(slow)
				w.await("charged or refused", func(s intake.Stats) bool {
					return w.HeaderBytes() > before || s.Refused+s.Evicted > 0
				})
			}
			for range 20 {
				w.dial().send(cookies).expect("a visitor with many cookies", 204, true)
			}
		})
	}
}

func TestHeaderOfOptionsAsteriskIsGivenBack(t *testing.T) {
	w := newWorld(t, 100, 96<<10)
	w.dial().send("OPTIONS * HTTP/1.1\r\nHost: x\r\nX-Large: "+strings.Repeat("x", 60<<10)+"\r\n\r\n").expect("OPTIONS *", 400, false)
	w.await("given back", func(intake.Stats) bool { return w.HeaderBytes() == 0 })
	w.dial().send(get+"X-Large: "+strings.Repeat("x", 60<<10)+"\r\n\r\n").expect("a visitor with large cookies", 204, true)
}

func TestConnectionOfAnUnreadBodyIsClosed(t *testing.T) {
	w := newWorld(t, 10, 1<<20)
	w.dial().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n").expect("unread", 204, false)
	w.dial().send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").expect("unread chunks", 204, false)
	w.dial().send("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxx").expect("read", 200, true)
	w.dial().send("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n").expect("read chunks", 200, true)
}

// Most clients send all of a body before they read the answer. If the connection is closed while
// they send, they see a broken connection and not the answer.
func TestClientMaySendAllOfAnUnreadBodyBeforeItReadsTheAnswer(t *testing.T) {
	w := newWorld(t, 10, 1<<20)
	part := strings.Repeat("x", 128<<10) // net/http reads a rest of 256 KiB at most
	c := w.dial().send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", 3*len(part))).send(part)
	if _, err := c.answers.Peek(1); err != nil { // the answer is there
		t.Fatal(err)
	}
	for range 2 {
		time.Sleep(20 * time.Millisecond) // a reset takes a moment
		if _, err := io.WriteString(c, part); err != nil {
			t.Errorf("while sending the rest of the body: %v", err)
		}
	}
	c.expect("unread", 204, false)
	if _, err := c.answers.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("after the answer: %v", err)
	}
}

// After its answer, a connection waits for the rest of an unread body. It shuts out no visitor.
func TestConnectionOfAnUnreadBodyGivesUpItsPlace(t *testing.T) {
	w := newWorld(t, 1, 1<<20)
	w.dial().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n").expect("unread", 204, false)
	w.await("idle", func(intake.Stats) bool {
		status, _ := w.dial().send(get + "\r\n").answer()
		return status == 204
	})
}

// Under TLS net/http ends its half of no connection, and still waits for half a second before it closes
// one. More of a body is missing than it reads.
func TestConnectionOfAnUnreadBodyGivesUpItsPlaceUnderTLS(t *testing.T) {
	w := newSecureWorld(t, 1, 1<<20)
	w.await("a connection gave up its place", func(intake.Stats) bool {
		w.dial().send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n").answer()
		status, _ := w.dial().send(get + "Connection: close\r\n\r\n").answer()
		return status == 204 && w.Stats().Evicted > 0
	})
}

// The client would take an answer in the clear for that of a server without TLS.
func TestRefusalUnderTLSIsNoPlainText(t *testing.T) {
	large := "X-Large: " + strings.Repeat("x", 60<<10) + "\r\n"
	for name, test := range map[string]struct {
		connections int
		header      string
	}{
		"too many connections":  {1, ""},
		"too many header bytes": {100, large},
	} {
		t.Run(name, func(t *testing.T) {
			w := newSecureWorld(t, test.connections, 96<<10)
			w.dial().send("GET /wait HTTP/1.1\r\nHost: x\r\n" + test.header + "\r\n")
			<-w.begun
			refused := w.dial().send(get + test.header + "\r\n")
			_, err := refused.answers.ReadByte()
			var plain tls.RecordHeaderError
			if err == nil || errors.As(err, &plain) {
				t.Errorf("the refused client gets %v", err)
			}
			if s := w.Stats(); s.Refused != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}
