package reward

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TakeBack, which reads no facts, decides like Decide, so that a later decision changes nothing.
func TestTakeBackEqualsTheDecisionInAReversingCampaign(t *testing.T) {
	for name, prepare := range map[string]func(t *testing.T, s *story){
		"granted": func(t *testing.T, _ *story) { t.Helper() },
		"refunded before": func(t *testing.T, s *story) {
			t.Helper()
			s.p1().Refunded = 4000
			s.record(t)
		},
		"its signup gone": func(t *testing.T, s *story) { t.Helper(); s.ben.Signup = nil },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStory().record(t)
			prepare(t, s)
			pair := s.ben.Pairs[0]
			got := TakeBack(&pair)
			s.campaign().Mode = Reversing
			decided := s.decide(t).Decisions[0]
			got.Order, decided.Order = 0, 0
			if diff := cmp.Diff(decided, got); diff != "" {
				t.Errorf("(-decided +taken back):\n%s", diff)
			}
			if got.State != Reversed || got.Reason != CampaignDeleted || got.Ordinal != 0 || len(got.Credits) > 0 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A campaign that is reversed has nothing to take back from a pair that was never admitted, once
// the signup is attributed to another campaign.
func TestReversalKeepsTheReasonOfAPairThatEarnedNothing(t *testing.T) {
	s := newStory().record(t)
	moved := openCampaign("moved", fiveDollars())
	moved.Mode = Reversing
	s.config.Campaigns["moved"] = moved
	s.ben.Pairs = append(s.ben.Pairs, Pair{PurchaseID: "p2", Campaign: "moved", ReferrerID: "carl", Revision: 1, State: Reversed, Reason: PurchaseRemoved})
	if got := s.decide(t).Decisions[1]; got.PurchaseID != "p2" || got.Reason != PurchaseRemoved {
		t.Errorf("%+v", got)
	}
	s.ben.Attribution.Campaign = "moved"
	if got := s.decide(t).Decisions[1]; got.PurchaseID != "p2" || got.Reason != CampaignDeleted {
		t.Errorf("attributed to the campaign: %+v", got)
	}
}

func TestTakeBackUnknownTakesBackEntriesWithoutFactsAndPair(t *testing.T) {
	sum := func(purchaseID, campaign string, amount int64) LedgerSum {
		return LedgerSum{LedgerKey: LedgerKey{PurchaseID: purchaseID, Campaign: campaign, Reward: "inviter"}, Sum: amount}
	}
	taken := func(reason Reason) []Decision {
		return []Decision{{PurchaseID: "p1", Campaign: "open", State: NotCounting, Reason: reason}}
	}
	for _, c := range []struct {
		name    string
		referee Referee
		outcome Outcome
		want    []Decision
	}{
		{"a purchase known only by entries loses its credit",
			Referee{Ledger: []LedgerSum{sum("p1", "open", 500)}}, Outcome{Attribution: &Attribution{}}, taken(PurchaseRemoved)},
		{"a referee without attribution says NotAttributed",
			Referee{Ledger: []LedgerSum{sum("p1", "open", 500)}}, Outcome{}, taken(NotAttributed)},
		{"two sums of one purchase make one decision",
			Referee{Ledger: []LedgerSum{sum("p1", "open", 500), sum("p1", "open", 100)}}, Outcome{}, taken(NotAttributed)},
		{"entries that come to nothing stay", Referee{Ledger: []LedgerSum{sum("p1", "open", 0)}}, Outcome{}, nil},
		{"entries of a suspended campaign stay", Referee{Ledger: []LedgerSum{sum("p1", "suspended", 500)}}, Outcome{}, nil},
		{"entries of a campaign that is not declared are taken back",
			Referee{Ledger: []LedgerSum{sum("p1", "unknown", 500)}}, Outcome{},
			[]Decision{{PurchaseID: "p1", Campaign: "unknown", State: NotCounting, Reason: NotAttributed}}},
		{"a decided purchase is left to its decision",
			Referee{Ledger: []LedgerSum{sum("p1", "open", 500)}}, Outcome{Decisions: []Decision{{PurchaseID: "p1"}}}, nil},
		{"a recorded pair is left alone",
			Referee{Ledger: []LedgerSum{sum("p1", "open", 500)}, Pairs: []Pair{{PurchaseID: "p1"}}}, Outcome{}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &Configuration{Campaigns: map[string]*Campaign{
				"open": {Name: "open", Mode: Open}, "suspended": {Name: "suspended", Mode: Suspended},
			}}
			if diff := cmp.Diff(c.want, TakeBackUnknown(config, &c.referee, &c.outcome)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
