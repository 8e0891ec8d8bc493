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
