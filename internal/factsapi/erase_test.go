package factsapi_test

import (
	"net/http"
	"testing"
)

func TestForgettingSomebody(t *testing.T) {
	w := newWorld(t)
	const (
		signup   = `{"user_id": "u", "visitor": "v", "code": "abc", "fingerprints": ["f"], "attributes": {"plan": "pro"}}`
		purchase = `{"user_id": "u", "purchase_id": "p", "amount": 100, "currency": "USD", "attributes": {"sku": "sofa"}}`
		action   = `{"user_id": "u", "visitor": "v", "action_id": "a", "action": "view"}`
	)
	w.post(signups, signup, http.StatusCreated)
	w.post(purchases, purchase, http.StatusCreated)
	w.post("/v1/actions", action, http.StatusCreated)
	forget := func(id string, want int) {
		t.Helper()
		got := w.send(http.MethodDelete, "/v1/users/"+id, "")
		if got.status != want || want == http.StatusServiceUnavailable && got.header.Get("Retry-After") == "" {
			t.Errorf("forgetting %s: %d %v %s", id, got.status, got.header, got.body)
		}
	}
	forget("u", http.StatusServiceUnavailable) // nobody has decided yet what the facts are worth
	w.converge()
	forget("u", http.StatusNoContent)
	w.converge() // what was blanked is looked at once more
	forget("u", http.StatusNoContent)
	forget("somebody%20else", http.StatusNoContent)
	w.expect("signup", "SELECT visitor_id IS NULL, code, fingerprints::text, attributes::text FROM referral.signup", "true abc {} {}")
	w.expect("purchase", "SELECT amount, attributes::text FROM referral.purchase", "100 {}")

	// Whoever repeats what was written before is told that it is there, and
	// nothing that was forgotten comes back.
	w.post(signups, signup, http.StatusOK)
	w.post(purchases, purchase, http.StatusOK)
	w.post("/v1/actions", action, http.StatusOK)
	w.post(signups, `{"user_id": "u", "code": "other", "attributes": {}}`, http.StatusConflict)
	w.expect("signup", "SELECT visitor_id IS NULL, code, fingerprints::text, attributes::text FROM referral.signup", "true abc {} {}")
}
