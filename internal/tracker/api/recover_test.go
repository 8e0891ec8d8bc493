package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
)

func TestMistakeOfTheProgramAnswers500WithAProblem(t *testing.T) {
	const hidden = "a-fact"
	for name, mistake := range map[string]func() (explain.Explanation, error){
		"a panic": func() (explain.Explanation, error) { panic(hidden) },
		"an answer that JSON cannot hold": func() (explain.Explanation, error) {
			return explain.Explanation{UserID: hidden, Attribution: &explain.Attribution{TouchedAt: time.Date(11000, 1, 1, 0, 0, 0, 0, time.UTC)}}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.explain = mistake
			got := w.send(http.MethodGet, "/v1/users/u/explanation", "")
			if got.status != http.StatusInternalServerError || got.problem(t).Detail == "" {
				t.Errorf("got %d %s", got.status, got.body)
			}
			log := w.logged.String()
			if !strings.Contains(log, "explanation") || !strings.Contains(log, "goroutine") || strings.Contains(log, hidden) {
				t.Errorf("logged: %s", log)
			}
		})
	}
}

func TestPurchaseWhoseHoldEndsAfterTheYear9999IsExplained(t *testing.T) {
	w := newWorld(t)
	terms := migrated.FiveDollars()
	terms.HoldPeriod = 720 * time.Hour
	migrated.Declare(w, w.operator, "c", terms)
	w.post("/v1/links", `{"campaign": "c", "referrer_id": "ann", "code": "ann1"}`, http.StatusCreated)
	w.post(signups, `{"user_id": "bob", "code": "ann1"}`, http.StatusCreated)
	w.post(purchases, `{"user_id": "bob", "purchase_id": "p", "amount": 2500, "currency": "USD", "purchased_at": "9999-12-30T00:00:00Z"}`, http.StatusCreated)
	w.converge()
	for _, path := range []string{"/v1/users/bob/explanation", "/v1/referrers/ann/credits", "/v1/referrers/ann/balance", "/v1/referrers/ann/links"} {
		if got := w.send(http.MethodGet, path, ""); got.status != http.StatusOK {
			t.Errorf("%s: %d %.300s", path, got.status, got.body)
		}
	}
}

// The user is set aside until its facts, the terms or the operator change.
func TestUserWhoCannotBeDecidedIsNotExplained(t *testing.T) {
	w := newWorld(t)
	w.declare("c")
	w.post("/v1/links", `{"campaign": "c", "referrer_id": "ann", "code": "ann1"}`, http.StatusCreated)
	w.post(signups, `{"user_id": "bob", "code": "ann1"}`, http.StatusCreated)
	w.post(purchases, `{"user_id": "bob", "purchase_id": "p", "amount": 2500, "currency": "USD"}`, http.StatusCreated)
	_, err := w.operator.Exec(t.Context(), `UPDATE referral.revision SET terms = jsonb_set(terms, '{condition}', '"of a newer version"'); UPDATE referral.meta SET epoch = epoch + 1`)
	testworld.Must(w, err)
	w.converge()
	got := w.send(http.MethodGet, "/v1/users/bob/explanation", "")
	if got.status != http.StatusUnprocessableEntity || !strings.Contains(got.body, "cannot be decided: the table set_aside says why") {
		t.Errorf("%d %.300s", got.status, got.body)
	}
}
