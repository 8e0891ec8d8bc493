package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// wantsGadgets is a policy whose condition reads what an erasure blanks.
func wantsGadgets(d *database.Declaration) {
	terms := fiveDollars()
	terms.Purchases = "Every"
	terms.Condition = "purchase.attributes[?'kind'].orValue('') == 'gadget' && signup.attributes[?'plan'].orValue('') == 'pro'"
	withTerms(terms)(d)
}

// benByTouch are facts about ben: a touch of anna's link attributes his signup.
const benByTouch = `
	INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at, landing_url, referer) VALUES ('v', 't', 'a', now() - interval '3 hours', 'https://mysite.test/?q=ben', 'https://forum.test/');
	INSERT INTO referral.signup (user_id, visitor_id, signed_up_at, fingerprints, attributes) VALUES ('ben', 'v', now() - interval '2 hours', '{card}', '{"plan": "pro"}');
	INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at, attributes) VALUES ('ben', 'p', 1000, 'USD', now() - interval '1 hour', '{"kind": "gadget"}');
	INSERT INTO referral.action (user_id, visitor_id, action_id, action) VALUES ('ben', 'v', '1', 'view')`

const annasLink = "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'friends', 'anna')"

// erase requests erasures and lets the engine converge; then every referee is decided again.
func (s *shop) erase(users ...string) {
	s.Helper()
	for _, user := range users {
		s.write("SELECT referral.erase_user($1)", user)
	}
	s.converge()
	s.erased(users...)
	s.decideAll()
}

// decideAll has every referee decided again, though nothing has changed.
func (s *shop) decideAll() {
	s.Helper()
	s.asOwner("INSERT INTO referral.change (shard, kind, key) SELECT referral.shard_of(user_id), 'Referee', user_id FROM referral.signup")
	s.converge()
}

// erased checks that the erasure of users is completed and that nothing is left.
func (s *shop) erased(users ...string) {
	s.Helper()
	for _, user := range users {
		if left := s.rows(`
			SELECT 'request' FROM referral.erasure AS e LEFT JOIN referral.erasure_progress AS p USING (user_id, requested_at) WHERE user_id = $1 AND completed_at IS NULL
			UNION ALL SELECT 'step' FROM referral.erasing WHERE user_id = $1
			UNION ALL SELECT 'visitor' FROM referral.erasing_visitor WHERE user_id = $1
			UNION ALL SELECT 'change' FROM referral.change WHERE key = $1
			UNION ALL SELECT 'signup' FROM referral.signup WHERE user_id = $1 AND (visitor_id IS NOT NULL OR fingerprints <> '{}' OR attributes <> '{}')
			UNION ALL SELECT 'purchase ' || purchase_id FROM referral.purchase WHERE user_id = $1 AND attributes <> '{}'
			UNION ALL SELECT 'action' FROM referral.action WHERE user_id = $1 AND visitor_id IS NOT NULL
			UNION ALL SELECT 'attribution' FROM referral.attribution WHERE user_id = $1 AND (visitor_id IS NOT NULL OR touch_id IS NOT NULL)
			UNION ALL SELECT 'touch at ' || touched_at FROM referral.touch AS t JOIN referral.attribution AS a USING (touched_at) WHERE a.user_id = $1`, user); len(left) > 0 {
			s.Errorf("of %s is left: %s", user, strings.Join(left, ", "))
		}
	}
}

const progress = `SELECT user_id, CASE WHEN completed_at IS NULL THEN 'under way' ELSE 'completed' END
	FROM referral.erasure LEFT JOIN referral.erasure_progress USING (user_id, requested_at) ORDER BY user_id, requested_at`

func TestErasureAttributesFactsNotYetDecided(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(benByTouch)
	s.write(annasLink)
	s.erase("ben")
	s.expect("attribution", "SELECT user_id, campaign, code, referrer_id, source FROM referral.attribution", "ben friends a anna Touch")
	s.expect("balances", balances, "anna USD 500 0")
	s.expect("touches", "SELECT code, landing_url IS NULL AND referer IS NULL, visitor_id = 'v', blanked FROM referral.touch ORDER BY code", " true true true", "a true false true")
	s.resync()
	s.drifted(0)
}

