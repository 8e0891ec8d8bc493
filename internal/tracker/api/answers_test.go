package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
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

func TestLargeAnswersAreChargedUntilTheyAreWritten(t *testing.T) {
	w := newWorld(t)
	w.explain = func() (explain.Explanation, error) { return explain.Explanation{}, nil }
	long := `{"user_id": "u", "attributes": {"a": "` + strings.Repeat("x", 60_000) + `"}}`
	w.post(signups, long, http.StatusCreated)
	request := func(ctx context.Context, method, target, body string) *http.Request {
		r := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+secret)
		return r
	}
	for name, test := range map[string]struct {
		target string
		most   int // answers at a time
	}{
		"explanations": {"/v1/users/u/explanation", 2},
		"links":        {"/v1/referrers/u/links", 8},
		"credits":      {"/v1/referrers/u/credits", 8},
	} {
		t.Run(name, func(t *testing.T) {
			writing, read, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
			for range test.most {
				go func() {
					w.handler.ServeHTTP(&stalled{httptest.NewRecorder(), writing, read}, request(t.Context(), http.MethodGet, test.target, ""))
					done <- struct{}{}
				}()
				<-writing
			}
			for _, other := range [][3]string{
				{http.MethodGet, "/v1/users/u/explanation"}, {http.MethodGet, "/v1/referrers/u/links"},
				{http.MethodGet, "/v1/referrers/u/credits"}, {http.MethodPost, signups, long},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				got := w.do(request(ctx, other[0], other[1], other[2]))
				cancel()
				if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
					t.Errorf("%s meanwhile: %d %.200s", other[1], got.status, got.body)
				}
			}
			w.post(purchases, purchase("user_id="+`"`+name+`"`), http.StatusCreated)
			close(read)
			for range test.most {
				<-done
			}
			if got := w.send(http.MethodGet, test.target, ""); got.status != http.StatusOK {
				t.Errorf("afterwards: %d %.200s", got.status, got.body)
			}
			w.post(signups, long, http.StatusOK)
		})
	}
}
