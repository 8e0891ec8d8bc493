package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// serve starts a server of probes.
func serve(t *testing.T, secure *tls.Config) func() (net.Conn, error) {
	t.Helper()
	health := newHealth(freeAddress(t))
	health.tls = secure
	return runServer(t, &health.server)
}

// runServer runs a server until the test ends, and returns a function that connects to it.
func runServer(t *testing.T, server *server) func() (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		ended <- server.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return func() (net.Conn, error) {
		for {
			connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", server.address)
			if err == nil {
				return connection, nil
			}
			select {
			case failure := <-ended:
				return nil, errors.Join(errors.New("the server has ended"), failure, err)
			case <-time.After(time.Millisecond): // until the server listens
			}
		}
	}
}

// clients are of a server in the clear, and of one with TLS.
func clients(t *testing.T) map[string]func() (net.Conn, error) {
	t.Helper()
	secure, err := selfSigned()
	if err != nil {
		t.Fatal(err)
	}
	plain, hidden := serve(t, nil), serve(t, secure)
	return map[string]func() (net.Conn, error){
		"in the clear": plain,
		"TLS": func() (net.Conn, error) {
			connection, err := hidden()
			if err != nil {
				return nil, err
			}
			own := tls.Client(connection, &tls.Config{InsecureSkipVerify: true}) // self-signed, made for this test
			err = own.HandshakeContext(t.Context())
			return own, err
		},
	}
}

// ask sends a request and returns the status of its answer; an error: there is none.
func ask(connection net.Conn, path, header string) (int, error) {
	if _, err := io.WriteString(connection, "GET "+path+" HTTP/1.1\r\nHost: manager\r\n"+header+"\r\n"); err != nil {
		return 0, err
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}

func TestServersAnswerWhileManyClientsStayConnected(t *testing.T) {
	for name, connect := range clients(t) {
		t.Run(name, func(t *testing.T) {
			var open []net.Conn
			for i := range 2 * serverConnections {
				connection, err := connect()
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = connection.Close() })
				open = append(open, connection)
				if i%2 == 0 { // half a request: the server waits for the rest
					_, err = io.WriteString(connection, "GET /healthz HTTP/1.1\r\nHost: ")
				} else { // stays connected after its answer
					_, err = ask(connection, "/healthz", "")
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			latest, err := connect()
			if err != nil {
				t.Fatal(err)
			}
			defer latest.Close()
			if status, err := ask(latest, "/healthz", ""); status != http.StatusOK || err != nil {
				t.Errorf("a further client is answered %d, %v", status, err)
			}
			// It was closed before the latest one was answered, and not by the timeout for a header.
			if err := open[0].SetReadDeadline(time.Now().Add(time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := open[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the first client is still connected: %v", err)
			}
		})
	}
}

func TestServersReadNoLongHeader(t *testing.T) {
	for name, connect := range clients(t) {
		t.Run(name, func(t *testing.T) {
			connection, err := connect()
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			if status, err := ask(connection, "/healthz", "X-Long: "+strings.Repeat("x", 1<<20)+"\r\n"); status == http.StatusOK {
				t.Errorf("a header of 1 MiB is answered %d, %v", status, err)
			}
			other, err := connect()
			if err != nil {
				t.Fatal(err)
			}
			defer other.Close()
			if status, err := ask(other, "/healthz", "Authorization: Bearer "+strings.Repeat("x", 12<<10)+"\r\n"); status != http.StatusOK {
				t.Errorf("a token of 12 KiB is answered %d, %v", status, err)
			}
		})
	}
}

// With --metrics-secure=false every pod can request the metrics.
func TestFewScrapesAreAnsweredAtATime(t *testing.T) {
	scraping, finish := make(chan struct{}), make(chan struct{})
	finishAll := sync.OnceFunc(func() { close(finish) })
	slow := prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "referral_test_slow_total", Help: "Waits for the test."}, func() float64 {
		scraping <- struct{}{}
		<-finish
		return 0
	})
	if err := metrics.Registry.Register(slow); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { metrics.Registry.Unregister(slow) })
	server, err := newMetricsServer(options{metricsAddress: freeAddress(t)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	connect := runServer(t, server)
	t.Cleanup(finishAll)
	statuses := make(chan int)
	scrape := func() {
		connection, err := connect()
		if err != nil {
			t.Error(err)
			statuses <- 0
			return
		}
		defer connection.Close()
		status, err := ask(connection, "/metrics", "")
		if err != nil {
			t.Error(err)
		}
		statuses <- status
	}
	for range mostScrapes {
		go scrape()
		<-scraping
	}
	go scrape()
	select {
	case status := <-statuses:
		if status != http.StatusServiceUnavailable {
			t.Errorf("a further scrape is answered %d", status)
		}
	case <-scraping:
		t.Error("a further scrape gathers the metrics too")
		finishAll()
		<-statuses
	}
	finishAll()
	for range mostScrapes {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("a scrape is answered %d", status)
		}
	}
}