func TestErasureIsDecidedWithTheLastFacts(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(annasLink + ";" + benByTouch)
	s.write("SELECT referral.erase_user('ben')") // before any decision
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES ('ben', 'q', 1000, 'USD', '{"kind": "gadget"}'), ('ben', 'r', 1000, 'USD', '{"kind": "book"}')`)
	s.converge()
	s.erased("ben")
	s.expect("pairs", pairs, "ben p Granted Qualified", "ben q Granted Qualified")
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES ('ben', 's', 1000, 'USD', '{"kind": "gadget"}')`)
	s.decideAll()
	s.expect("a purchase afterwards, which lacks the plan", pairs, "ben p Granted Qualified", "ben q Granted Qualified")
}

func TestErasureChangesNoDecision(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(annasLink + ";" + benByTouch)
	s.write(`
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at, attributes) VALUES
			('ben', 'does not', 1000, 'USD', now() - interval '1 hour', '{"kind": "book"}'),
			('ben', 'refunded', 1000, 'USD', now() - interval '1 hour', '{"kind": "gadget"}'),
			('ben', 'never', 1000, 'USD', now() - interval '1 hour', '{"kind": "gadget"}');
		INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'never', '1', 1000)`)
	s.converge()
	s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'refunded', '1', 1000)")
	s.converge()
	const decided = "SELECT user_id, purchase_id, state, reason, decided_at::text FROM referral.pair ORDER BY 2"
	before := s.rows(decided)
	s.erase("ben")
	s.expect("pairs", decided, before...)

	// Facts that come afterwards still count.
	s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 1000)")
	s.write("DELETE FROM referral.refund WHERE purchase_id IN ('refunded', 'never')")
	s.converge()
	s.expect("after a refund, and two withdrawn", pairs, "ben never Granted Qualified", "ben p Reversed Refunded", "ben refunded Granted Qualified")
	s.resync()
	s.drifted(0)
}

