package engine_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Each test is one way in which an admission could overtake a waiting pair, or leave a pair waiting
// that fits.

// edited returns a declaration of a later generation with these edits.
func edited(generation int64, edits ...func(*database.Declaration)) func(*database.Declaration) {
	return func(d *database.Declaration) {
		d.Generation, d.Policy.Generation = generation, generation
		for _, edit := range edits {
			edit(d)
		}
	}
}

func budget(amount int64) func(*database.Declaration) {
	return func(d *database.Declaration) { d.Budget = &database.Money{Amount: amount, Currency: "USD"} }
}

func scope(scope reward.RevisionScope) func(*database.Declaration) {
	return func(d *database.Declaration) { d.Scope = string(scope) }
}

// pays is a policy that pays the referrer so much for every purchase.
func pays(amount int64) reward.Terms {
	terms := fiveDollars()
	terms.Purchases = reward.EveryPurchase
	terms.Rewards[0].Fixed = &reward.Money{Amount: amount, Currency: "USD"}
	return terms
}

func tenPerCent() reward.Terms {
	return reward.Terms{Purchases: reward.EveryPurchase, Rewards: []reward.Reward{
		{Name: "inviter", Beneficiary: reward.ToReferrer, Percentage: &reward.Percentage{Rate: "10"}}}}
}

// waits returns each pair's state in admission order.
const waits = `SELECT user_id, state FROM referral.pair ORDER BY admission_order`

// blocker is a transaction that may stay open for as long as a test takes.
func (s *shop) blocker() pgx.Tx {
	s.Helper()
	tx, err := s.db.Begin(s.Context())
	testworld.Must(s, err)
	_, err = tx.Exec(s.Context(), "SET LOCAL idle_in_transaction_session_timeout = 0")
	testworld.Must(s, err)
	return tx
}

// holding runs something while another transaction holds the locks of a query.
func (s *shop) holding(query string, meanwhile func()) {
	s.Helper()
	tx := s.blocker()
	defer func() { _ = tx.Rollback(context.WithoutCancel(s.Context())) }()
	_, err := tx.Exec(s.Context(), query)
	testworld.Must(s, err)
	meanwhile()
	testworld.Must(s, tx.Rollback(s.Context()))
}

// settles waits until engines in the background have converged.
func (s *shop) settles() {
	s.Helper()
	s.eventually("all is decided", `SELECT (SELECT count(*) FROM referral.change) + (SELECT count(*) FROM referral.allocation_request)
		+ (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle')`, "0")
}

func shardOf(user string) string {
	return fmt.Sprintf("SELECT FROM referral.shard WHERE shard = referral.shard_of('%s') FOR UPDATE", user)
}

// elsewhere returns a user in another shard than this one.
func (s *shop) elsewhere(user, prefix string) string {
	s.Helper()
	return s.rows(`SELECT $2 || n FROM generate_series(1, 99) n WHERE referral.shard_of($2 || n) <> referral.shard_of($1) LIMIT 1`, user, prefix)[0]
}

