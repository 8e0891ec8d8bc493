package api_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/api"
)

func TestBytesOfBodiesInFlightAreBounded(t *testing.T) {
	w := newWorld(t)
	batch := `{"facts": [{"kind": "purchase", "user_id": "u", "purchase_id": "large", "amount": 1, "currency": "USD"}` +
		strings.Repeat(" ", 3<<20) + `]}`
	rest, sending := io.Pipe()
	slow := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/batch", rest)
	slow.Header.Set("Authorization", "Bearer "+secret)
	slow.Header.Set("Content-Length", "3600000")
	answered := make(chan answer)
	go func() { answered <- w.do(slow) }()
	_, _ = io.WriteString(sending, batch[:1<<20])

	refused := w.post("/v1/batch", batch, http.StatusServiceUnavailable)
	if refused.header.Get("Retry-After") == "" {
		t.Errorf("%v %s", refused.header, refused.body)
	}
	w.post("/v1/purchases", `{"user_id": "u", "purchase_id": "small", "amount": 1, "currency": "USD"}`, http.StatusCreated)

	_, _ = io.WriteString(sending, batch[1<<20:])
	_ = sending.Close()
	if got := <-answered; got.status != http.StatusCreated {
		t.Errorf("the large body: %d %s", got.status, got.body)
	}
	w.post("/v1/batch", batch, http.StatusOK)
}

// A fact stays in memory until its statement has ended, also if its caller is gone. A statement waits
// for a lock for a second, so a slow machine may need some attempts to have four that wait at once.
func TestBytesOfAFactAreChargedUntilItsWriteHasEnded(t *testing.T) {
	w := newWorld(t)
	space := strings.Repeat(" ", 1<<20-200)
	refund := `{"user_id": "u", "purchase_id": "p", "refund_id": "r", "amount": 1}` + space
	for attempt := 1; ; attempt++ {
		if status, waited := w.sendBesideFourThatWait(space, refund); waited {
			if status != http.StatusServiceUnavailable {
				t.Errorf("got %d", status)
			}
			break
		}
		if attempt == 100 {
			t.Fatal("there were never four facts that wait at once")
		}
	}
	for range 3000 {
		if w.send(http.MethodPost, "/v1/refunds", refund).status == http.StatusCreated {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the bytes are still charged")
}

// sendBesideFourThatWait returns the status of a refund that is sent while four large facts, whose
// callers are gone, wait for a lock. It reports whether all four waited until the refund was answered.
func (w *world) sendBesideFourThatWait(space, refund string) (status int, waited bool) {
	w.Helper()
	lock, err := w.operator.Begin(w.Context())
	testworld.Must(w, err)
	defer lock.Rollback(w.Context())
	_, err = lock.Exec(w.Context(), "LOCK TABLE referral.purchase, referral.signup")
	testworld.Must(w, err)

	ctx, cancel := context.WithCancel(w.Context())
	var group sync.WaitGroup
	leave := func() { cancel(); group.Wait() }
	defer leave()
	for n, body := range []string{
		`{"user_id": "0", "attributes": {"a":%s1}}`, `{"user_id": "1", "attributes": {"a":%s1}}`,
		`{"user_id": "u", "purchase_id": "2", "amount": 1, "currency": "USD", "attributes": {"a":%s1}}`,
		`{"user_id": "u", "purchase_id": "3", "amount": 1, "currency": "USD", "attributes": {"a":%s1}}`,
	} {
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, []string{signups, purchases}[n/2], strings.NewReader(fmt.Sprintf(body, space)))
		r.Header.Set("Authorization", "Bearer "+secret)
		r.Header.Set("Content-Length", fmt.Sprint(r.ContentLength))
		group.Go(func() { w.handler.ServeHTTP(httptest.NewRecorder(), r) })
		for deadline := time.Now().Add(2 * time.Second); w.waiting() != n+1; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				return 0, false
			}
		}
	}
	leave()
	status = w.send(http.MethodPost, "/v1/refunds", refund).status
	return status, w.waiting() == 4
}

// waiting returns how many statements wait for a lock.
func (w *world) waiting() (n int) {
	w.Helper()
	err := w.operator.QueryRow(w.Context(), `SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
		WHERE NOT granted AND datname = current_database()`).Scan(&n)
	testworld.Must(w, err)
	return n
}