func TestErasureKeepsTheNextFirstPurchase(t *testing.T) {
	terms := fiveDollars()
	terms.Condition = "purchase.attributes[?'kind'].orValue('') == 'gadget'"
	s := newShop(t)
	s.declare("friends", terms)
	s.write(annasLink + ";" + benByTouch)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES ('ben', 'q', 1000, 'USD', '{"kind": "gadget"}')`)
	s.erase("ben")
	s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 1000)")
	s.converge()
	s.expect("pairs", pairs, "ben p Reversed Refunded", "ben q Granted Qualified")
}

func TestErasureBeforeAPurchaseKeepsTheAttribution(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(annasLink + `;
		INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', 't', 'a', now() - interval '3 hours');
		INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('ben', 'v', now() - interval '2 hours')`)
	s.converge()
	s.erase("ben")
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 1000, 'USD')")
	s.converge()
	s.expect("balances", balances, "anna USD 500 0")
}

func TestErasureRemembersSharedFingerprints(t *testing.T) {
	for _, users := range [][]string{{"ben"}, {"anna"}, {"ben", "anna"}, {"anna", "ben"}} {
		for _, decided := range []bool{true, false} {
			t.Run(fmt.Sprint(users, decided), func(t *testing.T) {
				s := newShop(t)
				s.declare("friends", fiveDollars())
				s.write(annasLink)
				s.converge()
				s.write(`
					INSERT INTO referral.signup (user_id, fingerprints) VALUES ('anna', '{card}');
					INSERT INTO referral.signup (user_id, code, fingerprints) VALUES ('ben', 'a', '{card}'), ('carl', 'a', '{other}');
					INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 1000, 'USD'), ('carl', 'p', 1000, 'USD')`)
				if decided {
					s.converge()
				}
				for _, user := range users {
					s.erase(user)
				}
				s.expect("pairs", pairs, "carl p Granted Qualified")
				s.resync()
				s.drifted(0)
			})
		}
	}
}

// An erasure of the referrer blanks the fingerprints, and records which were shared, between two
// statements of the batch that decides the referee.
func TestBatchBesideTheErasureOfTheReferrerFindsTheSharedFingerprint(t *testing.T) {
	s := newShop(t)
	anna := s.elsewhere("ben", "anna")
	s.declare("friends", fiveDollars())
	s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'friends', $1)", anna)
	s.write("INSERT INTO referral.signup (user_id, fingerprints) VALUES ($1, '{card}')", anna)
	s.converge()
	s.write(`
		INSERT INTO referral.signup (user_id, code, fingerprints) VALUES ('ben', 'a', '{card}');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 1000, 'USD')`)
	release := s.hold("SELECT pg_advisory_xact_lock(1)")
	held := s.newEngine(engine.Options{})
	for _, name := range []string{"load_shared", "load_fingerprint"} { // the first one waits, after its snapshot
		sql, _ := strings.CutSuffix(strings.TrimSpace(held.Statement(name)), ";")
		held.Replace(name, "WITH waits AS MATERIALIZED (SELECT pg_advisory_xact_lock(1)) SELECT found.* FROM waits CROSS JOIN LATERAL (\n"+sql+"\nOFFSET 0) AS found")
	}
	ended := make(chan error, 1)
	go func() { ended <- held.Attempts(context.WithoutCancel(t.Context()), 1) }()
	s.eventually("the batch waits", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "1")
	s.write("SELECT referral.erase_user($1)", anna)
	testworld.Must(t, s.engine.Attempts(t.Context(), 20))
	s.erased(anna)
	release()
	testworld.Must(t, <-ended)
	s.converge()
	s.expect("pairs", pairs)
}

func TestErasureKeepsAttributionsOfOtherSignups(t *testing.T) {
	for _, decided := range []bool{true, false} {
		t.Run(fmt.Sprint("decided ", decided), func(t *testing.T) {
			s := newShop(t)
			s.declare("friends", fiveDollars())
			s.write(annasLink + ";" + benByTouch + `;
				INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('dora', 'v', now() - interval '2 hours'), ('eve', 'v', now() - interval '2 hours');
				INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('dora', 'p', 1000, 'USD')`)
			if decided {
				s.converge()
			}
			s.erase("ben")
			s.expect("attributions", "SELECT user_id, code, referrer_id FROM referral.attribution ORDER BY 1", "ben a anna", "dora a anna", "eve a anna")
			s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('eve', 'p', 1000, 'USD')")
			s.converge()
			s.expect("pairs", pairs, "ben p Granted Qualified", "dora p Granted Qualified", "eve p Granted Qualified")

			// No link leads to them, but an edit of the campaign reaches them.
			s.declare("friends", fiveDollars(), inMode(reward.Suspended, 2))
			s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) SELECT user_id, 'p', '1', 1000 FROM referral.signup")
			s.converge()
			s.declare("friends", fiveDollars(), inMode(reward.Open, 3))
			s.converge()
			s.expect("pairs", pairs, "ben p Reversed Refunded", "dora p Reversed Refunded", "eve p Reversed Refunded")
			s.resync()
			s.drifted(0)
		})
	}
}

// A signup of the visitor comes after the erasure has listed the visitor's signups, and before it
// moves the touches.
func TestErasureKeepsAttributionsOfSignupsThatComeMeanwhile(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.holding("SELECT FROM referral.touch FOR UPDATE", func() {
		s.write("SELECT referral.erase_user('ben')")
		s.converge()
	})
	s.expect("the touches are still to be moved", "SELECT listed, settled, moved FROM referral.erasing_visitor", "true true false")
	s.write("INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('dora', 'v', now() - interval '2 hours'), ('eve', 'v', now() - interval '2 hours')")
	for range 3 {
		s.converge()
	}
	s.erased("ben")
	s.decideAll()
	s.expect("attributions", "SELECT user_id, referrer_id FROM referral.attribution ORDER BY 1", "ben anna", "dora anna", "eve anna")
	s.resync()
	s.drifted(0)
}

func TestErasureListsManyOtherSignupsInPortions(t *testing.T) {
	s := newShop(t)
	s.engine = s.newEngine(engine.Options{BatchSize: 50})
	s.declare("friends", fiveDollars())
	s.write(annasLink + ";" + benByTouch)
	s.write(`INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) SELECT 'u' || n, 'v', now() - interval '1 hour' FROM generate_series(1, 1000) AS n`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 1000, 'USD' FROM generate_series(1, 100) AS n`)
	s.write("SELECT referral.erase_user('ben')")
	s.converge()
	s.erased("ben")
	s.expect("attributed", "SELECT count(*) FROM referral.attribution", "1001")
	s.expect("balances", balances, "anna USD 50500 0")
	s.resync()
	s.drifted(0)
}

