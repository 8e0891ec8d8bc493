package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/cert"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/referral-operator/referral-operator/internal/intake"
)

// Every pod of the cluster may connect to the servers of probes and metrics. Their connections and
// headers are bounded, so that no client uses up the memory of the manager.
const (
	// serverConnections is how many clients may be connected to a server at a time. A further one
	// takes the place of a client that is not in a request.
	serverConnections = 50
	// longestHeader is the most bytes of a request's header. A token of an identity provider may have
	// some KiB.
	longestHeader = 16 << 10
	// serverHeaderBytes is how many bytes of headers in flight are read beyond the first 4 KiB of each.
	serverHeaderBytes = 1 << 20
	// mostScrapes is how many requests for /metrics are answered at a time. Each one holds all metrics,
	// which are tens of megabytes with a thousand databases.
	mostScrapes = 4
	// refusalInterval is how often refused clients are logged.
	refusalInterval = time.Minute
)

// server answers HTTP requests.
type server struct {
	flag    string // which has the address
	address string // see off
	handler http.Handler
	tls     *tls.Config              // nil: in the clear
	renewed *certwatcher.CertWatcher // of tls; nil: its certificate stays
}

// Run answers until ctx ends. Requests in progress are cut off then: probes and scrapes do not
// matter any more.
func (s *server) Run(ctx context.Context) error {
	if off(s.address) {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", s.address)
	if err != nil {
		return fmt.Errorf("while listening on --%s: %w", s.flag, err)
	}
	bounded := &http.Server{
		Handler:           s.handler,
		MaxHeaderBytes:    longestHeader,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      time.Minute,
		IdleTimeout:       90 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // each client could fill the log
	}
	connections := intake.NewConnections(serverConnections, serverHeaderBytes)
	connections.Bound(bounded)
	if s.tls != nil {
		listener = connections.ListenTLS(listener, s.tls)
	} else {
		listener = connections.Listen(listener)
	}
	running, ctx := errgroup.WithContext(ctx)
	stop := context.AfterFunc(ctx, func() { _ = bounded.Close() })
	defer stop()
	running.Go(func() error {
		if err := bounded.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("while serving --%s: %w", s.flag, err)
		}
		return nil
	})
	running.Go(func() error {
		reportRefusals(ctx, ctrl.Log.WithName(s.flag), func() uint64 { return connections.Stats().Refused })
		return nil
	})
	running.Go(func() error { return s.followCertificate(ctx) })
	return running.Wait()
}

// reportRefusals logs once a minute how many clients were refused, until ctx ends: a client of TLS
// sees only that its connection is closed.
func reportRefusals(ctx context.Context, log logr.Logger, refused func() uint64) {
	var reported uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(refusalInterval):
		}
		if now := refused(); now > reported {
			log.Info("Clients were refused: all connections were in use, or too many clients sent long headers", "clients", now-reported)
			reported = now
		}
	}
}

// followCertificate has the server use a certificate that replaces its own in the file system, until
// ctx ends.
func (s *server) followCertificate(ctx context.Context) error {
	if s.renewed == nil {
		return nil
	}
	if err := s.renewed.Start(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("while following the files of --%s: %w", certPathFlag, err)
	}
	return nil
}

// off reports whether an address turns its server off.
func off(address string) bool { return address == "" || address == "0" }

// health answers probes for the life of the process.
//
// It is alive while it answers: a restart cures no outage of a database or of the API server. It is
// ready once it has reached the API server; the engines go on when that is lost later.
type health struct {
	server
	isReady atomic.Bool
}

func newHealth(address string) *health {
	h := &health{}
	h.server = server{flag: "health-probe-bind-address", address: address, handler: h.probes()}
	return h
}

func (h *health) ready() { h.isReady.Store(true) }

func (h *health) probes() http.Handler {
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

// newMetricsServer returns the server of /metrics. It answers clients that the API server
// authenticates and authorises, over TLS, unless --metrics-secure=false. The server that
// controller-runtime ships bounds no connections, and reads 1 MiB of each one's header before it
// looks at the client.
func newMetricsServer(options options, kubernetes *rest.Config) (*server, error) {
	s := &server{flag: "metrics-bind-address", address: options.metricsAddress}
	handler := promhttp.HandlerFor(metrics.Registry, promhttp.HandlerOpts{
		ErrorHandling: promhttp.HTTPErrorOnError, MaxRequestsInFlight: mostScrapes,
	})
	if options.metricsSecure && !off(s.address) {
		access, err := newAccess(kubernetes, ctrl.Log.WithName("metrics"))
		if err != nil {
			return nil, fmt.Errorf("while setting up the metrics server: %w", err)
		}
		handler = access.require(handler)
		if err := s.secure(options.metricsCertPath); err != nil {
			return nil, err
		}
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", handler)
	s.handler = mux
	return s, nil
}

// secure has the server use the certificate tls.crt of a directory, with the key tls.key; without a
// directory, one that is made for this process.
func (s *server) secure(directory string) (err error) {
	if directory == "" {
		if s.tls, err = selfSigned(); err != nil {
			return fmt.Errorf("while making a certificate for the metrics server: %w", err)
		}
		return nil
	}
	s.renewed, err = certwatcher.New(filepath.Join(directory, "tls.crt"), filepath.Join(directory, "tls.key"))
	if err != nil {
		return fmt.Errorf("while reading the certificate in --%s: %w", certPathFlag, err)
	}
	s.tls = &tls.Config{GetCertificate: s.renewed.GetCertificate, MinVersion: tls.VersionTLS12}
	return nil
}

func selfSigned() (*tls.Config, error) {
	certificate, key, err := cert.GenerateSelfSignedCertKeyWithFixtures("localhost", []net.IP{{127, 0, 0, 1}}, nil, "")
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}
