package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// erasure is the state of an erasure as it is answered.
type erasure struct {
	UserID      string     `json:"user_id"`
	RequestedAt time.Time  `json:"requested_at"`
	CompletedAt *time.Time `json:"completed_at"`
	URL         string     `json:"url"`
}

func TestErasingAUser(t *testing.T) {
	w := newWorld(t)
	const (
		signup   = `{"user_id": "u", "visitor_id": "v", "code": "abc", "fingerprints": ["f"], "attributes": {"plan": "pro"}}`
		purchase = `{"user_id": "u", "purchase_id": "p", "amount": 100, "currency": "USD", "attributes": {"sku": "sofa"}}`
		action   = `{"user_id": "u", "visitor_id": "v", "action_id": "a", "action": "view"}`
	)
	w.post(signups, signup, http.StatusCreated)
	w.post(purchases, purchase, http.StatusCreated)
	w.post("/v1/actions", action, http.StatusCreated)
	erase := func(id string) {
		t.Helper()
		got := w.send(http.MethodDelete, "/v1/users/"+id, "")
		if got.status != http.StatusAccepted || !strings.HasSuffix(got.header.Get("Location"), "/v1/users/"+id+"/erasure") {
			t.Errorf("erasing %s: %d %v %s", id, got.status, got.header, got.body)
		}
	}
	completed := func(id string, want bool) {
		t.Helper()
		var is erasure
		w.get("/v1/users/"+id+"/erasure", &is)
		if is.UserID == "" || !strings.HasSuffix(is.URL, "/v1/users/"+id+"/erasure") || is.RequestedAt.IsZero() || (is.CompletedAt != nil) != want {
			t.Errorf("the erasure of %s: %+v", id, is)
		}
	}
	if got := w.send(http.MethodGet, "/v1/users/u/erasure", ""); got.status != http.StatusNotFound {
		t.Errorf("an erasure that was not requested: %d %s", got.status, got.body)
	}
	erase("u") // no fact of the user has been decided yet
	completed("u", false)
	erase("u")
	erase("user%20two%2F")
	erase("%2E%2E")
	w.converge()
	completed("u", true)
	completed("%2E%2E", true)
	completed("user%20two%2F", true)
	w.expect("signup", "SELECT visitor_id IS NULL, code, fingerprints::text, attributes::text FROM referral.signup", "true abc {} {}")
	w.expect("purchase", "SELECT amount, attributes::text FROM referral.purchase", "100 {}")

	// A retried write is answered with what is there, and nothing that was erased comes back.
	w.post(signups, signup, http.StatusOK)
	w.post(purchases, purchase, http.StatusOK)
	w.post("/v1/actions", action, http.StatusOK)
	w.post(signups, `{"user_id": "u", "code": "other", "attributes": {}}`, http.StatusConflict)
	w.expect("signup", "SELECT visitor_id IS NULL, code, fingerprints::text, attributes::text FROM referral.signup", "true abc {} {}")
}

// SQL may request an erasure at a time that RFC 3339 cannot express.
func TestErasureRequestedInAnyYearIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.exec(`INSERT INTO referral.erasure (user_id, requested_at) VALUES ('late', to_timestamp(1764547200000)), ('early', '4000-01-01 BC')`)
	state := func(user string) (is erasure) {
		w.get("/v1/users/"+user+"/erasure", &is)
		return is
	}
	for user, requestedAt := range map[string]time.Time{"late": postgres.LatestTime, "early": postgres.EarliestTime} {
		if is := state(user); !is.RequestedAt.Equal(requestedAt) || is.CompletedAt != nil {
			t.Errorf("the erasure of %s: %+v", user, is)
		}
		if got := w.send(http.MethodDelete, "/v1/users/"+user, ""); got.status != http.StatusAccepted {
			t.Errorf("erasing %s: %d %s", user, got.status, got.body)
		}
	}
	w.converge()
	w.exec("UPDATE referral.erasure_progress SET completed_at = 'infinity' WHERE user_id = 'early'")
	for _, user := range []string{"late", "early"} {
		if state(user).CompletedAt == nil {
			t.Errorf("the erasure of %s is not completed", user)
		}
	}
}

// SQL may write what HTTP refuses, also after an erasure.
func TestErasedFactThatIsLargeAgainIsNotRead(t *testing.T) {
	w := newWorld(t)
	w.post(signups, `{"user_id": "u", "attributes": {"a": 1}}`, http.StatusCreated)
	w.post(purchases, `{"user_id": "u", "purchase_id": "p", "amount": 1, "currency": "USD", "attributes": {"a": 1}}`, http.StatusCreated)
	w.send(http.MethodDelete, "/v1/users/u", "")
	w.converge()
	w.expect("erased", "SELECT s.blanked, p.blanked FROM referral.signup AS s, referral.purchase AS p", "true true")
	for _, test := range []struct{ sql, target, body, place string }{
		{
			"UPDATE referral.signup SET attributes = jsonb_build_object('x', repeat('x', 3000000))",
			signups, `{"user_id": "u"}`, "body.attributes",
		},
		{
			"UPDATE referral.signup SET attributes = '{}', fingerprints = ARRAY[repeat('x', 100000)]",
			signups, `{"user_id": "u", "attributes": {"a": 1}}`, "body.fingerprints",
		},
		{
			"UPDATE referral.purchase SET attributes = jsonb_build_object('x', repeat('x', 3000000))",
			purchases, `{"user_id": "u", "purchase_id": "p", "amount": 1, "currency": "USD"}`, "body.attributes",
		},
	} {
		w.exec(test.sql)
		got := w.post(test.target, test.body, http.StatusConflict)
		if diff := cmp.Diff([]string{test.place}, got.places(t)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.sql, diff)
		}
	}
}
