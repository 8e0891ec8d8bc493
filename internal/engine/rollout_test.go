package engine_test

import (
	"fmt"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// revised edits a declaration as a later edit of the policy would.
func revised(generation, amount int64, scope reward.RevisionScope) func(*database.Declaration) {
	return func(d *database.Declaration) {
		terms := fiveDollars()
		terms.Rewards[0].Fixed.Amount = amount
		withTerms(terms)(d)
		d.Policy.Generation, d.Scope = generation, string(scope)
	}
}

const (
	sums        = "SELECT coalesce(sum(amount), 0)::bigint FROM referral.ledger"
	underTerms  = "SELECT revision, count(*) FROM referral.pair GROUP BY 1 ORDER BY 1"
	rolledOutTo = "SELECT revision, reached, reached_all FROM referral.rollout ORDER BY 1"
)

// steps runs at most that many small batches.
func (s *shop) steps(n int) {
	s.Helper()
	testworld.Must(s, s.newEngine(engine.Options{BatchSize: 4}).Attempts(s.Context(), n))
}

// resyncsWithoutDrift has everything compared.
func (s *shop) resyncsWithoutDrift() {
	s.Helper()
	testworld.Must(s, database.RequestResync(s.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite"}, fmt.Sprint(s.rows("SELECT clock_timestamp()"))))
	testworld.Must(s, s.engine.Resync(s.Context()))
	s.expect("drift", "SELECT coalesce(sum(drift_corrected), 0)::bigint FROM referral.resync_campaign", "0")
	s.consistent()
}

// A commit that pays $7 instead of $5 is reverted before, during and after its rollout. Each time
// the sums are what they were, also after a refund and a resync.
func TestRevertedEditTakesBackWhatItGave(t *testing.T) {
	const friends = 40
	for _, c := range []struct {
		name    string
		batches int
		scope   reward.RevisionScope // of the revert
	}{
		{"before the rollout", 0, reward.AllPairs},
		{"during the rollout", 6, reward.AllPairs},
		{"after the rollout", 1000, reward.AllPairs},
		{"before the rollout, and the scope with it", 0, reward.NewPairs},
		{"during the rollout, and the scope with it", 6, reward.NewPairs},
		{"after the rollout, and the scope with it", 1000, reward.NewPairs},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.arrive(1, friends)
			s.converge()
			s.expect("before", sums, fmt.Sprint(friends*500))

			s.declare("invite", fiveDollars(), revised(2, 700, reward.AllPairs))
			s.steps(c.batches)
			s.consistent()
			t.Log(s.rows(sums), s.rows(underTerms), s.rows(rolledOutTo))
			s.declare("invite", fiveDollars(), revised(3, 500, c.scope))
			s.converge()
			s.expect("reverted", sums, fmt.Sprint(friends*500))
			s.expect("revisions", "SELECT revision, coalesce(withdraws, 0) FROM referral.revision ORDER BY 1", "1 0", "2 0", "3 2")

			s.refund("u001", 2000)
			s.refund("u040", 2000)
			s.converge()
			s.expect("after refunds", sums, fmt.Sprint((friends-2)*500))
			s.write("DELETE FROM referral.refund WHERE user_id = 'u001'")
			s.converge()
			s.expect("after a refund was withdrawn", sums, fmt.Sprint((friends-1)*500))
			s.resyncsWithoutDrift()
			s.expect("after a resync", sums, fmt.Sprint((friends-1)*500))
		})
	}
}

// A fact about a pair that a rollout has not reached moves no other money than the fact's own.
func TestPairIsDecidedUnderItsRevisionUntilTheRolloutReachesIt(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 40)
	s.converge()
	s.declare("invite", fiveDollars(), revised(2, 700, reward.AllPairs))
	s.steps(2)
	s.expect("the rollout has not come to the last", "SELECT reached < 'u040', reached_all FROM referral.rollout", "true false")
	s.write("UPDATE referral.purchase SET amount = 3000 WHERE user_id = 'u040'")
	s.asOwner("CREATE TABLE public.rest AS SELECT * FROM referral.change WHERE key <> 'u040'")
	s.asOwner("DELETE FROM referral.change WHERE key <> 'u040'")
	s.converge()
	s.expect("a fact", "SELECT p.revision, c.amount FROM referral.pair p JOIN referral.credit c USING (user_id, purchase_id) WHERE user_id = 'u040'", "1 500")
	s.resyncsWithoutDrift()
	s.expect("a resync", "SELECT p.revision, c.amount FROM referral.pair p JOIN referral.credit c USING (user_id, purchase_id) WHERE user_id = 'u040'", "1 500")
}

