package ops

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
)

// AccessLog is which requests are logged.
type AccessLog string

// Choices of an access log. A line costs more than a redirect, so the default is LogErrors.
const (
	LogNone   AccessLog = "none"
	LogErrors AccessLog = "errors" // status 500 and above
	LogAll    AccessLog = "all"
)

// Log configures the access log.
type Log struct {
	*slog.Logger
	Which AccessLog
	// Client returns a pseudonym of the client; nil: the log has none.
	Client func(*http.Request) string
}

// unmatched is the route of requests without a handler.
const unmatched = "unmatched"

// Observe counts and logs the answers of next.
//
// The route is the pattern of the innermost mux that served the request. A panic is answered with
// status 500, because net/http would log the client's address with it. If the handler aborts the
// answer, or panics after a part of it, the connection is closed, so that no client takes the part for
// all of it.
func Observe(next http.Handler, metrics *Metrics, log Log) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		metrics.running.Inc()
		a := &answer{ResponseWriter: w}
		defer func() {
			metrics.running.Dec()
			cause := recover()
			mistake := cause != nil && cause != http.ErrAbortHandler //nolint:errorlint // as net/http compares it
			abort := cause != nil && (!mistake || a.status != 0)
			if mistake {
				log.Error("A request failed for a mistake in the program", "route", route(r), "stack", string(debug.Stack()))
			}
			switch {
			case mistake && !abort:
				a.WriteHeader(http.StatusInternalServerError)
			case abort && a.status == 0:
				a.status = http.StatusInternalServerError // nothing was sent: the client gets no answer
			}
			a.end(r, metrics, log, time.Since(began))
			if abort {
				panic(http.ErrAbortHandler) // net/http logs nothing for it
			}
		}()
		next.ServeHTTP(a, r)
	})
}

// route is a pattern without its method, which has a limited number of values.
func route(r *http.Request) string {
	pattern := r.Pattern
	if _, path, found := strings.Cut(pattern, " "); found {
		pattern = path
	}
	if pattern == "" || pattern == "/" {
		return unmatched
	}
	return pattern
}

// answer remembers the status that it passes on.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK { // those below announce another
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(content []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(content)
}

// Unwrap lets http.ResponseController through.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) end(r *http.Request, metrics *Metrics, log Log, took time.Duration) {
	status := a.status
	if status == 0 {
		status = http.StatusOK
	}
	route := route(r)
	metrics.observe(route, status, took)
	if log.Which != LogAll && (log.Which != LogErrors || status < http.StatusInternalServerError) {
		return
	}
	attributes := []slog.Attr{
		slog.String("method", method(r.Method)), slog.String("route", route), slog.Int("status", status),
		slog.Float64("milliseconds", float64(took.Microseconds())/1000),
	}
	if log.Client != nil {
		attributes = append(attributes, slog.String("client", log.Client(r)))
	}
	log.LogAttrs(r.Context(), slog.LevelInfo, "Answered", attributes...)
}

// method returns one of the known methods, because any text can be sent as a method.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return name
	}
	return "other"
}
