package reward

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func usd(amount int64) []Credit {
	return []Credit{{Reward: "inviter", BeneficiaryID: "anna", Money: Money{Amount: amount, Currency: "USD"}}}
}

func TestRestorePrefersLedgerThenCreditsThenRow(t *testing.T) {
	row := func(state State, ordinal int64) *Pair {
		return &Pair{PurchaseID: "p1", Campaign: "c", ReferrerID: "anna", Revision: 1, State: state, Reason: HoldPeriod, Order: 7, Ordinal: ordinal, Allowed: true}
	}
	granted := &Entered{Campaign: "c", Revision: 1, Reason: Qualified, Credits: usd(500)}
	takenBack := &Entered{Campaign: "c", Revision: 1, Reason: Refunded}
	for _, c := range []struct {
		name    string
		remains Remains
		want    Pair
	}{
		{"ledger entries make a lost pair Granted", Remains{Ledger: granted},
			Pair{State: Granted, Reason: Qualified, Campaign: "c", Revision: 1, Ordinal: 1, Credits: usd(500)}},
		{"ledger entries win over credits", Remains{Ledger: granted, Credits: usd(900), Campaign: "c"},
			Pair{State: Granted, Reason: Qualified, Campaign: "c", Revision: 1, Ordinal: 1, Credits: usd(500)}},
		{"an altered row keeps its order and ordinal", Remains{Row: row(Waiting, 3), Ledger: granted},
			Pair{State: Granted, Reason: Qualified, Campaign: "c", Revision: 1, Order: 7, Ordinal: 3, Allowed: true, Credits: usd(500)}},
		{"credits without entries make it Held", Remains{Credits: usd(500), Campaign: "c"},
			Pair{State: Held, Reason: HoldPeriod, Campaign: "c", Revision: 1, Ordinal: 1, Credits: usd(500)}},
		{"entries that come to nothing make it Reversed, admitted once", Remains{Ledger: takenBack},
			Pair{State: Reversed, Reason: Refunded, Campaign: "c", Revision: 1, Ordinal: 1}},
		{"a pair that was taken back with its campaign is decided anew, and so has no ordinal",
			Remains{Ledger: &Entered{Campaign: "c", Revision: 1, Reason: CampaignDeleted}},
			Pair{State: Reversed, Reason: CampaignDeleted, Campaign: "c", Revision: 1}},
		{"a pair that was reversed, then taken back with its campaign and decided anew keeps the row's lack of an ordinal",
			Remains{Row: row(Reversed, 0), Ledger: takenBack},
			Pair{State: Reversed, Reason: Refunded, Campaign: "c", Revision: 1, Order: 7, Allowed: true}},
		{"a pair that was taken back with its campaign, held anew and reversed keeps the ordinal of its row",
			Remains{Row: row(Reversed, 3), Ledger: &Entered{Campaign: "c", Revision: 1, Reason: CampaignDeleted}},
			Pair{State: Reversed, Reason: CampaignDeleted, Campaign: "c", Revision: 1, Order: 7, Ordinal: 3, Allowed: true}},
		{"a place on the waitlist makes a lost pair Waiting there", Remains{Place: &Place{Campaign: "c", ReferrerID: "anna", Order: 9}},
			Pair{State: Waiting, Campaign: "c", Revision: 1, Order: 9}},
		{"a place wins over an altered row of another state, whose ordinal is worth nothing",
			Remains{Row: row(Granted, 3), Place: &Place{Campaign: "c", ReferrerID: "anna", Order: 9}},
			Pair{State: Waiting, Campaign: "c", Revision: 1, Order: 9, Allowed: true}},
		{"a place wins over an altered row that waits", Remains{Row: row(Waiting, 3), Place: &Place{Campaign: "c", ReferrerID: "anna", Order: 9}},
			Pair{State: Waiting, Campaign: "c", Revision: 1, Order: 9, Ordinal: 3, Allowed: true}},
		{"a pair that waits again keeps its place, and was admitted before",
			Remains{Ledger: takenBack, Place: &Place{Campaign: "c", ReferrerID: "anna", Order: 9}},
			Pair{State: Waiting, Campaign: "c", Revision: 1, Order: 9, Ordinal: 1}},
		{"a pair that waits after its campaign was taken back and declared again has no ordinal",
			Remains{Ledger: &Entered{Campaign: "c", Revision: 1, Reason: CampaignDeleted}, Place: &Place{Campaign: "c", ReferrerID: "anna", Order: 9}},
			Pair{State: Waiting, Campaign: "c", Revision: 1, Order: 9}},
		{"a granted pair that waits to grow keeps its place", Remains{Ledger: granted, Place: &Place{Campaign: "c", Order: 9, Growing: true}},
			Pair{State: Granted, Reason: Qualified, Campaign: "c", Revision: 1, Order: 9, Ordinal: 1, Credits: usd(500)}},
		{"a row that occupies no capacity is kept as it is", Remains{Row: row(Waiting, 0)},
			Pair{State: Waiting, Reason: HoldPeriod, Campaign: "c", Revision: 1, Order: 7, Allowed: true}},
		{"a row that claims credit without any is reversed", Remains{Row: row(Granted, 3)},
			Pair{State: Reversed, Campaign: "c", Revision: 1, Allowed: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &Configuration{Campaigns: map[string]*Campaign{"c": {Name: "c", Mode: Open, Revisions: []Revision{
				{Number: 1, Terms: Terms{Purchases: FirstPurchase, Rewards: []Reward{toAnna(500)}}},
			}}}}
			c.remains.PurchaseID, c.want.PurchaseID = "p1", "p1"
			c.want.ReferrerID = "anna"
			got := config.Restore(&Referee{UserID: "ben", Attribution: &Attribution{Campaign: "c", ReferrerID: "anna"}}, nil, c.remains)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRestoreCreditsTakesLedgerForGrantedAndIntactRowsForHeld(t *testing.T) {
	entered := &Entered{Campaign: "c", Credits: usd(500)}
	for _, c := range []struct {
		name       string
		state      State
		ledger     *Entered
		onWaitlist bool
		budget     *Money
		want       []Credit
		given      bool
	}{
		{"a granted pair has what its ledger entries come to", Granted, entered, false, nil, usd(500), false},
		{"a granted pair without entries keeps its intact credits", Granted, nil, false, nil, usd(300), false},
		{"missing credits of a held pair count as given without a budget", Held, nil, false, nil, usd(300), true},
		{"missing credits of a held pair are growth with a budget", Held, nil, false, &Money{Amount: 1, Currency: "USD"}, usd(300), false},
		{"missing credits of a pair on the waitlist are growth", Held, nil, true, nil, usd(300), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := &Configuration{Campaigns: map[string]*Campaign{"c": {Name: "c", Budget: c.budget}}}
			pair := &Pair{PurchaseID: "p1", Campaign: "c", State: c.state}
			given := config.RestoreCredits(pair, c.ledger, usd(300), c.onWaitlist)
			if diff := cmp.Diff(c.want, pair.Credits); diff != "" || given != c.given {
				t.Errorf("count as given %t, want %t; credits (-want +got):\n%s", given, c.given, diff)
			}
		})
	}
}
