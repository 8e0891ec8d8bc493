package engine_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

const requests = "SELECT campaign, fact, begun FROM referral.resync_request ORDER BY 1, 2"

func TestTruncateRequestsAResyncOfEveryCampaign(t *testing.T) {
	s := newCrowd(t)
	for _, fact := range []string{"link", "touch", "signup", "purchase", "refund", "override"} {
		t.Run(fact, func(t *testing.T) {
			s.asOwner("BEGIN; TRUNCATE referral." + fact + "; ROLLBACK")
			s.expect("requests of a transaction that was rolled back", requests)
			s.asOwner("TRUNCATE referral." + fact)
			s.expect("requests", requests, "invite "+fact+" false", "slow "+fact+" false")
			testworld.Must(t, s.engine.Resync(t.Context()))
			s.expect("requests after the resync", requests)
			s.consistent()
		})
	}
}

func TestTruncatedFactsAreDecidedAgain(t *testing.T) {
	for fact, want := range map[string][]string{
		"refund":   {"bob p1 Granted Qualified", "carol p2 Granted Qualified", "dave p3 Held HoldPeriod"},
		"purchase": {"bob p1 Reversed PurchaseRemoved", "carol p2 Reversed PurchaseRemoved", "dave p3 Reversed PurchaseRemoved"},
		"signup":   {"bob p1 Reversed PurchaseRemoved", "carol p2 Reversed PurchaseRemoved", "dave p3 Reversed PurchaseRemoved"},
		"link":     {"bob p1 Granted Qualified", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"},
		"touch":    {"bob p1 Granted Qualified", "carol p2 Reversed Refunded", "dave p3 Held HoldPeriod"},
	} {
		t.Run(fact, func(t *testing.T) {
			s := newCrowd(t)
			s.asOwner("TRUNCATE referral." + fact)
			testworld.Must(t, s.engine.Resync(t.Context()))
			s.expect("pairs", pairs, want...)
			s.consistent()
		})
	}
}

func TestTruncateDuringAResyncRequestsAnother(t *testing.T) {
	s := newCrowd(t)
	s.asOwner("TRUNCATE referral.override")
	s.asOwner("UPDATE referral.resync_request SET begun = true")
	s.asOwner("UPDATE referral.resync SET began_at = now(), phase = 'Sums'") // the sums are left
	s.asOwner("TRUNCATE referral.refund")
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("requests", requests)
	s.expect("carol's pair", "SELECT state FROM referral.pair WHERE user_id = 'carol'", "Granted")
}

func TestTruncateReachesASuspendedCampaignLater(t *testing.T) {
	s := newCrowd(t)
	s.declare("invite", fiveDollars(), inMode(reward.Suspended, 2))
	s.asOwner("TRUNCATE referral.refund")
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("requests while it is suspended", requests, "invite refund false")
	s.expect("carol's pair", "SELECT state FROM referral.pair WHERE user_id = 'carol'", "Reversed")
	s.declare("invite", fiveDollars(), inMode(reward.Open, 3))
	testworld.Must(t, s.engine.Resync(t.Context()))
	s.expect("requests", requests)
	s.converge()
	s.expect("carol's pair", "SELECT state FROM referral.pair WHERE user_id = 'carol'", "Granted")
}