func (s *shop) joins(user, code string, amount int64) {
	s.Helper()
	s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ($1, 'invite', $1) ON CONFLICT DO NOTHING`, code)
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ($1, $2, now() - interval '1 h')`, user, code)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'p', $2, 'USD')`, user, amount)
}

func TestLowerRewardsAdmitTheFirstWaitingPairFirst(t *testing.T) {
	s := newShop(t)
	s.declare("invite", pays(500), budget(500))
	s.joins("u1", "anna", 2000)
	s.converge()
	s.joins("u2", "anna", 2000)
	s.converge()
	late := s.elsewhere("u2", "u3")
	s.joins(late, "anna", 2000)
	s.converge()
	s.expect("before", waits, "u1 Granted", "u2 Waiting", late+" Waiting")

	s.holding(shardOf("u2"), func() {
		s.declare("invite", pays(100), edited(2, budget(600), scope(reward.HeldPairs)))
		s.write("UPDATE referral.signup SET attributes = '{}' WHERE user_id = '" + late + "'")
		background(s, s.engine)
		s.expect("none overtakes", waits, "u1 Granted", "u2 Waiting", late+" Waiting")
	})
	s.converge()
	s.settles()
	s.expect("after", waits, "u1 Granted", "u2 Granted", late+" Waiting")
}

func TestCheaperTierAdmitsWaitingPairs(t *testing.T) {
	s := newShop(t)
	tiered := reward.Terms{Purchases: reward.EveryPurchase, Rewards: []reward.Reward{{Name: "inviter", Beneficiary: reward.ToReferrer, Tiers: []reward.Tier{
		{FromPair: 1, Fixed: reward.Money{Amount: 500, Currency: "USD"}}, {FromPair: 2, Fixed: reward.Money{Amount: 100, Currency: "USD"}}}}}}
	s.declare("invite", tiered, budget(450))
	for _, user := range []string{"u1", "u2", "u3"} {
		s.joins(user, "anna", 2000)
		s.converge()
	}
	s.joins("u4", "carl", 2000)
	s.converge()
	s.declare("invite", tiered, edited(2, budget(700)))
	s.converge()
	s.expect("the first makes the others cheaper", waits, "u1 Granted", "u2 Granted", "u3 Granted", "u4 Waiting")
}

// A referrer one pair below the cap has two waiting pairs. The batch decides the first of them,
// which no longer fits, and a new pair: the second waiting pair comes before the new one.
func TestNewPairWaitsBehindPairsOfItsReferrerThatOtherRefereesHave(t *testing.T) {
	s := newShop(t)
	terms := tenPerCent()
	terms.Limits.PairsPerReferrer = 3
	s.declare("invite", terms, budget(1000))
	s.joins("u0", "carl", 8000)
	s.joins("u1", "anna", 1000)
	s.joins("u2", "anna", 1000)
	s.converge()
	s.joins("u3", "anna", 3000)
	s.converge()
	s.joins("u4", "anna", 1000)
	s.converge()
	s.write(`WITH refunded AS (INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('u0', 'p', 'r', 8000)),
		dearer AS (UPDATE referral.purchase SET amount = 9000 WHERE user_id = 'u3')
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u3', 'p2', 1000, 'USD')`)
	s.converge()
	s.expect("the pair that waited is admitted", "SELECT user_id || '/' || purchase_id, state FROM referral.pair WHERE user_id IN ('u3', 'u4') ORDER BY admission_order",
		"u3/p Waiting", "u4/p Granted", "u3/p2 Waiting")
}

func TestPairAfterOneThatDoesNotFitIsAdmitted(t *testing.T) {
	s := newShop(t)
	s.declare("invite", tenPerCent(), budget(1000))
	s.joins("u0", "anna", 8000)
	s.joins("u1", "anna", 3000)
	s.converge()
	late := s.elsewhere("u1", "u2")
	s.holding(shardOf("u1"), func() {
		s.write("UPDATE referral.purchase SET amount = 9000 WHERE user_id = 'u1'")
		s.declare("invite", tenPerCent(), edited(2, budget(1100)))
		s.joins(late, "anna", 2000)
		background(s, s.engine) // its allocation waits for the shard
		background(s, s.newEngine(engine.Options{}))
		s.expect("it waits behind one that may fit", waits, "u0 Granted", "u1 Waiting", late+" Waiting")
	})
	s.settles()
	s.converge()
	s.expect("and is admitted once that one does not", waits, "u0 Granted", "u1 Waiting", late+" Granted")
}

func TestRemovedLimitsAdmitWaitingPairsInOrder(t *testing.T) {
	s := newShop(t)
	s.engine = s.newEngine(engine.Options{BatchSize: 1})
	s.declare("invite", pays(500), budget(500))
	s.friends(1, 4)
	s.arrive(5, 6)
	s.recordAdmissions()
	s.declare("invite", pays(500), edited(2))
	s.converge()
	s.expect("in order", "SELECT user_id FROM admitted ORDER BY at", "u002", "u003", "u004", "u005", "u006")
}