// What a newer edit leaves of a rollout is neither drift nor a violation.
func TestNewerEditStopsTheRolloutInProgress(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 40)
	s.converge()
	s.declare("invite", fiveDollars(), revised(2, 700, reward.AllPairs))
	s.steps(6)
	reached := s.rows(rolledOutTo)
	s.declare("invite", fiveDollars(), revised(3, 900, reward.NewPairs))
	s.converge()
	s.expect("it stays where it is", rolledOutTo, reached...)
	moved := s.rows("SELECT count(*) FROM referral.pair WHERE user_id <= (SELECT reached FROM referral.rollout)")[0]
	s.expect("pairs up to there follow it, and no others", "SELECT count(*) FROM referral.pair WHERE revision = 2", moved)
	if moved == "0" || moved == "40" {
		t.Errorf("%s pairs of 40 were moved: the rollout was not stopped in the middle", moved)
	}
	status, err := database.ReadStatus(t.Context(), s.db)
	testworld.Must(t, err)
	if rollout := status.Campaigns[0].Rollout; rollout != nil {
		t.Errorf("the status waits for a rollout that was stopped: %+v", rollout)
	}
	s.arrive(41, 41)
	s.resyncsWithoutDrift()
	s.converge()
	s.expect("a new pair follows the newest", "SELECT revision FROM referral.pair WHERE user_id = 'u041'", "3")

	s.declare("invite", fiveDollars(), revised(4, 1000, reward.AllPairs))
	s.converge()
	s.expect("another rollout reaches all", underTerms, "4 41")
}

// Rule 6: an edit stops the rollout that a suspension interrupted, or kept from beginning.
func TestSuspensionStopsARolloutUntilTheCampaignIsResumed(t *testing.T) {
	const friends = 40
	seven := revised(2, 700, reward.AllPairs)
	six := revised(3, 600, reward.NewPairs)
	suspended := func(generation int64) func(*database.Declaration) { return inMode(reward.Suspended, generation) }
	resumed := func(generation int64) func(*database.Declaration) { return inMode(reward.Open, generation) }
	for _, c := range []struct {
		name    string
		batches int // before the campaign is suspended
		then    func(*shop)
		all     bool // whether the edit reaches all pairs in the end
	}{
		{"resumed", 6, func(s *shop) { s.declare("invite", fiveDollars(), seven, resumed(4)) }, true},
		{"resumed without its policy", 6, func(s *shop) {
			s.declare("invite", fiveDollars(), seven, inMode(reward.PolicyMissing, 4), func(d *database.Declaration) { d.Terms = nil })
		}, true},
		{"closed", 6, func(s *shop) {
			_, err := database.CloseCampaign(s.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"})
			testworld.Must(s, err)
		}, true},
		{"resumed by a newer edit", 6, func(s *shop) { s.declare("invite", fiveDollars(), six, resumed(4)) }, false},
		{"edited, then resumed", 6, func(s *shop) {
			s.declare("invite", fiveDollars(), six, suspended(4))
			s.converge()
			s.declare("invite", fiveDollars(), six, resumed(5))
		}, false},
		{"suspended before it began, and resumed", 0, func(s *shop) { s.declare("invite", fiveDollars(), seven, resumed(4)) }, true},
		{"suspended before it began, and edited", 0, func(s *shop) { s.declare("invite", fiveDollars(), six, resumed(4)) }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.arrive(1, friends)
			s.converge()
			s.declare("invite", fiveDollars(), seven)
			s.steps(c.batches)
			s.declare("invite", fiveDollars(), seven, suspended(3))
			reached := s.rows(rolledOutTo)
			s.converge()
			s.consistent()
			s.expect("while it is suspended", rolledOutTo, reached...)
			moved := s.rows("SELECT count(*) FROM referral.pair WHERE user_id <= (SELECT reached FROM referral.rollout)")[0]
			if c.batches > 0 && (moved == "0" || moved == fmt.Sprint(friends)) {
				t.Fatalf("%s pairs of %d were reached: the rollout was not suspended in the middle", moved, friends)
			}
			if c.all {
				moved = fmt.Sprint(friends)
			}
			c.then(s)
			s.converge()
			s.expect("moved in the end", "SELECT count(*) FROM referral.pair WHERE revision = 2", moved)
			s.resyncsWithoutDrift()
		})
	}
}