func TestUserWithTooManyPurchasesIsNotExplained(t *testing.T) {
	w := newWorld(t)
	w.declare("friends")
	w.post("/v1/signups", `{"user_id": "many"}`, http.StatusCreated)
	for _, test := range []struct{ purchases, status int }{{2000, http.StatusOK}, {20_000, http.StatusUnprocessableEntity}} {
		_, err := w.operator.Exec(t.Context(), `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
			SELECT 'many', n::text, 1, 'USD' FROM generate_series(1, $1::int) AS n ON CONFLICT DO NOTHING`, test.purchases)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.send(http.MethodGet, "/v1/users/many/explanation", ""); got.status != test.status {
			t.Errorf("%d purchases: %d %.200s", test.purchases, got.status, got.body)
		}
	}
}

// The shortest values take the most memory for their bytes.
func TestBodyOfManyValuesIsRefusedBeforeItsTreeIsBuilt(t *testing.T) {
	w := newWorld(t)
	list := func(value string, bytes int) string {
		return "[" + strings.Repeat(value+",", bytes/(len(value)+1)) + value + "]"
	}
	for _, value := range []string{`{"":0}`, `{}`, `[]`, `""`} {
		for _, request := range []struct{ target, body, place string }{
			{"/v1/batch", `{"facts": ` + list(value, 4<<20-100) + `}`, "body.facts"},
			{"/v1/batch", `{"facts": [{"kind": "purchase", "attributes": {"a": ` + list(value, 4<<20-100) + `}}]}`, "body.facts[0]"},
			{"/v1/batch", `{"facts": [], "more": ` + list(value, 4<<20-100) + `}`, "body"},
			{purchases, purchase(`attributes={"a": ` + list(value, 1<<20-200) + `}`), "body"},
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := w.post(request.target, request.body, http.StatusUnprocessableEntity)
			runtime.ReadMemStats(&after)
			if places := got.places(t); len(places) != 1 || places[0] != request.place {
				t.Errorf("many %s: %v, want %s", value, places, request.place)
			}
			// The body itself, its copies and a tree of mostValues.
			if allocated := (after.TotalAlloc - before.TotalAlloc) >> 20; allocated > 48 {
				t.Errorf("%d bytes with many %s: %d MiB were allocated", len(request.body), value, allocated)
			}
		}
	}
}

func TestFactsOfABatchAreParsedOneByOne(t *testing.T) {
	tree, err := api.ParseBatch([]byte(`{"facts": [{"kind": "signup"}, 1, [[]]]}`))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"facts": []any{nil, nil, nil}}, tree); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAttributesUpToTheirLimitAreRecorded(t *testing.T) {
	w := newWorld(t)
	const largest = 64 << 10
	attributes := func(item string, bytesInPostgres int) string {
		most := (largest - len(`{"a": [], }, `)) / bytesInPostgres
		return `{"a": [` + strings.Repeat(item+",", most-1) + item + `]}`
	}
	for name, all := range map[string]string{
		"numbers": attributes("0", len("0, ")), "texts": attributes(`""`, len(`"", `)),
		"lists": attributes("[]", len("[], ")), "objects": attributes(`{"":0}`, len(`{"": 0, }, `)),
	} {
		fact := `"user_id": "u", "purchase_id": "` + name + `", "amount": 1, "currency": "USD", "attributes": ` + all
		w.post(purchases, "{"+fact+"}", http.StatusCreated)
		w.post("/v1/batch", `{"facts": [`+strings.Repeat(`{"kind": "purchase", `+fact+`},`, 10)+`{"kind": "purchase", `+fact+`}]}`, http.StatusOK)
	}
	w.expect("purchases", "SELECT count(*) FROM referral.purchase WHERE length(attributes::text) > 30000", "4")
}

func TestBatchOfTheMostFactsIsRecorded(t *testing.T) {
	w := newWorld(t)
	facts := make([]string, 1000)
	for i := range facts {
		facts[i] = fmt.Sprintf(`{"kind": "purchase", "user_id": "u", "purchase_id": "%d", "amount": 1, "currency": "USD", "attributes": {"note": %q, "list": [%s0]}}`,
			i, strings.Repeat("x", 1500), strings.Repeat("0,", 1000))
	}
	w.post("/v1/batch", `{"facts": [`+strings.Join(facts, ",")+`]}`, http.StatusCreated)
	w.expect("purchases", "SELECT count(*) FROM referral.purchase", "1000")
}