func TestAllocationRequestOutlivesACrash(t *testing.T) {
	s := newShop(t)
	s.declare("invite", pays(500), budget(500))
	s.friends(1, 2)
	s.holding("SELECT FROM referral.campaign FOR UPDATE", func() {
		// The declaration of a higher budget would wait as well.
	})
	s.asOwner("UPDATE referral.campaign SET budget_amount = 1000")
	s.asOwner("UPDATE referral.meta SET epoch = epoch + 1")
	s.asOwner("INSERT INTO referral.allocation_request (campaign) VALUES ('invite')")
	s.holding("SELECT FROM referral.campaign FOR UPDATE", func() {
		background(s, s.newEngine(engine.Options{}))
		s.asOwner("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
	})
	s.eventually("the other engine is gone", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()", "0")
	s.converge()
	s.eventually("both pairs are granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "2")
}

// An allocation batch waits for a shard whose batch waits for the campaign: both go on.
func TestAllocationWaitsForAShardWithoutADeadlock(t *testing.T) {
	s := newShop(t)
	s.declare("invite", pays(500), budget(500))
	s.friends(1, 3)
	s.asOwner("UPDATE referral.campaign SET budget_amount = 1000")
	s.asOwner("UPDATE referral.meta SET epoch = epoch + 1")
	another := s.newEngine(engine.Options{})
	s.holding("SELECT FROM referral.campaign FOR UPDATE", func() {
		s.write("UPDATE referral.signup SET attributes = '{}' WHERE user_id = 'u002'")
		background(s, s.engine) // locks the shard, and waits for the campaign
		s.asOwner("INSERT INTO referral.allocation_request (campaign) VALUES ('invite')")
		background(s, another)
	})
	s.settles()
	s.converge()
	s.expect("after", waits, "u001 Granted", "u002 Granted", "u003 Waiting")
	if failures := s.engine.Stats().Failures + another.Stats().Failures; failures > 0 {
		t.Errorf("%d batches were rolled back", failures)
	}
}

func TestSetAsideHeadIsPassedOverAndKeepsItsOrder(t *testing.T) {
	s := newShop(t)
	s.declare("invite", pays(500), budget(500))
	s.friends(1, 3)
	s.asOwner(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.user_id = 'u002' THEN RAISE numeric_value_out_of_range USING MESSAGE = 'too much'; END IF; RETURN NEW; END $$`)
	s.asOwner(`CREATE TRIGGER refuse BEFORE INSERT ON referral.credit FOR EACH ROW EXECUTE FUNCTION refuse()`)
	s.declare("invite", pays(500), edited(2, budget(1000)))
	s.converge()
	s.expect("the next is admitted", waits, "u001 Granted", "u002 Waiting", "u003 Granted")
	s.expect("set aside", "SELECT user_id FROM referral.set_aside", "u002")
	s.expect("requests", "SELECT FROM referral.allocation_request")

	s.asOwner("DROP TRIGGER refuse ON referral.credit")
	s.friends(4, 4)
	s.write("UPDATE referral.signup SET attributes = '{}' WHERE user_id = 'u002'")
	s.converge()
	s.declare("invite", pays(500), edited(3, budget(1500)))
	s.converge()
	s.expect("and has its place again", waits, "u001 Granted", "u002 Granted", "u003 Granted", "u004 Waiting")
}

func TestWithheldHeadIsPassedOverAndKeepsItsOrder(t *testing.T) {
	s := newShop(t)
	every := pays(1)
	s.declare("invite", every, budget(300))
	s.arrive(1, 300)
	s.converge()
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('u001', 'q', 2000, 'USD', now() - interval '1 min')`)
	s.converge()
	s.arrive(301, 301)
	s.converge()
	s.expect("two wait", "SELECT user_id, purchase_id FROM referral.pair WHERE state = 'Waiting' ORDER BY admission_order", "u001 q", "u301 p")
	s.behind("DELETE FROM referral.purchase WHERE purchase_id = 'p' AND user_id < 'u290'")
	s.resync()
	s.expect("it is withheld", "SELECT user_id FROM referral.withheld WHERE user_id = 'u001'", "u001")
	s.declare("invite", every, edited(2, budget(301)))
	s.converge()
	s.expect("the next is admitted", "SELECT user_id, purchase_id, state FROM referral.pair WHERE purchase_id = 'q' OR user_id = 'u301' ORDER BY 1", "u001 q Waiting", "u301 p Granted")
}

func TestExpensivePairsAtTheHeadDoNotStarveACheapOne(t *testing.T) {
	s := newShop(t)
	s.engine = s.newEngine(engine.Options{BatchSize: 50})
	s.declare("invite", tenPerCent(), budget(1000))
	s.joins("u0", "anna", 10000)
	s.converge()
	s.arrive(1, 600) // each needs 200
	s.converge()
	s.joins("zoe", "carl", 500)
	s.converge()
	for range 3 {
		s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('u0', 'p', gen_random_uuid()::text, 100)`)
		s.converge()
		s.expect("nothing fits yet", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "1")
	}
	s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('u0', 'p', 'last', 200)`)
	s.converge()
	s.expect("the cheap one is admitted", "SELECT user_id, state FROM referral.pair WHERE user_id = 'zoe'", "zoe Granted")
	s.expect("and no other", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "2")
}

func TestWaitingPairsMoveWithTheirAttribution(t *testing.T) {
	s := newShop(t)
	s.declare("a", pays(500), budget(500))
	s.declare("b", pays(500))
	s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'a', 'anna'), ('b', 'b', 'carl')`)
	for n := range 3 {
		user := fmt.Sprint("u", n)
		s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ($1, 'a', 'a', now() - interval '3 h')`, user)
		s.write(`INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ($1, $1, now() - interval '1 h')`, user)
		s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'p', 2000, 'USD')`, user)
		s.converge()
	}
	s.expect("before", "SELECT user_id, campaign, state FROM referral.pair ORDER BY 1", "u0 a Granted", "u1 a Waiting", "u2 a Waiting")
	s.declare("b", pays(500), inMode(reward.PolicyMissing, 1))
	s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('u1', 'b', 'b', now() - interval '2 h')`)
	s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('u0', 'p', 'r', 2000)`)
	before := s.engine.Stats().Batches
	s.converge()
	s.expect("after", "SELECT user_id, campaign, state FROM referral.pair ORDER BY 1", "u0 a Reversed", "u1 b Waiting", "u2 a Granted")
	if batches := s.engine.Stats().Batches - before; batches > 20 {
		t.Errorf("%d batches", batches)
	}
	s.declare("b", pays(500))
	s.converge()
	s.expect("with the policy back", "SELECT user_id, campaign, state FROM referral.pair ORDER BY 1", "u0 a Reversed", "u1 b Granted", "u2 a Granted")
}

func TestResumingWithAHigherBudgetAdmitsInOrder(t *testing.T) {
	s := newShop(t)
	s.engine = s.newEngine(engine.Options{BatchSize: 100})
	s.declare("invite", pays(500), budget(500))
	s.arrive(1, 600)
	s.converge()
	s.declare("invite", pays(500), budget(500), inMode(reward.Suspended, 2))
	s.write("UPDATE referral.signup SET attributes = '{}' WHERE length(user_id) = 4")
	s.converge()
	s.recordAdmissions()
	s.declare("invite", pays(500), edited(3, budget(500*121)))
	var done []chan error
	for range 3 {
		e, ended := s.newEngine(engine.Options{BatchSize: 100}), make(chan error, 1)
		done = append(done, ended)
		go func() { ended <- e.Converge(context.WithoutCancel(s.Context())) }()
	}
	for _, ended := range done {
		testworld.Must(t, <-ended)
	}
	s.converge()
	s.expect("the first 120 are admitted", `SELECT count(*), bool_and(p.admission_order <= (SELECT admission_order FROM referral.pair ORDER BY 1 OFFSET 120 LIMIT 1))
		FROM admitted JOIN referral.pair AS p USING (user_id)`, "120 true")
	s.expect("in order", `SELECT count(*) FROM (SELECT p.admission_order < lag(p.admission_order) OVER (ORDER BY at) AS earlier
		FROM admitted JOIN referral.pair AS p USING (user_id)) AS x WHERE earlier`, "0")
}

func TestPurgedLinkKeepsAWaitingPairOfAPolicylessCampaign(t *testing.T) {
	s := newShop(t)
	s.declare("invite", pays(500), budget(1000))
	s.joins("u1", "anna", 2000)
	s.converge()
	s.joins("u2", "carl", 2000)
	s.converge()
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u2', 'q', 2000, 'USD')`)
	s.converge()
	s.write("DELETE FROM referral.link WHERE code = 'carl'")
	s.converge()
	s.declare("invite", pays(500), budget(1000), inMode(reward.PolicyMissing, 1))
	s.refundOf("u1")
	s.converge()
	s.declare("invite", pays(500), budget(1000))
	s.converge()
	s.expect("what became free goes to the waiting pair", "SELECT user_id, purchase_id, state FROM referral.pair ORDER BY 1, 2",
		"u1 p Reversed", "u2 p Granted", "u2 q Granted")
}

