package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/intake"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/ops"
)

func TestConnectionsAreClosedAfterTheirAnswerOnceTheTrackerStops(t *testing.T) {
	stopping := &tracker{log: slog.New(slog.DiscardHandler), health: new(ops.Health), connections: intake.NewConnections(10, headerBytes)}
	server := stopping.bounded(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	on, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	testworld.Must(t, err)
	served := make(chan error, 1)
	go func() { served <- server.Serve(stopping.connections.Listen(on)) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	for _, draining := range []bool{false, true} {
		if draining {
			stopping.health.Drain()
		}
		for _, body := range []string{"", "{}"} {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+on.Addr().String(), strings.NewReader(body))
			testworld.Must(t, err)
			response, err := http.DefaultClient.Do(request)
			testworld.Must(t, err)
			testworld.Must(t, response.Body.Close())
			if response.Close != draining {
				t.Errorf("stopping: %v, body %q: the connection is closed: %v", draining, body, response.Close)
			}
		}
	}
}
