package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// quoted is a text as JSON has it.
func quoted(t *testing.T, text string) string {
	t.Helper()
	literal, err := json.Marshal(text)
	testworld.Must(t, err)
	return string(literal)
}

// SQL and HTTP take the same for a code, whatever Go would make of it.
func TestCodesAreReadAsTheDatabaseReadsThem(t *testing.T) {
	for _, code := range []string{"abc", " ABC ", "\n\v\f\rAbc\t", "ΟΔΟΣ", "İSTANBUL", "STRAẞE", "\u00a0ABC", "\u2003abc\u2003"} {
		t.Run(code, func(t *testing.T) {
			w := newWorld(t)
			given := quoted(t, code)
			w.post(signups, fmt.Sprintf(`{"user_id": "u", "code": %s}`, given), http.StatusCreated)
			w.post("/v1/actions", fmt.Sprintf(`{"user_id": "other", "action": "view", "code": %s}`, given), http.StatusCreated)
			_, err := w.operator.Exec(t.Context(), `INSERT INTO referral.signup (user_id, code) VALUES ('by SQL', $1)`, code)
			testworld.Must(t, err)
			w.expect("codes", `SELECT (SELECT referral.normal_code(code) FROM referral.signup WHERE user_id = 'u') = referral.normal_code(code),
			                          (SELECT code FROM referral.action) = referral.normal_code(code)
			                     FROM referral.signup WHERE user_id = 'by SQL'`, "true true")
		})
	}
}

func TestSpellingsOfACodeAreEqual(t *testing.T) {
	w := newWorld(t)
	spellings := []string{"abc", " ABC\t", "Abc"}
	for i, code := range spellings {
		status := http.StatusOK
		if i == 0 {
			status = http.StatusCreated
		}
		given := quoted(t, code)
		w.post(signups, fmt.Sprintf(`{"user_id": "u", "code": %s}`, given), status)
		w.post("/v1/actions", fmt.Sprintf(`{"user_id": "u", "action_id": "a", "action": "view", "code": %s}`, given), status)
		w.post("/v1/links", fmt.Sprintf(`{"code": %s, "campaign": "c", "referrer_id": "r"}`, given), status)
	}
	// The same where SQL wrote it.
	_, err := w.operator.Exec(t.Context(), "INSERT INTO referral.signup (user_id, code) VALUES ('v', ' ΟΔΟΣ')")
	testworld.Must(t, err)
	w.post(signups, `{"user_id": "v", "code": "ΟΔΟΣ "}`, http.StatusOK)
	got := w.post(signups, `{"user_id": "v", "code": "other"}`, http.StatusConflict)
	if diff := cmp.Diff([]string{"body.code"}, got.places(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.expect("link", "SELECT code FROM referral.link", "abc")
	if diff := cmp.Diff([]string{"abc"}, w.made); diff != "" {
		t.Errorf("links made (-want +got):\n%s", diff)
	}
}

func TestBlankCodeIsLeftOut(t *testing.T) {
	w := newWorld(t)
	w.post(signups, `{"user_id": "u", "code": " \t"}`, http.StatusCreated)
	w.post(signups, `{"user_id": "u"}`, http.StatusOK)
	w.post(signups, `{"user_id": "u", "code": ""}`, http.StatusOK)
	w.post("/v1/actions", `{"user_id": "u", "action": "view", "code": " \n"}`, http.StatusCreated)
	w.post("/v1/links", `{"code": "  ", "campaign": "c", "referrer_id": "r"}`, http.StatusCreated)
	w.expect("signup", "SELECT code IS NULL FROM referral.signup", "true")
	w.expect("action", "SELECT code IS NULL FROM referral.action", "true")
	w.expect("link", "SELECT length(code) FROM referral.link", "13")
}
