package reward

import (
	"testing"
	"time"
)

func fullTerms() Terms {
	return Terms{
		Purchases:      FirstPurchase,
		MinimumAmounts: map[string]int64{"USD": 2000, "EUR": 1800},
		WithinSignup:   720 * time.Hour,
		HoldPeriod:     336 * time.Hour,
		Rewards: []Reward{
			{Name: "friend", Beneficiary: ToReferee, Percentage: &Percentage{Rate: "10", MaximumAmounts: map[string]int64{"USD": 1500, "EUR": 1400}}},
			{Name: "inviter", Beneficiary: ToReferrer, Fixed: &Money{Amount: 500, Currency: "USD"}},
		},
	}
}

// Databases have these digests. If this test fails, the JSON of terms has changed, and every
// campaign would get a revision without an edit: omit new fields while they have the meaning of
// their absence.
func TestDigestsNeverChange(t *testing.T) {
	for want, terms := range map[string]Terms{
		"sha256:319e25c052b414e048cc943eee0075f94bdba1e269f0aa77f868c4afa9dd73e9": fiveDollars(),
		"sha256:5fad5530d0d572623d80e325d00d25a222e9bdbfd0dca3cc94e0c7505cd5f332": fullTerms(),
	} {
		if got := terms.Digest(); got != want {
			t.Errorf("digest is %s, want %s", got, want)
		}
	}
}

func TestDifferentTermsHaveDifferentDigests(t *testing.T) {
	seen := map[string]string{fullTerms().Digest(): "nothing"}
	for name, edit := range map[string]func(*Terms){
		"purchases":    func(t *Terms) { t.Purchases = EveryPurchase },
		"a minimum":    func(t *Terms) { t.MinimumAmounts["USD"]++ },
		"no minimum":   func(t *Terms) { t.MinimumAmounts = nil },
		"withinSignup": func(t *Terms) { t.WithinSignup = 0 },
		"beforeSignup": func(t *Terms) { t.BeforeSignup = 2 * time.Hour },
		"holdPeriod":   func(t *Terms) { t.HoldPeriod++ },
		"a rate":       func(t *Terms) { t.Rewards[0].Percentage.Rate = "11" },
		"a maximum":    func(t *Terms) { t.Rewards[0].Percentage.MaximumAmounts["EUR"] = 1 },
		"an amount":    func(t *Terms) { t.Rewards[1].Fixed.Amount++ },
		"a currency":   func(t *Terms) { t.Rewards[1].Fixed.Currency = "EUR" },
		"beneficiary":  func(t *Terms) { t.Rewards[1].Beneficiary = ToReferee },
		"a name":       func(t *Terms) { t.Rewards[1].Name = "x" },
		"a condition":  func(t *Terms) { t.Condition = "true" },
		"tiers":        func(t *Terms) { t.Rewards[1].Tiers = []Tier{{FromPair: 1}} },
		"fewer":        func(t *Terms) { t.Rewards = t.Rewards[:1] },
	} {
		terms := fullTerms()
		edit(&terms)
		if other, found := seen[terms.Digest()]; found {
			t.Errorf("%s changed gives the digest of %s changed", name, other)
		}
		seen[terms.Digest()] = name
	}
}

// A revision that was recorded before the field existed, and the policy under the field's default,
// have one digest: a new version of the operator adds no revision, and the pairs go on under the
// terms that were recorded.
func TestDefaultOfBeforeSignupAddsNoRevision(t *testing.T) {
	terms := fullTerms()
	terms.BeforeSignup = DefaultBeforeSignup
	if terms.Digest() != fullTerms().Digest() {
		t.Error("the default has a digest of its own")
	}
	if terms.BeforeSignup != DefaultBeforeSignup {
		t.Error("Digest changed the terms")
	}
}

func TestEqualTermsHaveEqualDigests(t *testing.T) {
	terms := fullTerms()
	terms.Limits.PairsPerReferrer++ // the campaign's, no part of a revision
	terms.Rewards[0], terms.Rewards[1] = terms.Rewards[1], terms.Rewards[0]
	if terms.Digest() != fullTerms().Digest() {
		t.Error("the order of rewards matters")
	}
	if terms.Rewards[0].Name != "inviter" {
		t.Error("Digest changed the terms")
	}
	terms = fiveDollars()
	terms.MinimumAmounts = map[string]int64{}
	if terms.Digest() != fiveDollars().Digest() {
		t.Error("an empty list differs from none")
	}
}
