package edge_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// discard is a response writer that drops everything.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}

// BenchmarkFollow is what one redirect costs beside what net/http costs.
func BenchmarkFollow(b *testing.B) {
	w := newWorld(b)
	w.browser().do("GET", "/r/ann1")
	returning := w.keys.Seal(visitor.New().Touched(visitor.NewTouch("bob1", w.now()), 1<<50), w.now(), 1<<50)
	for name, cookie := range map[string]string{"new": "", "returning": cookieName + "=" + returning} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/r/ann1", nil)
			if cookie != "" {
				r.Header.Set("Cookie", cookie)
			}
			answer := &discard{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(answer.header)
				w.ServeHTTP(answer, r)
			}
		})
	}
}

// BenchmarkCapture is what a gateway's question about a page costs.
func BenchmarkCapture(b *testing.B) {
	w := newWorld(b)
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/capture", nil)
	r.RemoteAddr = gateway
	r.Header.Set("X-Original-URL", "https://shop.example/item?page=1")
	answer := &discard{header: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		clear(answer.header)
		w.ServeHTTP(answer, r)
	}
}