func (s *shop) refundOf(user string) {
	s.Helper()
	s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ($1, 'p', 'r', 999999)`, user)
}

func TestSuspendedCampaignLeavesPairsOfOthersAlone(t *testing.T) {
	s := newShop(t)
	s.declare("a", pays(500))
	s.declare("b", pays(500))
	s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'a', 'anna'), ('b', 'b', 'carl')`)
	s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', '1', 'a', now() - interval '3 h')`)
	s.write(`INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('u', 'v', now() - interval '1 h')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u', 'p', 2000, 'USD')`)
	s.converge()
	s.declare("b", pays(500), inMode(reward.Suspended, 2))
	s.write(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', '2', 'b', now() - interval '2 h')`)
	s.refundOf("u")
	s.converge()
	s.expect("a refund in a reverses it", "SELECT user_id, campaign, state FROM referral.pair", "u a Reversed")
	s.write("DELETE FROM referral.refund")
	s.converge()
	for range 3 {
		_, err := database.ReverseCampaign(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "a", UID: "a-uid"})
		testworld.Must(t, err)
		s.converge()
	}
	s.expect("a is reversed", "SELECT mode FROM referral.campaign WHERE name = 'a'", "Closed")
	s.expect("balance", balances)
}

// A rebuilt cluster may close a campaign before its object is there again.
func TestClosedCampaignKeepsItsWaitlist(t *testing.T) {
	s := newShop(t)
	s.declare("invite", pays(500), budget(500))
	s.friends(1, 3)
	before := s.rows("SELECT user_id, state, admission_order FROM referral.pair ORDER BY 1")
	if _, err := database.CloseCampaign(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"}); err != nil {
		t.Fatal(err)
	}
	s.converge()
	s.expect("closed", "SELECT user_id, state, admission_order FROM referral.pair ORDER BY 1", before...)
	s.refund("u001", 2000)
	s.arrive(4, 4)
	s.converge()
	s.expect("nothing is admitted", waits, "u001 Reversed", "u002 Waiting", "u003 Waiting")
	s.declare("invite", pays(500), edited(2, budget(500)))
	s.converge()
	s.expect("declared again the next is", waits, "u001 Reversed", "u002 Granted", "u003 Waiting", "u004 Waiting")
}