func TestErasureMovesManyTouchesInPortions(t *testing.T) {
	s := newShop(t)
	s.engine = s.newEngine(engine.Options{BatchSize: 100})
	s.declare("friends", fiveDollars())
	s.write(annasLink + ";" + benByTouch)
	s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) SELECT 'v', 'old' || n, 'a', now() - interval '1 day' - n * interval '1 second' FROM generate_series(1, 5000) AS n`)
	s.converge()
	began := s.engine.Stats().Batches
	s.erase("ben")
	if steps := s.engine.Stats().Batches - began; steps < 50 {
		t.Errorf("5,001 touches were moved in %d batches", steps)
	}
	s.expect("touches", "SELECT visitor_id = 'v', count(*)::int, count(DISTINCT visitor_id)::int FROM referral.touch WHERE blanked GROUP BY 1 ORDER BY 1", "false 5001 1", "true 5001 1")
	s.expect("balances", balances, "anna USD 500 0")
	s.resync()
	s.drifted(0)
}

func TestRetriedWritesBringNothingBack(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.erase("ben")
	const facts = `SELECT concat_ws(' ', 'touch', visitor_id = 'v', code, landing_url) FROM referral.touch
		UNION ALL SELECT concat_ws(' ', 'signup', user_id, visitor_id, fingerprints, attributes) FROM referral.signup
		UNION ALL SELECT concat_ws(' ', 'purchase', user_id, attributes) FROM referral.purchase ORDER BY 1`
	before := s.rows(facts)
	for statement := range strings.SplitSeq(benByTouch, ";") {
		s.write(statement + " ON CONFLICT DO NOTHING")
	}
	s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, landing_url) VALUES ('v', 't', 'a', 'https://mysite.test/?q=ben')
		ON CONFLICT (visitor_id, touch_id) DO UPDATE SET code = excluded.code, landing_url = excluded.landing_url`)
	if _, err := s.writer.Exec(t.Context(), "INSERT INTO referral.touch (visitor_id, touch_id, code) VALUES ('v', 't', 'a')"); postgres.Classify(err) != postgres.ClassData {
		t.Errorf("a touch that was written before: %v", err)
	}
	s.converge()
	s.expect("facts", facts, before...)
	s.expect("pairs", pairs, "ben p Granted Qualified")
}

func TestSecondErasureErasesWhatWasWrittenSince(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(annasLink + ";" + benByTouch)
	s.erase("ben", "ben", "stranger")
	s.write(`UPDATE referral.signup SET visitor_id = 'w', fingerprints = '{x}', attributes = '{"plan": "pro"}';
		INSERT INTO referral.touch (visitor_id, touch_id, code, landing_url) VALUES ('v', 'new', 'a', 'https://mysite.test/'), ('w', 'new', 'a', 'https://mysite.test/');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES ('ben', 'q', 1000, 'USD', '{"kind": "gadget"}')`)
	s.converge()
	s.erase("ben")
	s.expect("progress", progress, "ben completed", "ben completed", "ben completed", "stranger completed")
	s.expect("pairs", pairs, "ben p Granted Qualified", "ben q Granted Qualified")
	s.expect("landing pages", "SELECT visitor_id FROM referral.touch WHERE landing_url IS NOT NULL", "v")
}

