package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

const mixed = `{"facts": [
	{"kind": "purchase", "user_id": "u", "purchase_id": "p1", "amount": 100, "currency": "USD", "attributes": {"n": 1}},
	{"kind": "signup", "user_id": "u", "visitor": "r1.forged", "code": "ABC"},
	{"kind": "refund", "user_id": "u", "purchase_id": "p1", "refund_id": "r", "amount": 50},
	{"kind": "action", "visitor_id": "v", "action": "view", "target": "sofa"},
	{"kind": "purchase", "user_id": "u", "purchase_id": "p1", "amount": 100, "currency": "USD"}
]}`

func statuses(t *testing.T, body string) (statuses []int) {
	t.Helper()
	var got struct{ Results []struct{ Status int } }
	testworld.Must(t, json.Unmarshal([]byte(body), &got))
	for _, result := range got.Results {
		statuses = append(statuses, result.Status)
	}
	return statuses
}

func TestABatchOfAllKindsIsRecordedOnce(t *testing.T) {
	w := newWorld(t)
	first := w.post("/v1/batch", mixed, http.StatusCreated).body
	if diff := cmp.Diff([]int{201, 201, 201, 201, 200}, statuses(t, first)); diff != "" {
		t.Errorf("the first time (-want +got):\n%s", diff)
	}
	if !strings.Contains(first, "visitor was left out") {
		t.Errorf("no warning: %s", first)
	}
	again := w.post("/v1/batch", mixed, http.StatusOK).body
	if diff := cmp.Diff([]int{200, 200, 200, 200, 200}, statuses(t, again)); diff != "" {
		t.Errorf("the second time (-want +got):\n%s", diff)
	}
	w.expect("signup", "SELECT user_id, visitor_id IS NULL, code FROM referral.signup", "u true abc")
	w.expect("purchase", "SELECT count(*), sum(amount)::bigint FROM referral.purchase", "1 100")
}

func TestABatchWithOneConflictRecordsNothing(t *testing.T) {
	w := newWorld(t)
	w.post(purchases, `{"user_id": "u", "purchase_id": "p1", "amount": 99, "currency": "USD"}`, http.StatusCreated)
	got := w.post("/v1/batch", mixed, http.StatusConflict)
	if diff := cmp.Diff([]string{"body.facts[0].amount", "body.facts[0].attributes", "body.facts[4].amount"}, got.places(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.expect("signups", "SELECT count(*) FROM referral.signup", "0")
	w.expect("refunds", "SELECT count(*) FROM referral.refund", "0")
	w.expect("actions", "SELECT count(*) FROM referral.action", "0")
}

func TestABatchThatConflictsWithItself(t *testing.T) {
	w := newWorld(t)
	got := w.post("/v1/batch", `{"facts": [
		{"kind": "refund", "user_id": "u", "purchase_id": "p", "refund_id": "r", "amount": 1},
		{"kind": "refund", "user_id": "u", "purchase_id": "p", "refund_id": "r", "amount": 2}]}`, http.StatusConflict)
	if diff := cmp.Diff([]string{"body.facts[1].amount"}, got.places(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.expect("refunds", "SELECT count(*) FROM referral.refund", "0")
}

func TestABatchNamesTheFieldOfTheFact(t *testing.T) {
	w := newWorld(t)
	var all []string
	for i := range 1000 {
		amount := "100"
		if i == 17 || i == 999 {
			amount = "1.5"
		}
		all = append(all, fmt.Sprintf(`{"kind": "purchase", "user_id": "u%d", "purchase_id": "p", "amount": %s, "currency": "USD"}`, i, amount))
	}
	body := `{"facts": [` + strings.Join(all, ",") + `]}`
	got := w.post("/v1/batch", body, http.StatusUnprocessableEntity)
	if diff := cmp.Diff([]string{"body.facts[17].amount", "body.facts[999].amount"}, got.places(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	w.expect("purchases", "SELECT count(*) FROM referral.purchase", "0")
	w.post("/v1/batch", strings.ReplaceAll(body, "1.5", "15"), http.StatusCreated)
	w.expect("purchases", "SELECT count(*) FROM referral.purchase", "1000")
}

func TestConflictsOfABatchNameTheFirstFactsThatDiffer(t *testing.T) {
	w := newWorld(t)
	var stored, given []string
	for i := range 30 {
		attributes := `{"a": "short"}`
		if i == 1 {
			attributes = `{"a": "` + strings.Repeat("x", 60_000) + `"}`
		}
		// The first in the batch have the last keys.
		fact := fmt.Sprintf(`{"kind": "purchase", "user_id": "u", "purchase_id": "%d", "amount": 1, "currency": "USD", "attributes": `, 99-i)
		stored, given = append(stored, fact+attributes+"}"), append(given, fact+`{"a": 1}}`)
	}
	w.post("/v1/batch", `{"facts": [`+strings.Join(stored, ",")+`]}`, http.StatusCreated)
	got := w.post("/v1/batch", `{"facts": [`+strings.Join(given, ",")+`]}`, http.StatusConflict).problem(t)
	if len(got.Errors) != 20 || !strings.HasPrefix(got.Detail, "30 of the facts ") {
		t.Fatalf("%+v", got)
	}
	for i, e := range got.Errors {
		if want := fmt.Sprintf("body.facts[%d].attributes", i); e.Location != want {
			t.Errorf("%s, want %s", e.Location, want)
		}
		if long := i == 1; (e.Value == nil) != long {
			t.Errorf("%s is stored as %v", e.Location, e.Value)
		}
	}
}
