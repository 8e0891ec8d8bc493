package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
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
	s := newEveryKind(t)
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
	s := newEveryKind(t)
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

// An application keeps a row of a campaign locked. Other campaigns are reversed meanwhile, by the
// only replica, and what the lock held up is reversed after it.
func TestALockHoldsUpTheReversalOfItsCampaignOnly(t *testing.T) {
	s := newEveryKind(t)
	s.declare("other", fiveDollars())
	s.zoeOfOther()
	s.converge()
	lock := s.blocker()
	defer postgres.Rollback(t.Context(), lock)
	_, err := lock.Exec(t.Context(), "SELECT FROM referral.pair WHERE user_id = 'u002' FOR UPDATE")
	testworld.Must(t, err)
	s.askToReverse("invite")
	s.askToReverse("other")
	e := s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond})
	e.Replace("begin", strings.Replace(e.Statement("begin"), "'20s'", "'100ms'", 1))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	defer func() { stop(); testworld.Must(t, <-ended) }()
	s.eventually("the other campaign is reversed", "SELECT campaign FROM referral.reversal WHERE done", "other")
	waitFor(t, "the lock is reported", func() bool { return e.ReversalErrs()["invite"] != nil })
	if failures := e.ReversalErrs(); len(failures) != 1 {
		t.Errorf("ReversalErrs has %v", failures)
	}
	postgres.Rollback(t.Context(), lock)
	s.eventually("all is reversed", "SELECT count(*) FROM referral.reversal WHERE done", "2")
}

// More keys fail than are kept, so each walk begins at the first of them again. It waits for at
// least as long as the walk before took, and the log names a key once.
func TestReverseWaitsAsLongAsAWalkOverManyKeysTook(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 120)
	s.converge()
	s.asOwner(`CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
		CREATE TRIGGER refuse BEFORE DELETE ON referral.credit FOR EACH ROW EXECUTE FUNCTION public.refuse()`)
	s.askToReverse("invite")
	var log bytes.Buffer
	e := engine.New(s.db, engine.Options{OwnerUID: uid, Log: slog.New(slog.NewTextHandler(&log, nil))})
	testworld.Must(t, e.Attempts(t.Context(), 1)) // loads the configuration
	r := e.NewReverser(4)
	for range 2 {
		var began, last time.Time // after the walk has begun, and before its last attempt
		for began.IsZero() || !r.Waits("invite").After(last) {
			last = time.Now()
			if _, atOnce, err := r.Attempt(t.Context()); err != nil && !atOnce {
				t.Fatal(err)
			}
			if began.IsZero() && strings.Contains(log.String(), "cannot be taken back") {
				began = time.Now()
			}
		}
		if took, waits := last.Sub(began), r.Waits("invite").Sub(last); waits < took {
			t.Errorf("it waits for %s after a walk of %s", waits, took)
		}
		if lines := strings.Count(log.String(), "cannot be taken back"); lines != 100 {
			t.Errorf("the log names %d keys", lines)
		}
		r.EndWait("invite")
	}
}

// A reversal is stuck on one key, and does not end. It has nothing more to take back from another
// referee, whose pair in another campaign is repaired.
func TestResyncRepairsWhatAStuckReversalDoesNotConcern(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.declare("other", fiveDollars())
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.arrive(1, 1)
	s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('zoe1', 'other', 'zoe')")
	s.write("INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v1', 't0', 'zoe1', now() - interval '3 h')")
	s.converge()
	s.write("DELETE FROM referral.purchase WHERE user_id = 'bob'")
	s.converge()
	s.asOwner(refuse("u001", "DELETE ON referral.credit", "raise_exception"))
	s.askToReverse("invite")
	if err := s.engine.Converge(t.Context()); err == nil {
		t.Error("nothing is stuck")
	}
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'p2', 4000, 'USD')")
	if err := s.engine.Converge(t.Context()); err == nil {
		t.Error("nothing is stuck")
	}
	const pairs = "SELECT user_id, purchase_id, campaign, state FROM referral.pair ORDER BY 1, 2"
	before := []string{"bob p1 invite Reversed", "bob p2 other Granted", "u001 p invite Granted"}
	s.expect("pairs", pairs, before...)
	s.resyncsWithoutDrift()
	s.behind("UPDATE referral.credit SET amount = 499 WHERE user_id = 'bob'")
	s.resync()
	s.expect("the credit", "SELECT amount FROM referral.credit WHERE user_id = 'bob'", "500")
	s.expect("pairs", pairs, before...)
	s.drifted(1)
}