func TestCorrectedPurchaseIsDecidedByItsAttributes(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.Condition = "purchase.attributes[?'kind'].orValue('') == 'gadget'"
	s.declare("friends", terms)
	s.write(annasLink + ";" + benByTouch)
	s.erase("ben")
	s.write("UPDATE referral.purchase SET amount = 900")
	s.converge()
	s.expect("another amount", pairs, "ben p Granted Qualified")
	s.write(`UPDATE referral.purchase SET attributes = '{"kind": "book"}'`)
	s.converge()
	s.expect("other attributes", pairs, "ben p Reversed ConditionFalse")
	s.resync()
	s.drifted(0)
}

func TestErasureWaitsForNoWriter(t *testing.T) {
	for name, lock := range map[string]string{
		"touch":    "SELECT FROM referral.touch FOR UPDATE",
		"signup":   "SELECT FROM referral.signup WHERE user_id = 'ben' FOR UPDATE",
		"purchase": `UPDATE referral.purchase SET attributes = '{"kind": "gadget", "size": 2}'`,
		"action":   "SELECT FROM referral.action FOR UPDATE",
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("friends", fiveDollars(), wantsGadgets)
			s.write(annasLink + ";" + benByTouch + "; INSERT INTO referral.signup (user_id, visitor_id) VALUES ('dora', 'v')")
			s.converge()
			open := s.blocker()
			_, err := open.Exec(t.Context(), lock)
			testworld.Must(t, err)
			s.write("SELECT referral.erase_user('ben')")
			for range 3 { // the erasure is retried and completes
				s.converge()
			}
			s.expect("progress", progress, "ben under way")
			testworld.Must(t, open.Commit(t.Context()))
			s.converge()
			s.erased("ben")
			s.decideAll()
			s.expect("pairs", pairs, "ben p Granted Qualified")
			s.expect("attributions", "SELECT user_id FROM referral.attribution ORDER BY 1", "ben", "dora")
			s.resync()
			s.drifted(0)
		})
	}
}