// A request that no batch takes would keep the engine polling as if there were work.
func TestSuspendedRolloutLeavesNoWork(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), limited(1, 0, 1000))
	s.arrive(1, 4)
	s.converge()
	s.expect("waiting", "SELECT count(*) FROM referral.waitlist", "2")
	s.declare("invite", fiveDollars(), limited(2, 0, 2100), revised(2, 700, reward.AllPairs), inMode(reward.Suspended, 2))
	s.converge()
	s.expect("requests and changes", "SELECT (SELECT count(*) FROM referral.allocation_request), (SELECT count(*) FROM referral.change)", "0 0")
	s.declare("invite", fiveDollars(), limited(3, 0, 2100), revised(2, 700, reward.AllPairs))
	s.converge()
	s.expect("three at $7", "SELECT state, revision, count(*) FROM referral.pair GROUP BY 1, 2 ORDER BY 1", "Granted 2 3", "Waiting 2 1")
}

// Limits are no part of a revision.
func TestEditOfLimitsAloneAddsNoRevision(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 3)
	s.converge()
	for generation, limit := range []int64{1, 2, 5, 0, 4} {
		s.declare("invite", fiveDollars(), limited(int64(generation+2), limit, 0), func(d *database.Declaration) { d.Scope = "AllPairs" })
		s.converge()
		s.expect("revisions", "SELECT count(*) FROM referral.revision", "1")
	}
	s.expect("what was admitted stays", underTerms, "1 3")
	s.declare("invite", fiveDollars(), limited(9, 3, 0))
	s.arrive(4, 4)
	s.converge()
	s.expect("the cap in force applies", "SELECT state, reason FROM referral.pair WHERE user_id = 'u004'", "Waiting CapReached")
	s.declare("invite", fiveDollars(), inMode(reward.PolicyMissing, 10), func(d *database.Declaration) { d.Terms = nil })
	s.expect("it stays while the policy is missing", "SELECT pairs_per_referrer FROM referral.campaign", "3")
	s.declare("invite", fiveDollars(), limited(11, 4, 0))
	s.converge()
	s.expect("and is raised for pairs that wait", "SELECT state, reason FROM referral.pair WHERE user_id = 'u004'", "Granted Qualified")
}

