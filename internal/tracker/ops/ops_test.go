package ops_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/referral-operator/referral-operator/internal/tracker/ops"
)

// answer sends a request through a handler.
func answer(handler http.Handler, method, target string) (status int, body string) {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(method, target, nil))
	return recorder.Code, recorder.Body.String()
}

// scrape returns the lines of the tracker's own metrics.
func scrape(metrics *ops.Metrics) string {
	mux := http.NewServeMux()
	metrics.Register(mux)
	_, body := answer(mux, http.MethodGet, "/metrics")
	return body
}

func TestReadyFromStartUntilDrain(t *testing.T) {
	var health ops.Health
	mux := http.NewServeMux()
	health.Register(mux)
	expect := func(when string, ready int) {
		t.Helper()
		if got, _ := answer(mux, http.MethodGet, "/healthz"); got != http.StatusOK {
			t.Errorf("%s: /healthz answers %d", when, got)
		}
		if got, _ := answer(mux, http.MethodGet, "/readyz"); got != ready {
			t.Errorf("%s: /readyz answers %d, want %d", when, got, ready)
		}
	}
	expect("before it is ready", http.StatusServiceUnavailable)
	health.Ready()
	expect("once it is ready", http.StatusOK)
	health.Drain()
	expect("while it stops", http.StatusServiceUnavailable)
	health.Ready()
	expect("made ready while it stops", http.StatusServiceUnavailable)
}

func TestRequestsAreCountedByRouteAndCode(t *testing.T) {
	inner := http.NewServeMux()
	inner.HandleFunc("POST /v1/purchases", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusCreated) })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /r/{code}", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) })
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) {})
	mux.Handle("/v1/", inner)
	metrics := ops.NewMetrics([]string{"touched", "limited"}, []string{"foreign"})
	handler := ops.Observe(mux, metrics, ops.Log{Logger: slog.New(slog.DiscardHandler), Which: ops.LogNone})
	answer(handler, http.MethodGet, "/r/alice")
	answer(handler, http.MethodHead, "/r/bob")
	answer(handler, http.MethodPost, "/v1/purchases")
	answer(handler, http.MethodGet, "/silent")
	answer(handler, http.MethodGet, "/wp-login.php")
	metrics.TokenRefused("foreign")
	metrics.Arrived("limited")
	metrics.WatchQueue(ops.Queue{
		Written: func() uint64 { return 7 }, Shed: func() uint64 { return 2 },
		Refused: func() uint64 { return 1 }, Depth: func() int { return 3 },
	})
	metrics.WatchConnections("facts", func() (used, idle, most int32) { return 1, 2, 8 })

	got := scrape(metrics)
	for _, line := range []string{
		`referral_tracker_requests_total{code="302",route="/r/{code}"} 2`,
		`referral_tracker_requests_total{code="201",route="/v1/purchases"} 1`,
		`referral_tracker_requests_total{code="200",route="/silent"} 1`,
		`referral_tracker_requests_total{code="404",route="unmatched"} 1`,
		`referral_tracker_request_seconds_count{route="/r/{code}"} 2`,
		`referral_tracker_requests_running 0`,
		`referral_tracker_tokens_refused_total{reason="foreign"} 1`,
		`referral_tracker_arrivals_total{result="touched"} 0`,
		`referral_tracker_arrivals_total{result="limited"} 1`,
		`referral_tracker_touches_written_total 7`,
		`referral_tracker_touches_shed_total 2`,
		`referral_tracker_touches_queued 3`,
		`referral_tracker_touches_refused_total 1`,
		`referral_tracker_database_connections{pool="facts",state="most"} 8`,
	} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("missing: %s", line)
		}
	}
	if strings.Contains(got, "alice") || strings.Contains(got, "wp-login") {
		t.Error("what was asked for is among the metrics")
	}
}

// A client must not take a part of an answer for all of it.
func TestAnAnswerThatIsAbortedIsNotCompleted(t *testing.T) {
	for name, test := range map[string]struct {
		handler func(http.ResponseWriter)
		logged  string
	}{
		"on purpose":             {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, `"status":500`},
		"on purpose, in between": {func(w http.ResponseWriter) { _, _ = w.Write([]byte("a part")); panic(http.ErrAbortHandler) }, `"status":200`},
		"by a mistake":           {func(w http.ResponseWriter) { _, _ = w.Write([]byte("a part")); panic("mistake") }, "mistake in the program"},
	} {
		t.Run(name, func(t *testing.T) {
			var written bytes.Buffer
			log := ops.Log{Logger: slog.New(slog.NewJSONHandler(&written, nil)), Which: ops.LogAll}
			server := httptest.NewServer(ops.Observe(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { test.handler(w) }), ops.NewMetrics(nil, nil), log))
			defer server.Close()
			response, err := http.Get(server.URL)
			if err == nil {
				_, err = io.ReadAll(response.Body)
				response.Body.Close()
			}
			if err == nil {
				t.Error("the answer was completed")
			}
			server.Close()
			if !strings.Contains(written.String(), test.logged) {
				t.Errorf("%q is not in the log:\n%s", test.logged, &written)
			}
		})
	}
}