func TestErasureRunsWithoutBeingAskedAgain(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(annasLink + ";" + benByTouch)
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	running.Go(func() {
		if err := s.engine.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	open, err := s.writer.Begin(t.Context())
	testworld.Must(t, err)
	_, err = open.Exec(t.Context(), "SELECT FROM referral.purchase FOR UPDATE")
	testworld.Must(t, err)
	s.write("SELECT referral.erase_user('ben')")
	s.eventually("a step is put off", "SELECT count(*) FROM referral.erasing WHERE retry_at IS NOT NULL", "1")
	batches := s.engine.Stats().Batches
	testworld.Must(t, open.Commit(t.Context()))
	s.eventually("completed", progress, "ben completed")
	if more := s.engine.Stats().Batches - batches; more > 100 {
		t.Errorf("%d batches since", more)
	}
}

func TestErasureWaitsForASuspendedCampaign(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.declare("others", fiveDollars())
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.declare("friends", fiveDollars(), wantsGadgets, inMode(reward.Suspended, 2))
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES ('ben', 'q', 1000, 'USD', '{"kind": "gadget"}')`)
	s.write("SELECT referral.erase_user('ben'); SELECT referral.erase_user('carl')")
	s.converge()
	s.expect("while it is suspended", progress, "ben under way", "carl completed")
	s.declare("friends", fiveDollars(), wantsGadgets, inMode(reward.Open, 3))
	s.converge()
	s.erased("ben")
	s.expect("pairs", pairs, "ben p Granted Qualified", "ben q Granted Qualified")

	testworld.Must(t, database.SetSuspended(t.Context(), s.db, uid, 2, true))
	s.write("SELECT referral.erase_user('dora')")
	s.converge()
	s.expect("while the database is suspended", progress, "ben completed", "carl completed", "dora under way")
	testworld.Must(t, database.SetSuspended(t.Context(), s.db, uid, 3, false))
	s.converge()
	s.erased("dora")
}

func TestErasureOfAReferrerOfADeletedCampaignCompletes(t *testing.T) {
	for _, mode := range []reward.Mode{reward.PolicyMissing, reward.Closed} {
		t.Run(string(mode), func(t *testing.T) {
			s := newShop(t)
			s.declare("friends", fiveDollars())
			s.write(annasLink + ";" + benByTouch)
			s.converge()
			s.declare("friends", fiveDollars(), inMode(mode, 2))
			s.erase("ben", "anna")
			s.expect("pairs", pairs, "ben p Granted Qualified")
		})
	}
}

func TestErasureOfASetAsideUserCompletes(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.asOwner("UPDATE referral.pair SET revision = 7") // there is none
	s.write("SELECT referral.erase_user('ben')")
	testworld.Must(t, s.engine.Converge(t.Context()))
	s.erased("ben")
	s.expect("set aside", "SELECT user_id FROM referral.set_aside", "ben")
	s.asOwner("UPDATE referral.pair SET revision = 1")
	s.decideAll()
	s.expect("set aside", "SELECT user_id FROM referral.set_aside")
	s.expect("pairs", pairs, "ben p Granted Qualified")
}

func TestErasureOfAUserWhoseLoadingPanicsCompletes(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.engine.Replace("load_override", panics)
	s.write("SELECT referral.erase_user('ben')")
	if err := s.engine.Converge(t.Context()); err != nil {
		t.Error(err)
	}
	if lost := s.db.Stat().AcquiredConns(); lost > 0 {
		t.Errorf("%d connections are never given back", lost)
	}
	s.erased("ben")
	s.expect("set aside", "SELECT user_id FROM referral.set_aside", "ben")
}

func TestErasureEvaluatesConditionsOfAUserThatCannotBeRecorded(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.onLedger(`IF NEW.user_id = 'ben' THEN RAISE EXCEPTION 'no'; END IF;`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes)
	         VALUES ('ben', 'q', 1000, 'USD', '{"kind": "gadget"}'), ('ben', 'r', 1000, 'USD', '{"kind": "book"}');
	         SELECT referral.erase_user('ben')`)
	testworld.Must(t, s.engine.Converge(t.Context()))
	s.erased("ben")
	s.expect("set aside", "SELECT user_id FROM referral.set_aside", "ben")
	s.asOwner("DROP TRIGGER on_ledger ON referral.ledger")
	s.decideAll()
	s.expect("set aside", "SELECT user_id FROM referral.set_aside")
	s.expect("granted", "SELECT purchase_id FROM referral.pair WHERE state = 'Granted' ORDER BY 1", "p", "q")
}

// Each step is one batch, so an engine that fails in or between steps leaves a state from which the
// next engine continues.
func TestErasureContinuesAfterAnEngineFailed(t *testing.T) {
	s := newShop(t)
	s.engine = s.newEngine(engine.Options{BatchSize: 1})
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(annasLink + ";" + benByTouch + `;
		INSERT INTO referral.touch (visitor_id, touch_id, code) SELECT 'v', 'later' || n, 'a' FROM generate_series(1, 3) AS n;
		INSERT INTO referral.signup (user_id, visitor_id) SELECT 'u' || n, 'v' FROM generate_series(1, 3) AS n;
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) SELECT 'ben', 'q' || n, 1000, 'USD', '{"kind": "gadget"}' FROM generate_series(1, 3) AS n`)
	s.write("SELECT referral.erase_user('ben')")
	for _, statement := range []string{"erase_begin", "erase_visitors", "erase_list", "erase_purchases", "erase_actions", "erase_remaining", "erase_enqueue",
		"erase_share", "erase_signup", "erase_settle", "erase_touches", "erase_visitor_done", "erase_end"} {
		breaking := s.newEngine(engine.Options{BatchSize: 1})
		breaking.Replace(statement, "SELECT 1 / 0")
		testworld.Must(t, breaking.Converge(t.Context()))
		postponed := s.rows("SELECT user_id FROM referral.erasing WHERE retry_at IS NOT NULL")
		if len(postponed) == 0 && breaking.Stats().Failures == 0 { // some also close the connection
			t.Errorf("%s: no step failed", statement)
		}
		s.expect("set aside because of "+statement, "SELECT user_id FROM referral.set_aside")
	}
	s.converge()
	s.erased("ben")
	s.expect("balances", balances, "anna USD 2000 0")
	s.expect("attributed", "SELECT count(*) FROM referral.attribution", "4")
	s.resync()
	s.drifted(0)
}

func TestThreeEnginesShareErasures(t *testing.T) {
	const visitors, each = 20, 10
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(annasLink + fmt.Sprintf(`;
		INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) SELECT 'v' || n, 't', 'a', now() - interval '3 hours' FROM generate_series(1, %[1]d) AS n;
		INSERT INTO referral.signup (user_id, visitor_id, signed_up_at, attributes)
		SELECT 'u' || n || '-' || m, 'v' || n, now() - interval '2 hours', '{"plan": "pro"}' FROM generate_series(1, %[1]d) AS n, generate_series(1, %[2]d) AS m;
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) SELECT user_id, 'p', 1000, 'USD', '{"kind": "gadget"}' FROM referral.signup;
		INSERT INTO referral.erasure (user_id) SELECT user_id FROM referral.signup WHERE user_id LIKE '%%-1' OR user_id LIKE '%%-2'`, visitors, each))
	var engines sync.WaitGroup
	for range 3 {
		e := s.newEngine(engine.Options{BatchSize: 7})
		engines.Go(func() {
			if err := e.Converge(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	engines.Wait()
	s.converge()
	s.erased(s.rows("SELECT DISTINCT user_id FROM referral.erasure")...)
	s.expect("balances", balances, fmt.Sprint("anna USD ", 500*visitors*each, " 0"))
	s.decideAll()
	s.resync()
	s.drifted(0)
}

func TestErasuresPerBatchAreBounded(t *testing.T) {
	const users = 100
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(annasLink + fmt.Sprintf(`;
		INSERT INTO referral.signup (user_id, code, visitor_id, attributes) SELECT 'u' || n, 'a', 'v' || n, '{"plan": "pro"}' FROM generate_series(1, %d) AS n;
		INSERT INTO referral.erasure (user_id) SELECT user_id FROM referral.signup`, users))
	s.converge()
	s.erased(s.rows("SELECT user_id FROM referral.erasure")...)
	if batches := s.engine.Stats().Batches; batches < users/20 {
		t.Errorf("%d erasures in %d batches", users, batches)
	}
}

func TestLostStepOfAnErasureIsFoundByResync(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars())
	s.write(annasLink + ";" + benByTouch)
	s.converge()
	s.write("SELECT referral.erase_user('ben')")
	s.asOwner("DELETE FROM referral.change")
	s.resync()
	s.converge()
	s.erased("ben")
}

func TestAlteredMarkOfAnErasureIsDrift(t *testing.T) {
	s := newShop(t)
	s.declare("friends", fiveDollars(), wantsGadgets)
	s.write(annasLink + ";" + benByTouch)
	s.erase("ben")
	s.behind("UPDATE referral.purchase SET condition_held = false")
	s.resync()
	s.expect("pairs", pairs, "ben p Reversed ConditionFalse")
	s.drifted(1)
}

// Shops repeat their writes, and restore rows that were lost.
func TestPurchaseThatIsWrittenAgainAfterAnErasureKeepsItsCredit(t *testing.T) {
	const upsert = `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at, attributes) VALUES ('ben', 'p', 1000, 'USD', now() - interval '1 hour', $1)
		ON CONFLICT (user_id, purchase_id) DO UPDATE SET attributes = excluded.attributes`
	for name, c := range map[string]struct {
		before, after string
		want          string
	}{
		"upserted":                  {"SELECT", upsert, "ben p Granted Qualified"},
		"removed and written":       {"DELETE FROM referral.purchase", upsert, "ben p Granted Qualified"},
		"upserted as another thing": {"SELECT", strings.Replace(upsert, "$1", `jsonb_set($1, '{kind}', '"book"')`, 1), "ben p Reversed ConditionFalse"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("friends", fiveDollars(), wantsGadgets)
			s.write(annasLink + ";" + benByTouch)
			s.erase("ben")
			s.expect("pairs", pairs, "ben p Granted Qualified")
			s.write(c.before)
			s.write(c.after, `{"kind": "gadget"}`)
			s.converge()
			s.expect("pairs", pairs, c.want)
		})
	}
}
