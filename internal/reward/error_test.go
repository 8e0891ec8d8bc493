package reward

import (
	"strings"
	"testing"
)

// An error names the purchase, so that its referee can be set aside while the others are decided.
func TestErrorNamesThePurchaseThatCannotBeDecided(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*story)
		want string
	}{
		{"a campaign without a revision", func(s *story) { s.campaign().Revisions = nil }, `campaign "invite" has no revision`},
		{"a pair of a campaign that is not there", func(s *story) {
			s.ben.Attribution = &Attribution{Campaign: "invite", ReferrerID: "anna"}
			s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "gone", Revision: 1, State: Granted}}
		}, `campaign "gone" is not declared`},
		{"a pair of a revision that is not there", func(s *story) {
			s.ben.Attribution = &Attribution{Campaign: "invite", ReferrerID: "anna"}
			s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", Revision: 9, State: Granted}}
		}, `campaign "invite" has no revision 9`},
		{"an admitted pair without an attribution", func(s *story) {
			s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "invite", Revision: 1, State: Granted}}
		}, "the referee has an admitted pair but no attribution"},
		{"a campaign in an unknown mode", func(s *story) { s.campaign().Mode = "Ajar" }, `unknown mode "Ajar"`},
		{"terms with an unknown scope", func(s *story) { s.terms().Purchases = "Some" }, `purchases "Some" in revision 1: must be First or Every`},
		{"a reward that is nothing", func(s *story) { s.terms().Rewards[0].Fixed = nil }, `reward "inviter" of campaign "invite", revision 1: must have one of fixed, percentage and tiers`},
		{"a reward that is both", func(s *story) { s.terms().Rewards[0].Percentage = &Percentage{Rate: "1"} }, "must have one of fixed, percentage and tiers"},
		{"a reward of nothing", func(s *story) { s.terms().Rewards[0].Fixed.Amount = 0 }, "amount 0 is not above zero"},
		{"a reward without a known beneficiary", func(s *story) { s.terms().Rewards[0].Beneficiary = "Nobody" }, `beneficiary is "Nobody": must be Referrer or Referee`},
		{"two rewards of one name", func(s *story) { s.terms().Rewards = append(s.terms().Rewards, toAnna(1)) }, "another reward has the same name"},
		{"a rate that is none", func(s *story) { s.terms().Rewards = []Reward{toBen("ten")} }, `rate "ten" must be a plain decimal number`},
		{"a rate above 100", func(s *story) { s.terms().Rewards = []Reward{toBen("101")} }, `rate "101" is out of range`},
		{"a maximum of nothing", func(s *story) {
			s.terms().Rewards = []Reward{toBen("1")}
			s.terms().Rewards[0].Percentage.MaximumAmounts = map[string]int64{"USD": 0}
		}, "amount 0 is not above zero"},
		{"an amount below zero", func(s *story) { s.p1().Amount = -1 }, "amount -1 with refunds of 0 is out of range"},
		{"refunds below zero", func(s *story) { s.p1().Refunded = -1 }, "amount 4000 with refunds of -1 is out of range"},
		{"a purchase that is there twice", func(s *story) { s.buy("p1", 1, day(3)) }, "is there twice"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newStory(c.edit)
			outcome, err := Decide(&s.config, &s.ben, s.now)
			if err == nil {
				t.Fatalf("decided: %v", told(outcome))
			}
			for _, want := range []string{`purchase "p1"`, c.want} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %q, want %q in it", err, want)
				}
			}
		})
	}
	t.Run("what is gone is reversed whatever became of its campaign", func(t *testing.T) {
		s := newStory(func(s *story) {
			s.ben.Pairs = []Pair{{PurchaseID: "p1", Campaign: "gone", Revision: 9, State: Granted}}
			s.ben.Signup = nil
		})
		s.expect(t, "p1 Reversed PurchaseRemoved")
	})
}
