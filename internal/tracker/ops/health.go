package ops

import (
	"fmt"
	"net/http"
	"sync/atomic"
)

// Health answers probes.
//
// A process that answers is alive. It is ready when it has its keys and tokens and is not about to
// stop. An outage of the database changes neither: redirects go on without it, and an unready
// tracker would end them.
type Health struct {
	state atomic.Int32
}

const (
	starting int32 = iota
	ready
	draining
)

// Ready makes the process ready.
func (h *Health) Ready() { h.state.CompareAndSwap(starting, ready) }

// Drain makes the process unready for good. Requests that arrive later are still answered.
func (h *Health) Drain() { h.state.Store(draining) }

// Draining reports whether the process is about to stop.
func (h *Health) Draining() bool { return h.state.Load() == draining }

// Register adds /healthz and /readyz.
func (h *Health) Register(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		switch h.state.Load() {
		case ready:
			fmt.Fprintln(w, "ok")
		case draining:
			http.Error(w, "stopping", http.StatusServiceUnavailable)
		default:
			http.Error(w, "starting", http.StatusServiceUnavailable)
		}
	})
}