func TestEditFromEveryToFirstRemovesTheLaterWaitingPair(t *testing.T) {
	s := newShop(t)
	s.declare("invite", pays(500), budget(100))
	s.joins("u1", "anna", 2000)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u1', 'q', 2000, 'USD')`)
	s.converge()
	first := fiveDollars()
	s.declare("invite", first, edited(2, budget(100), scope(reward.AllPairs)))
	s.converge()
	s.declare("invite", first, edited(3, budget(5000), scope(reward.AllPairs)))
	s.converge()
	s.expect("one is admitted", "SELECT purchase_id, state, reason FROM referral.pair ORDER BY 1", "p Granted Qualified", "q Reversed NotFirstPurchase")
}

// recordAdmissions remembers the order in which pairs are admitted from now on.
func (s *shop) recordAdmissions() {
	s.Helper()
	s.asOwner("CREATE TABLE admitted (user_id text, at bigint GENERATED ALWAYS AS IDENTITY)")
	s.asOwner(`CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.state = 'Granted' THEN INSERT INTO public.admitted (user_id) VALUES (NEW.user_id); END IF; RETURN NEW; END $$`)
	s.asOwner("CREATE TRIGGER remember AFTER INSERT OR UPDATE ON referral.pair FOR EACH ROW EXECUTE FUNCTION remember()")
}

