package api

import (
	"context"
	"log/slog"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"golang.org/x/sync/semaphore"
	"golang.org/x/time/rate"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/intake"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

const (
	bodyLimit  = 1 << 20
	batchLimit = 4 << 20

	// Bytes of bodies in flight; a body takes a few times as many until it is recorded, and the answer
	// with a new fact no more than that. Those of at most smallBody have a budget of their own.
	smallBody   = 64 << 10
	smallBodies = 4 << 20
	largeBodies = batchLimit + smallBody // room to find out that a body is longer than batchLimit
	// mostTrees is how many bodies, or facts of batches, are parsed and checked at a time. Each takes
	// up to 4 MiB meanwhile; see mostValues.
	mostTrees = 4
)

// patience is how long a request waits for the database: less than most callers' own timeout.
var patience = 15 * time.Second

// Options of the API.
type Options struct {
	Store   *facts.Store
	Explain func(ctx context.Context, userID string) (explain.Explanation, error)

	Tokens func() *Tokens       // in force now
	Keys   func() *visitor.Keys // in force now

	PublicURL string // of the tracker; links begin with it
	Version   string // of this program, for the document
	Log       *slog.Logger

	// LinkMade is called with the code of a new link; may be nil.
	LinkMade func(code string)

	// TokenRefused is called with the reason why a visitor's token is invalid; may be nil.
	TokenRefused func(reason visitor.Reason)
}

// api is the state behind the handlers.
type api struct {
	Options
	huma                  huma.API
	kinds                 map[string]*shape // of the facts of a batch
	outage, lack, refusal rate.Sometimes    // limit log lines
	bodies                *intake.Bodies
	trees                 trees

	reads, repetitions *semaphore.Weighted // the bytes that large answers may take; see answers.go
	waiting            *semaphore.Weighted // how many repetitions may wait for these
}

// Register adds the API to a mux: everything under /v1/, /openapi.json and /docs.
func Register(mux *http.ServeMux, options Options) { register(mux, options) }

func register(mux *http.ServeMux, options Options) *api {
	if options.TokenRefused == nil {
		options.TokenRefused = func(visitor.Reason) {}
	}
	if options.LinkMade == nil {
		options.LinkMade = func(string) {}
	}
	options.PublicURL = strings.TrimSuffix(options.PublicURL, "/")
	a := &api{
		Options: options, outage: rate.Sometimes{Interval: logInterval}, lack: rate.Sometimes{Interval: logInterval}, refusal: rate.Sometimes{Interval: logInterval},
		bodies: intake.NewBodies(smallBody, smallBodies, largeBodies),
		trees:  make(trees, mostTrees),

		reads: semaphore.NewWeighted(largeReads), repetitions: semaphore.NewWeighted(longFacts),
		waiting: semaphore.NewWeighted(mostWaiting),
	}
	a.huma = humago.New(recoveringMux{mux, a.Log}, configuration(options))
	a.huma.UseMiddleware(a.guard)
	// The schema of attributes, which this program keeps as text.
	a.huma.OpenAPI().Components.Schemas.RegisterTypeAlias(reflect.TypeFor[facts.Attributes](), reflect.TypeFor[map[string]any]())
	a.registerFacts()
	a.registerBatch()
	a.registerReads()
	describeProblems(a.huma.OpenAPI().Components.Schemas)
	registerDocs(mux, a.huma.OpenAPI())
	mux.HandleFunc("/v1/", nowhere(mux))
	return a
}

func configuration(options Options) huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Facts for referral-operator", Version: options.Version,
				Description: "Records links, signups, purchases, refunds, actions and redemptions; reads links, balances and credits; explains them; and erases users. " +
					"Every write is idempotent by the natural key of its fact: the same body again answers 200 with the stored fact, " +
					"another value under the same key 409 with the fields that differ; fields that are left out are not compared. " +
					"201 means committed. After 503 send the same body again. Money is in minor units of its currency. " +
					"A text of up to 255 characters may have up to 765 bytes in UTF-8.",
			},
			Servers:  []*huma.Server{{URL: options.PublicURL}},
			Security: []map[string][]string{{"token": {}}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"token": {Type: "http", Scheme: "bearer", Description: "One of the tracker's API tokens."},
				},
			},
		},
		Formats:                      map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}
}

// schemaName gives types of the same name in different packages different names.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.PkgPath() == reflect.TypeFor[explain.Explanation]().PkgPath() && t != reflect.TypeFor[explain.Explanation]() {
		return "Explained" + name
	}
	return name
}

// nowhere answers requests for paths under /v1/ without an operation.
func nowhere(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, detail := http.StatusNotFound, "there is no such path: see /docs"
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			other := &http.Request{Method: method, URL: r.URL, Host: r.Host}
			if _, pattern := mux.Handler(other); strings.HasPrefix(pattern, method+" ") {
				allowed = append(allowed, method)
			}
		}
		if len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
			status, detail = http.StatusMethodNotAllowed, "this path does not take "+methodName(r.Method)
		}
		writeProblem(w, problem(status, detail))
	}
}
