package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestPageOfLongItemsEndsBeforeItsLimit(t *testing.T) {
	w := newWorld(t)
	const links = 300
	_, err := w.operator.Exec(t.Context(), `INSERT INTO referral.link (code, campaign, referrer_id, destination)
		SELECT 'c' || i, 'c', 'alice', 'https://mysite.test/' || repeat('😀', 2000) FROM generate_series(1, $1) AS i`, links)
	testworld.Must(t, err)
	seen := map[string]bool{}
	for cursor := ""; ; {
		got := w.send(http.MethodGet, "/v1/referrers/alice/links?limit=1000&cursor="+url.QueryEscape(cursor), "")
		if size := len(got.body); got.status != http.StatusOK || size > 600<<10 {
			t.Fatalf("%d, %d bytes: %.200s", got.status, size, got.body)
		}
		var page struct {
			Links      []struct{ Code string }
			NextCursor string `json:"next_cursor"`
		}
		got.decode(t, &page)
		for _, link := range page.Links {
			seen[link.Code] = true
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
		if len(page.Links) < 50 {
			t.Fatalf("a page of %d links", len(page.Links))
		}
	}
	if len(seen) != links {
		t.Errorf("%d links", len(seen))
	}
}

// stalled is the client of a request that reads none of its answer.
type stalled struct {
	*httptest.ResponseRecorder
	writing chan<- struct{} // is sent a value when the answer begins
	read    <-chan struct{} // closed: the client reads
}

func (s *stalled) Write(content []byte) (int, error) {
	s.writing <- struct{}{}
	<-s.read
	return s.ResponseRecorder.Write(content)
}

func authorized(ctx context.Context, method, target, body string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+secret)
	return r
}

// stall sends a request so many times, from clients that read none of the answer until read is
// called.
func (w *world) stall(times int, method, target, body string) (read func()) {
	writing, reading := make(chan struct{}), make(chan struct{})
	var clients sync.WaitGroup
	for range times {
		clients.Go(func() {
			w.handler.ServeHTTP(&stalled{httptest.NewRecorder(), writing, reading}, authorized(w.Context(), method, target, body))
		})
		<-writing
	}
	return func() {
		close(reading)
		clients.Wait()
	}
}

func TestLargeAnswersAreChargedUntilTheyAreWritten(t *testing.T) {
	w := newWorld(t)
	w.explain = func() (explain.Explanation, error) { return explain.Explanation{}, nil }
	long := `{"user_id": "u", "attributes": {"a": "` + strings.Repeat("x", 60_000) + `"}}`
	w.post(signups, long, http.StatusCreated)
	explanation := [3]string{http.MethodGet, "/v1/users/u/explanation"}
	links := [3]string{http.MethodGet, "/v1/referrers/u/links"}
	credits := [3]string{http.MethodGet, "/v1/referrers/u/credits"}
	repetition := [3]string{http.MethodPost, signups, long}
	reads, repetitions := [][3]string{explanation, links, credits}, [][3]string{repetition}
	for name, test := range map[string]struct {
		request          [3]string
		most             int // answers at a time
		refused, carried [][3]string
	}{
		"explanations":        {explanation, 2, reads, repetitions},
		"links":               {links, 8, reads, repetitions},
		"credits":             {credits, 8, reads, repetitions},
		"repeated long facts": {repetition, 4, repetitions, reads},
	} {
		t.Run(name, func(t *testing.T) {
			read := w.stall(test.most, test.request[0], test.request[1], test.request[2])
			for _, other := range test.refused {
				timeout := time.Minute // repeated facts wait for a second at most
				if other[0] == http.MethodGet {
					timeout = 200 * time.Millisecond
				}
				ctx, cancel := context.WithTimeout(t.Context(), timeout)
				got := w.do(authorized(ctx, other[0], other[1], other[2]))
				cancel()
				if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" ||
					!strings.Contains(got.body, "too many large answers are being sent") {
					t.Errorf("%s meanwhile: %d %.200s", other[1], got.status, got.body)
				}
			}
			for _, other := range test.carried {
				if got := w.send(other[0], other[1], other[2]); got.status != http.StatusOK {
					t.Errorf("%s meanwhile: %d %.200s", other[1], got.status, got.body)
				}
			}
			w.post(purchases, purchase("user_id="+`"`+name+`"`), http.StatusCreated)
			read()
			if got := w.send(test.request[0], test.request[1], test.request[2]); got.status != http.StatusOK {
				t.Errorf("afterwards: %d %.200s", got.status, got.body)
			}
		})
	}
}

// A new fact is committed before it is answered, so its answer must not wait for clients that read
// others.
func TestAnswerWithANewFactWaitsForNoReader(t *testing.T) {
	w := newWorld(t)
	w.explain = func() (explain.Explanation, error) { return explain.Explanation{}, nil }
	attributes := `"attributes": {"a": "` + strings.Repeat("x", 60_000) + `"}`
	w.post(signups, `{"user_id": "stored", `+attributes+`}`, http.StatusCreated)
	defer w.stall(2, http.MethodGet, "/v1/users/u/explanation", "")()
	defer w.stall(4, http.MethodPost, signups, `{"user_id": "stored", `+attributes+`}`)()
	for i := range 10 {
		user := fmt.Sprint("user-", i)
		t.Cleanup(w.stall(1, http.MethodPost, signups, fmt.Sprintf(`{"user_id": %q, "code": "ABC", %s}`, user, attributes)))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		got := w.do(authorized(ctx, http.MethodPost, purchases, fmt.Sprintf(`{"user_id": %q, "purchase_id": "p", "amount": 1, "currency": "USD", %s}`, user, attributes)))
		cancel()
		if got.status != http.StatusCreated || len(got.body) < 60_000 {
			t.Errorf("%d %.200s", got.status, got.body)
		}
	}
	w.expect("signups", "SELECT count(*) FROM referral.signup", "11")
}

// Their bodies are charged while they wait.
func TestRepeatedLongFactsThatWaitKeepNoNewFactAway(t *testing.T) {
	w := newWorld(t)
	long := `{"user_id": "u", "attributes": {"a": "` + strings.Repeat("x", 60_000) + `"}}`
	w.post(signups, long, http.StatusCreated)
	defer w.stall(4, http.MethodPost, signups, long)()
	var clients sync.WaitGroup
	defer clients.Wait()
	for range 80 { // together more than 4 MiB
		answered := make(chan struct{})
		clients.Go(func() {
			defer close(answered)
			got := w.send(http.MethodPost, signups, long)
			if got.status != http.StatusServiceUnavailable || !strings.Contains(got.body, "too many large answers are being sent") {
				t.Errorf("a repeated fact: %d %.200s", got.status, got.body)
			}
		})
		select {
		case <-answered:
		case <-time.After(50 * time.Millisecond): // it waits
		}
	}
	w.post(purchases, purchase(`attributes={"a": "`+strings.Repeat("x", 60_000)+`"}`), http.StatusCreated)
}