// The cost of a batch does not depend on how many pairs wait at a cap.
func TestCostOfABatchDoesNotDependOnPairsAtTheCap(t *testing.T) {
	s := newShop(t)
	capped := pays(500)
	capped.Limits.PairsPerReferrer = 1
	s.declare("invite", capped, budget(100_000))
	s.asOwner(`INSERT INTO referral.referrer (campaign, referrer_id, pairs) SELECT 'invite', 'r' || n, 1 FROM generate_series(1, 5000) n`)
	s.asOwner(`INSERT INTO referral.waitlist (user_id, purchase_id, campaign, referrer_id, admission_order, growing, least_need, edit, checksum)
		SELECT 'w' || n, 'p', 'invite', 'r' || n, n, false, 500, 1, 0 FROM generate_series(1, 5000) n`)
	s.asOwner(`INSERT INTO referral.waitlist (user_id, purchase_id, campaign, referrer_id, admission_order, growing, least_need, edit, checksum)
		SELECT 'd' || n, 'p', 'invite', 'x' || n, 5000 + n, false, 900000, 1, 0 FROM generate_series(1, 5000) n`)
	s.asOwner(`INSERT INTO referral.waitlist_referrer (campaign, referrer_id, admitted, least_need)
		SELECT 'invite', 'r' || n, 1, 500 FROM generate_series(1, 5000) n UNION ALL SELECT 'invite', 'x' || n, 0, 900000 FROM generate_series(1, 5000) n`)
	s.asOwner("ANALYZE referral.waitlist, referral.waitlist_referrer, referral.referrer")
	tx, err := s.db.Begin(t.Context())
	testworld.Must(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
	testworld.Must(t, err)
	for _, statement := range []struct {
		name      string
		arguments []any
	}{
		{"waiting_by_referrer", []any{pgx.StrictNamedArgs{"campaign": "invite", "budget": 100_000, "cap": 1, "limit": 2000, "own": 0}}},
		{"waiting_by_edit", []any{"invite", int64(1), []bool{true, false}, int64(2000)}},
		{"waiting_by_edit", []any{"invite", int64(2), []bool{true}, int64(2000)}}, // the campaign admits no pair
	} {
		rows, err := tx.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) "+s.engine.Statement(statement.name), statement.arguments...)
		testworld.Must(t, err)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		testworld.Must(t, err)
		var hit int
		for _, line := range plan {
			if _, after, found := strings.Cut(line, "Buffers: shared hit="); found {
				_, err := fmt.Sscan(after, &hit)
				testworld.Must(t, err)
				break
			}
		}
		if hit > 60 {
			t.Errorf("%s reads %d pages:\n%s", statement.name, hit, strings.Join(plan, "\n"))
		}
	}
}

