package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// health answers probes for the life of the process.
//
// It is alive while it answers: a restart cures no outage of a database or of the API server. It is
// ready once it has reached the API server; the engines go on when that is lost later.
type health struct {
	address string
	isReady atomic.Bool
}

func newHealth(address string) *health { return &health{address: address} }

func (h *health) ready() { h.isReady.Store(true) }

func (h *health) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !h.isReady.Load() {
			http.Error(w, "waiting for the API server", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	})
	return mux
}

// Run answers probes until ctx ends.
func (h *health) Run(ctx context.Context) error {
	if h.address == "" || h.address == "0" {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", h.address)
	if err != nil {
		return fmt.Errorf("while listening on --health-probe-bind-address: %w", err)
	}
	server := &http.Server{Handler: h.handler(), ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() {
		h.isReady.Store(false)
		_ = server.Close() // probes that are being answered do not matter any more
	})
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("while answering probes: %w", err)
	}
	return nil
}

// newMetricsServer returns the server of /metrics; nil: it is turned off. It answers clients that
// the API server authenticates and authorises, unless --metrics-secure=false.
func newMetricsServer(options options, kubernetes *rest.Config) (metricsserver.Server, error) {
	settings := metricsserver.Options{BindAddress: options.metricsAddress, SecureServing: options.metricsSecure}
	if settings.BindAddress == "" {
		settings.BindAddress = "0"
	}
	if options.metricsSecure {
		settings.FilterProvider = requireAccess
	}
	client, err := rest.HTTPClientFor(kubernetes)
	if err != nil {
		return nil, fmt.Errorf("while making a client of the API server: %w", err)
	}
	server, err := metricsserver.NewServer(settings, kubernetes, client)
	if err != nil {
		return nil, fmt.Errorf("while setting up the metrics server: %w", err)
	}
	return server, nil
}
