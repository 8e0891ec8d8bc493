package facts_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

func TestSignupWithoutAVisitorAcceptsOneUntilItIsAttributed(t *testing.T) {
	w := newWorld(t)
	signUp := func(g facts.Signup, want ...string) {
		t.Helper()
		outcome, err := w.store.SignUp(t.Context(), &g)
		if diff := cmp.Diff(want, differing(t, err)); diff != "" {
			t.Errorf("%+v: differing fields (-want +got):\n%s", g, diff)
		}
		if err == nil && g.VisitorID != nil && (outcome.Created || outcome.Stored.VisitorID == nil || *outcome.Stored.VisitorID != *g.VisitorID) {
			t.Errorf("got %+v", outcome)
		}
	}
	signUp(facts.Signup{UserID: "u", Code: new("abc")})
	signUp(facts.Signup{UserID: "u", Code: new("def"), VisitorID: new("v")}, "code", "visitor_id")
	signUp(facts.Signup{UserID: "u", VisitorID: new("v"), Touches: []touches.Touch{{VisitorID: "v", ID: "t", Code: "abc", At: noon}}})
	signUp(facts.Signup{UserID: "u", VisitorID: new("v")})
	signUp(facts.Signup{UserID: "u", VisitorID: new("w")}, "visitor_id")
	signUp(facts.Signup{UserID: "u"})
	w.expect("touches", "SELECT visitor_id, touch_id FROM referral.touch", "v t")

	signUp(facts.Signup{UserID: "attributed"})
	_, err := w.operator.Exec(t.Context(), "INSERT INTO referral.attribution (user_id, campaign, code, referrer_id, label, touched_at, source)"+
		" VALUES ('attributed', 'c', 'abc', 'ann', '', now(), 'Code')")
	testworld.Must(t, err)
	signUp(facts.Signup{UserID: "attributed", VisitorID: new("v")}, "visitor_id")
	signUp(facts.Signup{UserID: "u", VisitorID: new("w"), FromToken: true}, "visitor_id")
	for _, code := range []*string{nil, new("")} {
		fromToken := facts.Signup{UserID: "attributed", VisitorID: new("v"), FromToken: true, Code: code}
		outcome, err := w.store.SignUp(t.Context(), &fromToken)
		testworld.Must(t, err)
		if outcome.Created || !outcome.LateVisitor || outcome.Stored.VisitorID != nil {
			t.Errorf("got %+v", outcome)
		}
	}
	w.expect("signups", "SELECT user_id, visitor_id FROM referral.signup ORDER BY user_id", "attributed <nil>", "u v")

	// In a batch, all or nothing.
	batch, err := w.store.Record(t.Context(), []facts.Fact{
		&facts.Signup{UserID: "x"}, &facts.Signup{UserID: "x", VisitorID: new("v")}, &facts.Signup{UserID: "u", VisitorID: new("v")},
	})
	testworld.Must(t, err)
	if diff := cmp.Diff(&facts.Batch{Created: []bool{true, false, false}}, batch); diff != "" {
		t.Errorf("batch (-want +got):\n%s", diff)
	}
	batch, err = w.store.Record(t.Context(), []facts.Fact{
		&facts.Purchase{UserID: "u", PurchaseID: "p", Amount: 1, Currency: "USD"}, &facts.Signup{UserID: "attributed", VisitorID: new("v"), FromToken: true},
	})
	testworld.Must(t, err)
	if diff := cmp.Diff(&facts.Batch{Created: []bool{true, false}, LateVisitors: []int{1}}, batch); diff != "" {
		t.Errorf("batch with a token (-want +got):\n%s", diff)
	}
	w.expect("signup x", "SELECT visitor_id FROM referral.signup WHERE user_id = 'x'", "v")
}