// Purchases that counted under Every, because the rollout of First had not come to them, both keep
// their credit, which is no violation.
func TestRolloutOfFirstLeavesWhatCountedUnderEvery(t *testing.T) {
	s := newShop(t)
	every, first := fiveDollars(), fiveDollars()
	every.Purchases = reward.EveryPurchase
	s.declare("invite", every)
	s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('anna', 'invite', 'anna')`)
	s.converge()
	s.write(`INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'anna')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'p1', 2000, 'USD'), ('bob', 'p2', 2000, 'USD')`)
	s.declare("invite", first, func(d *database.Declaration) { d.Policy.Generation, d.Scope = 2, "AllPairs" })
	s.asOwner("CREATE TABLE public.rest AS SELECT kind, key FROM referral.change WHERE kind = 'Rollout'")
	s.asOwner("DELETE FROM referral.change WHERE kind = 'Rollout'")
	s.converge()
	s.expect("both count under Every", underTerms, "1 2")
	s.asOwner("INSERT INTO referral.change (shard, kind, key) SELECT referral.shard_of(key), kind, key FROM public.rest")
	s.converge()
	s.expect("both are moved and stay", "SELECT purchase_id, state, revision FROM referral.pair ORDER BY 1", "p1 Granted 2", "p2 Granted 2")
	s.resyncsWithoutDrift()
}

// orderedAgainstUserIDs has forty pairs granted $5 each, the higher user ids first.
func (s *shop) orderedAgainstUserIDs() {
	s.Helper()
	s.declare("invite", fiveDollars(), limited(1, 0, 22_000))
	for last := 40; last > 0; last -= 8 {
		s.arrive(last-7, last)
		s.converge()
	}
	s.expect("granted", sums, "20000")
}

// grown lists by admission order the pairs that earn $7.
const grown = "SELECT string_agg(p.admission_order::text, ' ' ORDER BY p.admission_order) FROM referral.pair p JOIN referral.credit c USING (user_id, purchase_id) WHERE c.amount = 700"

// Rule 10: a budget that has $2 more for ten of forty pairs gives it to the first ten by admission
// order, however the rollout comes to them.
func TestGrowthsOfARolloutBeyondTheBudgetAreServedInAdmissionOrder(t *testing.T) {
	const firstTen = "1 2 3 4 5 6 7 8 9 10"
	raised := func(d *database.Declaration) {
		revised(2, 700, reward.AllPairs)(d)
		d.Budget = &database.Money{Amount: 22_000, Currency: "USD"}
	}
	for _, c := range []struct {
		name      string
		batches   int
		meanwhile func(*shop)
		want      string
	}{
		{"undisturbed", 4, func(*shop) {}, firstTen},
		{"a pair arrives", 4, func(s *shop) { s.arrive(41, 41) }, firstTen},
		{"a refund frees enough for three more, less its own", 4, func(s *shop) { s.refund("u033", 2000) }, "2 3 4 5 6 7 8 9 10 11 12 13"},
		{"suspended and resumed", 4, func(s *shop) {
			s.declare("invite", fiveDollars(), raised, inMode(reward.Suspended, 3))
			s.converge()
			s.declare("invite", fiveDollars(), raised, func(d *database.Declaration) { d.Generation, d.Policy.Generation = 4, 2 })
		}, firstTen},
		{"suspended when it has come to all", 0, func(s *shop) {
			suspendWhenReached(s, raised)
			s.declare("invite", fiveDollars(), raised, inMode(reward.Open, 4))
			s.converge()
		}, firstTen},
		{"suspended when it has come to all, and resumed beside a fact of one of the last", 0, func(s *shop) {
			suspendWhenReached(s, raised)
			s.expect("it is in the shard of the campaign", "SELECT referral.shard_of('u007') = referral.shard_of('invite')", "true")
			s.write("UPDATE referral.purchase SET amount = 3000 WHERE user_id = 'u007'")
			s.declare("invite", fiveDollars(), raised, inMode(reward.Open, 4))
			s.converge()
		}, firstTen},
		{"suspended when it has come to all, and resumed without its policy", 0, func(s *shop) {
			suspendWhenReached(s, raised)
			s.declare("invite", fiveDollars(), raised, inMode(reward.PolicyMissing, 4), func(d *database.Declaration) { d.Terms = nil })
			s.converge()
		}, firstTen},
		{"suspended when it has come to all, and edited for new pairs", 0, func(s *shop) {
			suspendWhenReached(s, raised)
			edited := func(d *database.Declaration) {
				raised(d)
				revised(3, 600, reward.NewPairs)(d)
			}
			s.declare("invite", fiveDollars(), edited, inMode(reward.Suspended, 4))
			s.converge()
			s.declare("invite", fiveDollars(), edited, inMode(reward.Open, 5))
			s.converge()
		}, firstTen},
		{"a resync", 4, func(s *shop) { testworld.Must(s, s.engine.Resync(s.Context())) }, firstTen},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			s.orderedAgainstUserIDs()
			s.declare("invite", fiveDollars(), raised)
			s.steps(c.batches)
			s.consistent()
			c.meanwhile(s)
			s.steps(1000)
			s.converge()
			s.expect("grown", grown, c.want)
			s.resyncsWithoutDrift()
			s.expect("grown after a resync", grown, c.want)
		})
	}
}

// suspendWhenReached suspends a campaign whose rollout has come to all referees, before any of them
// is decided.
func suspendWhenReached(s *shop, raised func(*database.Declaration)) {
	s.Helper()
	for s.rows("SELECT reached_all FROM referral.rollout")[0] != "true" {
		testworld.Must(s, s.newEngine(engine.Options{}).Attempts(s.Context(), 1))
	}
	s.expect("moved", "SELECT count(*) FROM referral.pair WHERE revision = 2", "0")
	s.declare("invite", fiveDollars(), raised, inMode(reward.Suspended, 3))
	s.converge()
	status, err := database.ReadStatus(s.Context(), s.db)
	testworld.Must(s, err)
	if rollout := status.Campaigns[0].Rollout; rollout == nil || rollout.Done || rollout.Decided > 0 {
		s.Errorf("the status says of a rollout that has moved no pair: %+v", rollout)
	}
}

// Where the budget has capacity for all growths of a rollout, no pair waits for its end.
func TestNoPairWaitsForARolloutThatTheBudgetCovers(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), limited(1, 0, 30_000))
	s.arrive(1, 40)
	s.converge()
	s.declare("invite", fiveDollars(), limited(2, 0, 30_000), revised(2, 700, reward.AllPairs))
	s.steps(6)
	s.expect("some pairs have grown", "SELECT count(*) BETWEEN 1 AND 39 FROM referral.credit WHERE amount = 700", "true")
	s.arrive(41, 42)
	s.steps(4)
	s.expect("nothing waits", "SELECT count(*) FROM referral.waitlist", "0")
	s.converge()
	s.expect("all have grown", sums, "29400")
}

// A dump of a server that has run many transactions is restored on one that has run few.
func TestCampaignAdmitsAfterItsDumpWasRestoredElsewhere(t *testing.T) {
	s := newShop(t)
	s.declare("invite", pays(500), budget(500))
	s.friends(1, 1)
	s.declare("invite", pays(400), edited(2, budget(400), scope(reward.AllPairs)))
	s.converge()
	s.friends(2, 2)
	s.expect("before", waits, "u001 Granted", "u002 Waiting")
	s.asOwner("UPDATE referral.rollout SET enqueued_up_to = '500000000'")
	busy := s.elsewhere("u001", "b") // its shard is always at work
	s.holding(shardOf(busy), func() {
		s.write("INSERT INTO referral.signup (user_id) VALUES ($1)", busy)
		s.expect("the rollout is over", "SELECT referral.rolling_out('invite')", "false")
		s.declare("invite", pays(400), edited(3, budget(1200), scope(reward.AllPairs)))
		background(s, s.engine)
		s.expect("admitted beside other changes", waits, "u001 Granted", "u002 Granted")
	})
	s.converge()
	s.asOwner("INSERT INTO referral.change (shard, kind, key, xid) VALUES (0, 'Referee', 'u001', '400000000')")
	s.expect("a change of the dump is pending", "SELECT referral.rolling_out('invite')", "true")
}
