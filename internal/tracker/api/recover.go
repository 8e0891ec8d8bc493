package api

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/danielgtaylor/huma/v2"
)

// recoveringMux is a mux whose handlers answer 500 with a problem when they panic. A panic is a
// mistake in this program; the request of one client must not look like an outage to it.
type recoveringMux struct {
	*http.ServeMux
	log *slog.Logger
}

// HandleFunc registers a handler. huma registers all operations so.
func (m recoveringMux) HandleFunc(pattern string, handle func(http.ResponseWriter, *http.Request)) {
	m.ServeMux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		late := &lateStatus{ResponseWriter: w}
		defer func() {
			cause := recover()
			if cause == nil {
				late.send()
				return
			}
			if cause == http.ErrAbortHandler || late.sent { //nolint:errorlint // as net/http compares it
				panic(cause) // the connection is closed, so that the client takes no part of an answer for all of it
			}
			// The cause may contain facts. The stack does not.
			m.log.ErrorContext(r.Context(), "A request failed for a mistake in the program", "route", r.Pattern, "stack", string(debug.Stack()))
			writeProblem(w, problem(http.StatusInternalServerError, internalError))
		}()
		handle(late, r)
	})
}

// lateStatus sends the status only with the first byte of the body. huma sets the status before it
// writes the body, which may fail.
type lateStatus struct {
	http.ResponseWriter
	status int
	sent   bool
}

func (l *lateStatus) WriteHeader(status int) { l.status = status }

func (l *lateStatus) Write(content []byte) (int, error) {
	l.send()
	return l.ResponseWriter.Write(content)
}

// send sends the status, unless it was sent or there is none.
func (l *lateStatus) send() {
	if l.status != 0 && !l.sent {
		l.ResponseWriter.WriteHeader(l.status)
	}
	l.sent = true
}

// jsonFormat writes JSON, and panics if a value cannot be written, before anything is sent. huma
// would send its own text with the status of success.
func jsonFormat() huma.Format {
	format := huma.DefaultJSONFormat
	write := format.Marshal
	format.Marshal = func(w io.Writer, value any) error {
		if wrong, ok := errors.AsType[*json.MarshalerError](write(w, value)); ok {
			panic(wrong)
		}
		return nil // any other error is that the client is gone
	}
	return format
}
