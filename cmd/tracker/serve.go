package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/referral-operator/referral-operator/internal/intake"
	"github.com/referral-operator/referral-operator/internal/tracker/ops"
)

const (
	headerTimeout = 5 * time.Second
	readTimeout   = 30 * time.Second // of a request; the longest is a batch of facts
	writeTimeout  = 45 * time.Second // of an answer, from the end of its request's header on
	idleTimeout   = 2 * time.Minute

	// longestHeader has space for many cookies of other applications: a gateway would take a
	// refusal for a failure.
	longestHeader = 256 << 10
	// headerBytes is how much of the headers in flight is read beyond the first 4 KiB of each: a third
	// of it of those of up to 16 KiB. While net/http reads a long line it holds up to three times as
	// much.
	headerBytes = 3 << 20
	// opsConnections is how many probes and scrapes may be connected at a time.
	opsConnections = 50
)

// serve answers until ctx ends, and then finishes the requests in progress.
func (t *tracker) serve(ctx context.Context, handler http.Handler) error {
	listener, err := listen(ctx, "listen", t.options.listen)
	if err != nil {
		return err
	}
	server := t.bounded(handler)
	served := make(chan error, 2)
	go func() { served <- server.Serve(t.connections.Listen(listener)) }()
	var opsServer *http.Server
	if t.options.opsListen != "" {
		opsListener, err := listen(ctx, "ops-listen", t.options.opsListen)
		if err != nil {
			_ = server.Close() // it has served nothing yet
			return err
		}
		opsServer = t.server(t.opsHandler())
		connections := intake.NewConnections(opsConnections, headerBytes/opsConnections)
		connections.Bound(opsServer)
		defer opsServer.Close() //nolint:errcheck // probes need no answer any more
		go func() { served <- opsServer.Serve(connections.Listen(opsListener)) }()
	}
	t.health.Ready()
	t.log.Info("Listening", "address", listener.Addr().String())
	select {
	case err := <-served:
		return errors.Join(fmt.Errorf("while serving: %w", err), server.Close())
	case <-ctx.Done():
	}
	return t.drain(context.WithoutCancel(ctx), server)
}

// drain ends a server without failing a request. First the server is unready and goes on serving
// until gateways have noticed; then it accepts no more requests, finishes those in progress, and
// writes the waiting touches.
func (t *tracker) drain(ctx context.Context, server *http.Server) error {
	t.log.Info("Stopping", "drain_delay", t.options.drainDelay.String(), "drain_timeout", t.options.drainTimeout.String())
	t.health.Drain()
	if t.options.drainDelay > 0 {
		<-time.After(t.options.drainDelay)
	}
	ctx, cancel := context.WithTimeout(ctx, t.options.drainTimeout)
	defer cancel()
	return errors.Join(t.finish(ctx, server), t.writeTouches(ctx))
}

// finish lets requests end. One that hangs leaves some of the time to the touches.
func (t *tracker) finish(ctx context.Context, server *http.Server) error {
	patience := t.options.drainTimeout * 3 / 4
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off after %s: %w", patience, err), server.Close())
	}
	return nil
}

// writeTouches writes the waiting touches, once no request adds any.
func (t *tracker) writeTouches(ctx context.Context) error {
	if err := t.queue.Close(ctx); err != nil {
		return fmt.Errorf("%d touches were not written in time; the visitors' tokens remember them: %w",
			t.queue.Stats().Depth, err)
	}
	return nil
}

// bounded is the server of visitors and shops: its connections are bounded, and it says so when it
// is about to stop.
func (t *tracker) bounded(handler http.Handler) *http.Server {
	server := t.server(handler)
	t.connections.Bound(server)
	server.Handler = t.parting(server.Handler) // outermost, since intake keeps a connection whose body was read
	return server
}

// parting closes connections after their next answer once this process is about to stop. Closing
// idle connections, as http.Server does at the end, can cut off a request that is on its way.
func (t *tracker) parting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.health.Draining() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (t *tracker) server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ErrorLog: ops.ServerLog(t.log),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: longestHeader,
	}
}

// opsHandler is for --ops-listen.
func (t *tracker) opsHandler() http.Handler {
	mux := http.NewServeMux()
	t.health.Register(mux)
	t.metrics.Register(mux)
	return mux
}

func listen(ctx context.Context, name, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("while listening on --%s: %w", name, err)
	}
	return listener, nil
}
