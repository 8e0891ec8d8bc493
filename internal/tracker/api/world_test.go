package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
	"github.com/referral-operator/referral-operator/internal/tracker/api"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

const (
	secret = "a-token-of-the-shop"
)

// world is the API on a migrated database of the test's own, in which it has a writer's rights; and
// the engine.
type world struct {
	testing.TB
	handler  http.Handler
	document *huma.OpenAPI // every answer is compared with it
	operator *postgres.DB
	own      *testworld.Database
	engine   *engine.Engine
	keys     *visitor.Keys
	tokens   *api.Tokens // those in force
	refused  []visitor.Reason
	made     []string // codes of new links, as they were told

	explain func() (explain.Explanation, error) // nil: explain.Of
	logged  bytes.Buffer
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{TB: t, own: migrated.New(t)}
	w.operator = migrated.Open(t, w.own.URI)
	writer := migrated.Open(t, w.own.WriterURI)
	w.serve(writer, writer)
	w.engine = engine.New(w.operator, engine.Options{OwnerUID: migrated.Owner.UID, Log: w.log()})
	return w
}

func (w *world) log() *slog.Logger {
	return slog.New(slog.NewTextHandler(io.MultiWriter(w.Output(), &w.logged), nil))
}

// serve serves the API on a pool for writes and one for reads.
func (w *world) serve(writer, reads *postgres.DB) {
	w.Helper()
	var err error
	w.keys, err = visitor.ParseKeys([]byte(strings.Repeat("ab", 32)))
	testworld.Must(w, err)
	w.tokens, err = api.ParseTokens([]byte("shop: " + secret))
	testworld.Must(w, err)
	mux := http.NewServeMux()
	w.document = api.RegisterAndTell(mux, api.Options{
		Store:  facts.New(writer, reads),
		Tokens: func() *api.Tokens { return w.tokens },
		Keys:   func() *visitor.Keys { return w.keys },
		Explain: func(ctx context.Context, userID string) (explain.Explanation, error) {
			if w.explain != nil {
				return w.explain()
			}
			return explain.Of(ctx, reads, userID)
		},
		PublicURL: "https://go.mysite.test", Version: "test", Log: w.log(),
		LinkMade:     func(code string) { w.made = append(w.made, code) },
		TokenRefused: func(reason visitor.Reason) { w.refused = append(w.refused, reason) },
	})
	w.handler = mux
}

// declare declares a campaign of the product's one sentence.
func (w *world) declare(name string) {
	w.Helper()
	migrated.Declare(w, w.operator, name, migrated.FiveDollars())
}

func (w *world) converge() {
	w.Helper()
	testworld.Must(w, w.engine.Converge(w.Context()))
}

// answer is what a request was answered with.
type answer struct {
	status int
	header http.Header
	body   string
}

// send sends a request with the shop's token.
func (w *world) send(method, target, body string) answer {
	return w.sendAs("Bearer "+secret, method, target, body)
}

func (w *world) sendAs(authorization, method, target, body string) answer {
	r := httptest.NewRequestWithContext(w.Context(), method, target, strings.NewReader(body))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return w.do(r)
}

func (w *world) do(r *http.Request) answer {
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	result := recorder.Result()
	body, err := io.ReadAll(result.Body)
	testworld.Must(w, err)
	if err := api.Conforms(w.document, r, result, body); err != nil {
		w.Errorf("%s %s: %v", r.Method, r.Pattern, err)
	}
	return answer{status: result.StatusCode, header: result.Header, body: string(body)}
}

// post posts a body and expects a status.
func (w *world) post(target, body string, status int) answer {
	w.Helper()
	got := w.send(http.MethodPost, target, body)
	if got.status != status {
		w.Errorf("POST %s %.200s: %d %s, want %d", target, body, got.status, got.body, status)
	}
	return got
}

// get reads JSON into a value.
func (w *world) get(target string, into any) {
	w.Helper()
	got := w.send(http.MethodGet, target, "")
	if got.status != http.StatusOK {
		w.Fatalf("GET %s: %d %s", target, got.status, got.body)
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(got.body)))
	decoder.DisallowUnknownFields()
	testworld.Must(w, decoder.Decode(into))
}

// decode reads the body into a value, which need not have all its fields.
func (a answer) decode(t testing.TB, into any) {
	t.Helper()
	testworld.Must(t, json.Unmarshal([]byte(a.body), into))
}

// problem is a problem as RFC 9457 has it, with the places of its errors.
type problem struct {
	Type   string
	Status int
	Detail string
	Errors []struct {
		Location, Message string
		Value             any
	}
	Available json.Number
}

func (a answer) problem(t testing.TB) (p problem) {
	t.Helper()
	if kind := a.header.Get("Content-Type"); kind != "application/problem+json" {
		t.Errorf("the problem is %s: %s", kind, a.body)
	}
	testworld.Must(t, json.Unmarshal([]byte(a.body), &p))
	if p.Status != a.status {
		t.Errorf("status %d says that it is %d", a.status, p.Status)
	}
	return p
}

// places are where the errors of a problem are.
func (a answer) places(t testing.TB) (places []string) {
	t.Helper()
	for _, e := range a.problem(t).Errors {
		places = append(places, e.Location)
	}
	return places
}

// exec executes a statement as the operator.
func (w *world) exec(sql string, arguments ...any) {
	w.Helper()
	_, err := w.operator.Exec(w.Context(), sql, arguments...)
	testworld.Must(w, err)
}

func (w *world) expect(what, sql string, want ...string) {
	w.Helper()
	if diff := cmp.Diff(append([]string{}, want...), append([]string{}, migrated.Rows(w, w.operator, sql)...)); diff != "" {
		w.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestMain(m *testing.M) { testworld.Main(m) }