func TestTheLogContainsNoVisits(t *testing.T) {
	const secret = "hush"
	handlers := map[string]http.HandlerFunc{
		"GET /fine/{what}":   func(http.ResponseWriter, *http.Request) {},
		"GET /failed/{what}": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"GET /broken/{what}": func(_ http.ResponseWriter, r *http.Request) { panic(r.URL.String()) },
	}
	for _, test := range []struct {
		which  ops.AccessLog
		target string
		lines  int
		status int
	}{
		{ops.LogNone, "/fine/hush?hush", 0, http.StatusOK},
		{ops.LogErrors, "/fine/hush?hush", 0, http.StatusOK},
		{ops.LogAll, "/fine/hush?hush", 1, http.StatusOK},
		{ops.LogErrors, "/failed/hush?hush", 1, http.StatusInternalServerError},
		{ops.LogErrors, "/broken/hush?hush", 2, http.StatusInternalServerError},
		{ops.LogNone, "/broken/hush?hush", 1, http.StatusInternalServerError},
	} {
		var written bytes.Buffer
		mux := http.NewServeMux()
		for pattern, handler := range handlers {
			mux.Handle(pattern, handler)
		}
		log := ops.Log{
			Logger: slog.New(slog.NewJSONHandler(&written, nil)), Which: test.which,
			Client: func(*http.Request) string { return "client-1" },
		}
		recorder := httptest.NewRecorder()
		request := httptest.NewRequest(http.MethodGet, test.target, nil)
		request.Header.Set("Cookie", "__Host-referral="+secret)
		request.Header.Set("X-Forwarded-For", "203.0.113.7")
		ops.Observe(mux, ops.NewMetrics(nil, nil), log).ServeHTTP(recorder, request)
		if recorder.Code != test.status || strings.Count(written.String(), "\n") != test.lines {
			t.Errorf("%s with log %s: status %d and\n%s", test.target, test.which, recorder.Code, &written)
		}
		for _, private := range []string{secret, "203.0.113.7", request.RemoteAddr} {
			if strings.Contains(written.String(), private) {
				t.Errorf("%s with log %s: %q is in\n%s", test.target, test.which, private, &written)
			}
		}
	}
}

func TestTheServersOwnLogNamesNoAddress(t *testing.T) {
	var written bytes.Buffer
	log := ops.ServerLog(slog.New(slog.NewJSONHandler(&written, nil)))
	log.Print("http: TLS handshake error from 203.0.113.7:5353: EOF")
	log.Print("http: TLS handshake error from [2001:db8::7]:5353: EOF")
	if got := written.String(); strings.Contains(got, "203.0") || strings.Contains(got, "2001:") || strings.Count(got, "from a client") != 2 {
		t.Error(got)
	}
}

// Without --ops-listen every visitor can request the metrics.
func TestFewScrapesAreAnsweredAtATime(t *testing.T) {
	const answered = 4
	metrics := ops.NewMetrics(nil, nil)
	scraping, finish := make(chan struct{}), make(chan struct{})
	finishAll := sync.OnceFunc(func() { close(finish) })
	metrics.WatchQueue(ops.Queue{
		Written: func() uint64 { scraping <- struct{}{}; <-finish; return 0 },
		Shed:    func() uint64 { return 0 }, Refused: func() uint64 { return 0 }, Depth: func() int { return 0 },
	})
	mux := http.NewServeMux()
	metrics.Register(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	defer finishAll()
	get := func() int {
		response, err := http.Get(server.URL + "/metrics")
		if err != nil {
			t.Error(err)
			return 0
		}
		defer response.Body.Close()
		_, _ = io.Copy(io.Discard, response.Body)
		return response.StatusCode
	}
	statuses := make(chan int)
	for range answered {
		go func() { statuses <- get() }()
		<-scraping
	}
	go func() { statuses <- get() }()
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
	for range answered {
		if status := <-statuses; status != http.StatusOK {
			t.Errorf("a scrape is answered %d", status)
		}
	}
}
