package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func document(t *testing.T) (handler http.Handler, text string) {
	t.Helper()
	w := &world{TB: t}
	config, err := postgres.ParseConfig("postgres://shop:shop@127.0.0.1:1/shop?sslmode=disable", nil)
	testworld.Must(t, err)
	unused := unreachable(t, config)
	w.serve(unused, unused)
	got := w.sendAs("", http.MethodGet, "/openapi.json", "")
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/json" {
		t.Fatalf("got %d %v", got.status, got.header)
	}
	return w.handler, got.body
}

func TestDocumentIsValidAndComplete(t *testing.T) {
	_, text := document(t)
	var doc struct {
		OpenAPI    string
		Paths      map[string]map[string]operation
		Components struct{ Schemas map[string]any }
	}
	testworld.Must(t, json.Unmarshal([]byte(text), &doc))
	if !strings.HasPrefix(doc.OpenAPI, "3.1.") {
		t.Errorf("it is of OpenAPI %s", doc.OpenAPI)
	}
	var operations []string
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			operations = append(operations, strings.ToUpper(method)+" "+path)
			op.check(t, method+" "+path)
			if ids[op.OperationID] {
				t.Errorf("two operations are %s", op.OperationID)
			}
			ids[op.OperationID] = true
		}
	}
	slices.Sort(operations)
	want := []string{
		"DELETE /v1/users/{id}",
		"GET /v1/referrers/{id}/balance", "GET /v1/referrers/{id}/credits", "GET /v1/referrers/{id}/links", "GET /v1/users/{id}/erasure", "GET /v1/users/{id}/explanation",
		"POST /v1/actions", "POST /v1/batch", "POST /v1/links", "POST /v1/purchases", "POST /v1/redemptions", "POST /v1/refunds", "POST /v1/signups",
	}
	if diff := cmp.Diff(want, operations); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	for _, foreign := range []string{"example.com", "thing-id", "items[3]", "foo"} {
		if strings.Contains(text, foreign) {
			t.Errorf("%q is not an example of this API", foreign)
		}
	}
	for _, reference := range regexp.MustCompile(`"(?:\$ref|signup|purchase|refund|action)":"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if doc.Components.Schemas[reference[1]] == nil {
			t.Errorf("there is no schema %s", reference[1])
		}
	}
}

type operation struct {
	OperationID string
	Summary     string
	RequestBody *struct{ Required bool }
	Responses   map[string]any
	Parameters  []struct{ Name, In string }
}

func (op operation) check(t *testing.T, where string) {
	t.Helper()
	if op.OperationID == "" || op.Summary == "" {
		t.Errorf("%s does not say what it is", where)
	}
	want := []string{"401", "422", "500", "503"}
	if strings.HasPrefix(where, "post") {
		want = append(want, "200", "201", "400", "408", "409", "413", "415")
		if op.RequestBody == nil || !op.RequestBody.Required {
			t.Errorf("%s has no body", where)
		}
	}
	for _, status := range want {
		if op.Responses[status] == nil {
			t.Errorf("%s does not tell of %s", where, status)
		}
	}
	for _, name := range regexp.MustCompile(`{(\w+)}`).FindAllStringSubmatch(where, -1) {
		if !slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.Name == name[1] && p.In == "path" }) {
			t.Errorf("%s does not tell of its %s", where, name[1])
		}
	}
}

func TestPageLoadsFromThisServerOnly(t *testing.T) {
	handler, _ := document(t)
	get := func(target string, unpacked bool) answer {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if !unpacked {
			r.Header.Set("Accept-Encoding", "gzip")
		}
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		return answer{status: recorder.Code, header: recorder.Header(), body: recorder.Body.String()}
	}
	got := get("/docs", true)
	page := got.body
	if policy := got.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "http") {
		t.Errorf("the page's policy is %s", policy)
	}
	if strings.Contains(page, "//") {
		t.Errorf("the page asks others:\n%s", page)
	}
	loaded := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(loaded) < 4 {
		t.Errorf("the page loads %v", loaded)
	}
	for _, file := range loaded {
		for _, unpacked := range []bool{true, false} {
			if got := get("/"+file[1], unpacked); got.status != http.StatusOK || len(got.body) < 100 {
				t.Errorf("%s: %d, %d bytes", file[1], got.status, len(got.body))
			}
		}
	}
}

// A browser that keeps to the page's policy shows every operation.
func TestABrowserShowsTheDocument(t *testing.T) {
	handler, _ := document(t)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	browser := testworld.NewBrowser(t, testworld.BrowserOptions{})
	testworld.Must(t, browser.Open(t.Context(), server.URL+"/docs"))
	var shown string
	testworld.Must(t, browser.Evaluate(t.Context(), `new Promise(resolve => {
		const look = () => document.querySelectorAll(".opblock").length >= 12 && resolve(document.body.innerText);
		new MutationObserver(look).observe(document.body, {childList: true, subtree: true});
		look();
	})`, &shown))
	for _, want := range []string{"/v1/purchases", "/v1/batch", "/v1/users/{id}/explanation", "A user bought something"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the page does not show %s:\n%s", want, fmt.Sprintf("%.2000s", shown))
		}
	}
}
