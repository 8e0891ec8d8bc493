package facts_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

var noon = time.Date(2026, 11, 5, 12, 0, 0, 123456000, time.UTC)

// differing returns the fields of a conflict; nil if err is nil.
func differing(t *testing.T, err error) []string {
	t.Helper()
	var conflict *facts.Conflict
	if !errors.As(err, &conflict) {
		testworld.Must(t, err)
		return nil
	}
	var fields []string
	for _, difference := range conflict.Differences {
		fields = append(fields, difference.Field)
	}
	return fields
}

func attributes(text string) (a facts.Attributes) {
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		panic(err)
	}
	return a
}

func TestARepeatedPurchaseIsComparedByGivenFields(t *testing.T) {
	w := newWorld(t)
	first := facts.Purchase{
		UserID: "u", PurchaseID: "p", Amount: 2500, Currency: "USD", PurchasedAt: &noon, Attributes: attributes(`{"n": 1.0, "tags": ["a"]}`),
	}
	outcome, err := w.store.Purchase(t.Context(), &first)
	testworld.Must(t, err)
	if !outcome.Created {
		t.Error("the first was not new")
	}
	for name, test := range map[string]struct {
		edit func(*facts.Purchase)
		want []string
	}{
		"the same":                             {edit: func(*facts.Purchase) {}},
		"without what may be left out":         {edit: func(p *facts.Purchase) { p.PurchasedAt, p.Attributes = nil, nil }},
		"attributes the same by value":         {edit: func(p *facts.Purchase) { p.Attributes = attributes(`{"tags": ["a"], "n": 1}`) }},
		"the same time in another zone":        {edit: func(p *facts.Purchase) { p.PurchasedAt = new(noon.In(time.FixedZone("", 3600))) }},
		"finer than a microsecond":             {edit: func(p *facts.Purchase) { p.PurchasedAt = new(noon.Add(700 * time.Nanosecond)) }},
		"another amount":                       {edit: func(p *facts.Purchase) { p.Amount++ }, want: []string{"amount"}},
		"another currency":                     {edit: func(p *facts.Purchase) { p.Currency = "EUR" }, want: []string{"currency"}},
		"another time":                         {edit: func(p *facts.Purchase) { p.PurchasedAt = new(noon.Add(time.Microsecond)) }, want: []string{"purchased_at"}},
		"other attributes":                     {edit: func(p *facts.Purchase) { p.Attributes = attributes(`{"n": 2}`) }, want: []string{"attributes"}},
		"empty attributes where there are any": {edit: func(p *facts.Purchase) { p.Attributes = attributes(`{}`) }, want: []string{"attributes"}},
	} {
		t.Run(name, func(t *testing.T) {
			again := first
			test.edit(&again)
			outcome, err := w.store.Purchase(t.Context(), &again)
			if diff := cmp.Diff(test.want, differing(t, err)); diff != "" {
				t.Errorf("differing fields (-want +got):\n%s", diff)
			}
			if outcome.Created {
				t.Error("something was created")
			}
			if test.want == nil && outcome.Stored.Amount != 2500 {
				t.Errorf("got %+v", outcome.Stored)
			}
		})
	}
	w.expect("what is stored", "SELECT amount, currency, attributes::text FROM referral.purchase", `2500 USD {"n": 1.0, "tags": ["a"]}`)
}

func TestARepeatedSignupIsComparedByGivenFields(t *testing.T) {
	w := newWorld(t)
	first := facts.Signup{UserID: "u", VisitorID: new("v"), Code: new("abc"), Fingerprints: []string{"x", "y"}, Touches: []touches.Touch{
		{VisitorID: "v", ID: "t1", Code: "abc", At: noon},
	}}
	_, err := w.store.SignUp(t.Context(), &first)
	testworld.Must(t, err)
	for name, test := range map[string]struct {
		edit func(*facts.Signup)
		want []string
	}{
		"the same":                       {edit: func(*facts.Signup) {}},
		"without anything":               {edit: func(s *facts.Signup) { *s = facts.Signup{UserID: "u"} }},
		"fingerprints in another order":  {edit: func(s *facts.Signup) { s.Fingerprints = []string{"y", "x"} }},
		"with a newer touch of the same": {edit: func(s *facts.Signup) { s.Touches = []touches.Touch{{VisitorID: "v", ID: "t2", Code: "def", At: noon}} }},
		"another visitor":                {edit: func(s *facts.Signup) { s.VisitorID = new("w") }, want: []string{"visitor_id"}},
		"another code and fingerprint": {
			edit: func(s *facts.Signup) { s.Code, s.Fingerprints = new("def"), []string{"z"} }, want: []string{"code", "fingerprints"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			again := first
			test.edit(&again)
			_, err := w.store.SignUp(t.Context(), &again)
			if diff := cmp.Diff(test.want, differing(t, err)); diff != "" {
				t.Errorf("differing fields (-want +got):\n%s", diff)
			}
		})
	}
	w.expect("touches", "SELECT visitor_id, touch_id, code FROM referral.touch ORDER BY 2", "v t1 abc", "v t2 def")
	w.expect("signup", "SELECT user_id, visitor_id, code, fingerprints::text FROM referral.signup", "u v abc {x,y}")
}

func TestAnActionIsCountedForTheLinkThatLedToIt(t *testing.T) {
	w := newWorld(t)
	w.followed("v", "First", noon.Add(-time.Hour))
	w.followed("v", "second", noon.Add(-time.Minute))
	w.followed("v", "later", noon.Add(time.Hour))
	for name, test := range map[string]struct {
		action facts.Action
		want   *string
	}{
		"the one that is named":                  {facts.Action{VisitorID: new("v"), Code: new("named"), Action: "a"}, new("named")},
		"the one the token says":                 {facts.Action{VisitorID: new("v"), Followed: "token", Action: "b"}, new("token")},
		"the last one followed before":           {facts.Action{VisitorID: new("v"), Action: "c", ActedAt: &noon}, new("second")},
		"none for a visitor without a touch":     {facts.Action{VisitorID: new("w"), Action: "d"}, nil},
		"none for a user without an attribution": {facts.Action{UserID: new("u"), Action: "e"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for _, created := range []bool{true, false} {
				again := test.action
				outcome, err := w.store.Action(t.Context(), &again)
				testworld.Must(t, err)
				if diff := cmp.Diff(test.want, outcome.Stored.Code); diff != "" || outcome.Created != created {
					t.Errorf("created %v (-want +got):\n%s", outcome.Created, diff)
				}
			}
		})
	}
}

func (w *world) followed(visitor, code string, at time.Time) {
	w.Helper()
	_, err := w.writer.Exec(w.Context(), "INSERT INTO referral.touch (visitor_id, code, touched_at) VALUES ($1, $2, $3)", visitor, code, at)
	testworld.Must(w, err)
}