// A campaign that the statistics do not know yet, beside larger ones that they do.
func TestReferrersOfANewCampaignAreLookedUpByTheirWholeKey(t *testing.T) {
	s := newShop(t)
	capped := pays(500)
	capped.Limits.PairsPerReferrer = 50
	fill := func(campaign string, referrers int) {
		s.declare(campaign, capped, budget(100_000))
		s.asOwner(`INSERT INTO referral.referrer (campaign, referrer_id, pairs) SELECT $1, 'r' || n, 1 FROM generate_series(1, $2::integer) n`, campaign, referrers)
		s.asOwner(`INSERT INTO referral.waitlist (user_id, purchase_id, campaign, referrer_id, admission_order, growing, least_need, edit, checksum)
			SELECT $1 || n, 'p', $1, 'r' || n, n, false, 500, 1, 0 FROM generate_series(1, $2::integer) n`, campaign, referrers)
		s.asOwner(`INSERT INTO referral.waitlist_referrer (campaign, referrer_id, admitted, least_need)
			SELECT $1, 'r' || n, 1, 500 FROM generate_series(1, $2::integer) n`, campaign, referrers)
	}
	for _, campaign := range []string{"spring", "summer"} {
		fill(campaign, 5000)
	}
	s.asOwner("ANALYZE referral.waitlist, referral.waitlist_referrer, referral.referrer")
	fill("winter", 1000)
	tx, err := s.db.Begin(t.Context())
	testworld.Must(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
	_, err = tx.Exec(t.Context(), s.engine.Statement("begin"))
	testworld.Must(t, err)
	for name, arguments := range map[string]pgx.StrictNamedArgs{
		"waiting_by_referrer": {"campaign": "winter", "budget": 100_000, "cap": 50, "limit": 500, "own": 0},
		"waiting_by_need":     {"campaign": "winter", "budget": 100_000, "kinds": []bool{true, false}, "limit": 500, "own": 500},
	} {
		rows, err := tx.Query(t.Context(), "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "+s.engine.Statement(name), arguments)
		testworld.Must(t, err)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		testworld.Must(t, err)
		if text := strings.Join(plan, "\n"); strings.Contains(text, "Rows Removed by Join Filter") || !strings.Contains(text, "(referrer_id = ") {
			t.Errorf("%s:\n%s", name, text)
		}
	}
}

// One batch revises an admitted pair whose credits stay as they are, while another is about to
// commit what a waiting pair of the same referrer needs now. The first has not locked the campaign,
// so it must not record what waits of the referrer.
func TestLeastNeedIsOfTheWaitingPairsThatAreCommitted(t *testing.T) {
	s := newShop(t)
	atMostFive := func(rate string) reward.Terms {
		terms := tenPerCent()
		terms.Rewards[0].Percentage = &reward.Percentage{Rate: rate, MaximumAmounts: map[string]int64{"USD": 500}}
		return terms
	}
	s.declare("invite", atMostFive("10"), budget(600))
	s.joins("u1", "anna", 9000)
	s.converge()
	waiting := s.elsewhere("u1", "u2")
	s.joins(waiting, "anna", 3000)
	s.converge()
	const leastNeed = "SELECT least_need FROM referral.waitlist_referrer WHERE referrer_id = 'anna'"
	s.expect("before", leastNeed, "300")

	s.declare("invite", atMostFive("20"), edited(2, budget(600), scope(reward.AllPairs)))
	const enqueued = "SELECT count(*) FROM referral.change WHERE kind = 'Referee'"
	for range 5 {
		if s.rows(enqueued)[0] != "2" {
			testworld.Must(t, s.engine.Attempts(t.Context(), 1))
		}
	}
	s.expect("the rollout has come to both", enqueued, "2")
	fence, shard := s.hold("SELECT FROM referral.meta FOR UPDATE"), s.hold(shardOf("u1"))
	const locks = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
	ended := make(chan error, 2)
	for i, before := range []func(){func() {}, shard} {
		before()
		other := s.newEngine(engine.Options{})
		go func() { ended <- other.Attempts(context.WithoutCancel(t.Context()), 1) }()
		s.eventually("the batch waits", locks, fmt.Sprint(i+1))
	}
	fence()
	testworld.Must(t, <-ended)
	testworld.Must(t, <-ended)
	s.expect("after", leastNeed, "500")
	s.converge()
	s.expect("violations", "SELECT * FROM referral.violations()")
}

// hold takes the locks of a query until the returned function is called.
func (s *shop) hold(query string) (release func()) {
	s.Helper()
	tx := s.blocker()
	release = sync.OnceFunc(func() { _ = tx.Rollback(context.WithoutCancel(s.Context())) })
	s.Cleanup(release)
	_, err := tx.Exec(s.Context(), query)
	testworld.Must(s, err)
	return release
}

// A referee is set aside if the ledger cannot take its entries. Its pair keeps its place on the
// waitlist, and pairs behind it are admitted.
func TestRefereeThatCannotBeSettledIsPassedOver(t *testing.T) {
	s := newShop(t)
	s.declare("invite", pays(500), budget(500))
	s.friends(1, 3)
	s.asOwner(`INSERT INTO referral.ledger (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason)
		VALUES ('u002', 'p', 'other', 1, 'invite', 1, 'anna', -9223372036854775808, 'USD', 'Reversal', 'Qualified')`)
	s.declare("invite", pays(500), edited(2, budget(1000)))
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	testworld.Must(t, s.engine.Converge(ctx))
	s.expect("the next is admitted", waits, "u001 Granted", "u002 Waiting", "u003 Granted")
	s.expect("set aside", "SELECT user_id, attempts FROM referral.set_aside", "u002 1")
	s.expect("passed over", "SELECT user_id, passed_over FROM referral.waitlist", "u002 true")
}
