package engine_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// zoeOfOther writes a referee of campaign other, after all referees of everyKind.
func (s *shop) zoeOfOther() {
	s.Helper()
	s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('bert', 'other', 'bert')")
	s.write("INSERT INTO referral.signup (user_id, code) VALUES ('zoe', 'bert')")
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('zoe', 'p', 2000, 'USD')")
}

// The configuration moves while a campaign is reversed, and the new one cannot be loaded. Each
// attempt writes rows and is rolled back, so the reversal has to wait, and the failure is reported.
func TestReverseWaitsForAConfigurationThatCannotBeLoaded(t *testing.T) {
	s := newShop(t)
	s.everyKind()
	s.askToReverse("invite")
	observed := &observer{}
	s.engine = s.newEngine(engine.Options{Observer: observed})
	testworld.Must(t, s.engine.Attempts(t.Context(), 1)) // loads the configuration
	s.declare("other", fiveDollars())
	s.asOwner("UPDATE referral.revision SET withdraws = 1 WHERE campaign = 'other'")
	if did, atOnce, err := s.engine.NewReverser(9).Attempt(t.Context()); did || atOnce || err == nil {
		t.Errorf("did %t, at once %t, error %v", did, atOnce, err)
	}
	if len(observed.failures) != 1 {
		t.Errorf("observed failures %v", observed.failures)
	}
}

// Recorded rows decide what is taken back, and no terms. So the revisions of the campaign need not
// exist, and no other campaign waits for it.
func TestReverseNeedsNoRevisions(t *testing.T) {
	s := newShop(t)
	s.everyKind()
	s.declare("other", fiveDollars())
	s.zoeOfOther()
	s.converge()
	s.asOwner("DELETE FROM referral.revision WHERE campaign = 'invite'")
	s.askToReverse("invite")
	s.askToReverse("other")
	s.converge()
	if left := s.askToReverse("invite") + s.askToReverse("other"); left != 0 {
		t.Errorf("%d pairs are left", left)
	}
	s.converge()
	s.expect("balances", balances)
}
