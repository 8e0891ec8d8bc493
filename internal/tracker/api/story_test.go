package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// The product's one sentence, by HTTP alone.
func TestAClickASignupAndAPurchaseEarnFiveDollars(t *testing.T) {
	w := newWorld(t)
	w.declare("invite-friends")
	var link struct{ Code, URL string }
	testworld.Must(t, json.Unmarshal([]byte(w.post("/v1/links", `{"campaign": "invite-friends", "referrer_id": "ann"}`, 201).body), &link))
	if link.URL != "https://go.mysite.test/r/"+link.Code {
		t.Errorf("the link is %s", link.URL)
	}
	w.post("/v1/links", `{"campaign": "invite-friends", "referrer_id": "ann"}`, 200)
	if diff := cmp.Diff([]string{link.Code}, w.made); diff != "" {
		t.Errorf("links told to be new: %s", diff)
	}
	// The touch's row was never written: the token alone knows.
	cookie := visitor.New().Touched(visitor.NewTouch(link.Code, time.Now().Add(-time.Minute)), time.Hour)
	token := w.keys.Seal(cookie, time.Now(), time.Hour)
	w.post("/v1/signups", `{"user_id": "ben", "visitor": "`+token+`"}`, 201)
	w.post("/v1/actions", `{"user_id": "ben", "visitor": "`+token+`", "action": "view", "target": "sofa"}`, 201)
	w.post("/v1/purchases", `{"user_id": "ben", "purchase_id": "o1", "amount": 2500, "currency": "USD"}`, 201)
	w.converge()

	var balance struct {
		BeneficiaryID string `json:"beneficiary_id"`
		Balances      []struct {
			Currency        string
			Available, Held int64
		}
	}
	w.get("/v1/referrers/ann/balance", &balance)
	if len(balance.Balances) != 1 || balance.Balances[0].Available != 500 {
		t.Errorf("got %+v", balance)
	}
	var credits struct {
		Credits []map[string]any
	}
	w.get("/v1/referrers/ann/credits", &credits)
	if len(credits.Credits) != 1 || credits.Credits[0]["state"] != "Granted" || credits.Credits[0]["amount"] != 500.0 {
		t.Errorf("got %v", credits)
	}
	var links struct{ Links []map[string]any }
	w.get("/v1/referrers/ann/links", &links)
	if len(links.Links) != 1 || links.Links[0]["touches"] != 1.0 || !cmp.Equal(links.Links[0]["actions"], map[string]any{"view": 1.0}) {
		t.Errorf("got %v", links)
	}
	var explanation map[string]any
	w.get("/v1/users/ben/explanation", &explanation)
	if attribution, _ := explanation["attribution"].(map[string]any); attribution["referrer_id"] != "ann" {
		t.Errorf("got %v", explanation)
	}

	w.post("/v1/redemptions", `{"beneficiary_id": "ann", "redemption_id": "r1", "amount": 300, "currency": "USD"}`, 201)
	w.post("/v1/refunds", `{"user_id": "ben", "purchase_id": "o1", "refund_id": "f1", "amount": 2500}`, 201)
	w.converge()
	w.get("/v1/referrers/ann/balance", &balance)
	if balance.Balances[0].Available != -300 {
		t.Errorf("after the refund: %+v", balance)
	}
	w.get("/v1/referrers/ann/credits", &credits)
	if len(credits.Credits) != 1 || credits.Credits[0]["state"] != "Reversed" || credits.Credits[0]["reason"] != "Refunded" {
		t.Errorf("after the refund: %v", credits)
	}
	got := w.post("/v1/redemptions", `{"beneficiary_id": "ann", "redemption_id": "r2", "amount": 1, "currency": "USD"}`, 409).problem(t)
	if !strings.HasSuffix(got.Type, ":insufficient-credit") || got.Available != "-300" {
		t.Errorf("got %+v", got)
	}
	w.expect("author of the redemption", "SELECT author, amount FROM referral.redemption", "shop 300")

	if got := w.send(http.MethodDelete, "/v1/users/ben", ""); got.status != http.StatusAccepted || !strings.HasSuffix(got.header.Get("Location"), "/v1/users/ben/erasure") {
		t.Errorf("erasing: %d %v %s", got.status, got.header, got.body)
	}
	w.post("/v1/signups", `{"user_id": "ben", "visitor": "`+token+`"}`, 200)
	w.converge()
	w.expect("what is erased", "SELECT visitor_id IS NULL FROM referral.signup", "true")
	w.expect("violations", "SELECT wrong, what FROM referral.violations()")
}

// As the document says.
func TestCreditsLeaveOutPairsWhoseUserIsNotAttributedAnyMore(t *testing.T) {
	w := newWorld(t)
	w.declare("spring")
	w.post("/v1/links", `{"campaign": "spring", "referrer_id": "ann", "code": "ann1"}`, http.StatusCreated)
	w.post(signups, `{"user_id": "ben", "code": "ann1"}`, http.StatusCreated)
	w.post(purchases, `{"user_id": "ben", "purchase_id": "o1", "amount": 2500, "currency": "USD"}`, http.StatusCreated)
	w.converge()
	_, err := database.ReverseCampaign(t.Context(), w.operator, database.Campaign{OwnerUID: migrated.Owner.UID, Name: "spring", UID: "spring-uid"})
	testworld.Must(t, err)
	w.converge()
	w.expect("pairs", "SELECT user_id, state, reason FROM referral.pair", "ben Reversed CampaignDeleted")
	var credits struct{ Credits []map[string]any }
	if w.get("/v1/referrers/ann/credits", &credits); len(credits.Credits) != 0 {
		t.Errorf("got %v", credits)
	}
}

func TestListOfLinksHasTheMostFrequentActionsOfEachLink(t *testing.T) {
	w := newWorld(t)
	w.post("/v1/links", `{"campaign": "c", "referrer_id": "ann", "code": "abc"}`, http.StatusCreated)
	const names = 160_000 // together they are larger than a row that is read may be
	_, err := w.operator.Exec(t.Context(), `INSERT INTO referral.link_count (code, action, times)
		SELECT 'abc', 'viewed thing number ' || i, i FROM generate_series(1, $1) AS i UNION ALL SELECT 'abc', '', 7`, names)
	testworld.Must(t, err)
	var links struct {
		Links []struct {
			Touches int
			Actions map[string]int
		}
	}
	got := w.send(http.MethodGet, "/v1/referrers/ann/links", "")
	if testworld.Must(t, json.Unmarshal([]byte(got.body), &links)); len(links.Links) != 1 {
		t.Fatalf("%d %.300s", got.status, got.body)
	}
	want := map[string]int{}
	for i := names; i > names-100; i-- {
		want[fmt.Sprintf("viewed thing number %d", i)] = i
	}
	if diff := cmp.Diff(want, links.Links[0].Actions); diff != "" || links.Links[0].Touches != 7 {
		t.Errorf("%d touches, actions (-want +got):\n%s", links.Links[0].Touches, diff)
	}
}
