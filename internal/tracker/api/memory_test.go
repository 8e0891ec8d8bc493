package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
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
