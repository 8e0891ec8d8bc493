package engine_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
)

func TestClosedCampaignKeepsThePairsRevision(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), limited(1, 1, 0))
	s.friends(1, 2)
	raised := func(d *database.Declaration) {
		terms := fiveDollars()
		terms.Rewards[0].Fixed.Amount = 700
		terms.Limits.PairsPerReferrer = 1
		withTerms(terms)(d)
		d.Generation, d.Policy.Generation, d.Scope = 2, 2, "HeldPairs"
	}
	s.declare("invite", fiveDollars(), raised)
	s.converge()
	s.refund("u002", 2000)
	s.converge()
	if _, err := database.CloseCampaign(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"}); err != nil {
		t.Fatal(err)
	}
	s.converge()
	s.write("DELETE FROM referral.refund")
	s.converge()
	s.expect("closed", standing, "u001 Granted Qualified", "u002 Reversed Refunded")
	s.declare("invite", fiveDollars(), raised)
	s.converge()
	s.expect("declared again", standing, "u001 Granted Qualified", "u002 Waiting CapReached")
	s.expect("revisions", "SELECT user_id, revision FROM referral.pair ORDER BY 1", "u001 1", "u002 2")
}

// A pair that waits in a closed campaign keeps its attribution, which a resync restores.
func TestResyncRestoresTheAttributionOfAWaitingPairOfAClosedCampaign(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), budgetOf(500))
	s.friends(1, 2)
	if _, err := database.CloseCampaign(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"}); err != nil {
		t.Fatal(err)
	}
	s.converge()
	const attributions = "SELECT user_id, campaign, code, referrer_id, source FROM referral.attribution ORDER BY 1"
	before := s.rows(attributions)
	s.behind("DELETE FROM referral.attribution WHERE user_id = 'u002'")
	s.resync()
	s.expect("attributions", attributions, before...)
	s.expect("pairs", standing, "u001 Granted Qualified", "u002 Waiting BudgetExhausted")
	s.drifted(1)
}
