package engine_test

import (
	"fmt"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// limited edits a declaration as a later edit of campaign and policy would.
func limited(generation, limit, budget int64) func(*database.Declaration) {
	return func(d *database.Declaration) {
		d.Generation, d.Policy.Generation = generation, generation
		if budget > 0 {
			d.Budget = &database.Money{Amount: budget, Currency: "USD"}
		}
		terms := fiveDollars()
		terms.Limits.PairsPerReferrer = limit
		withTerms(terms)(d)
	}
}

// friends lets referees from..to sign up through anna's link and buy for 20.00
// USD each, one after the other.
func (s *shop) friends(from, to int) {
	s.Helper()
	for n := from; n <= to; n++ {
		s.arrive(n, n)
		s.converge()
	}
}

// arrive does the same in one transaction.
func (s *shop) arrive(from, to int) {
	s.Helper()
	s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('anna', 'invite', 'anna') ON CONFLICT DO NOTHING`)
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at)
	         SELECT 'u' || lpad(n::text, 3, '0'), 'anna', now() - interval '1 day' + n * interval '1 min' FROM generate_series($1::int, $2::int) n`, from, to)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
	         SELECT 'u' || lpad(n::text, 3, '0'), 'p', 2000, 'USD', now() - interval '1 day' + n * interval '1 min' FROM generate_series($1::int, $2::int) n`, from, to)
}

func (s *shop) refund(user string, amount int64) {
	s.Helper()
	s.write(`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ($1, 'p', gen_random_uuid()::text, $2)`, user, amount)
}

const standing = `SELECT user_id, state, reason FROM referral.pair ORDER BY admission_order`

func TestCapAdmitsSoManyPairsPerReferrer(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), limited(1, 2, 0))
	s.friends(1, 4)
	s.converge()
	s.expect("two are admitted", standing,
		"u001 Granted Qualified", "u002 Granted Qualified", "u003 Waiting CapReached", "u004 Waiting CapReached")

	s.refund("u001", 2000)
	s.converge()
	s.expect("the next in line takes the place", standing,
		"u001 Reversed Refunded", "u002 Granted Qualified", "u003 Granted Qualified", "u004 Waiting CapReached")

	s.write("DELETE FROM referral.refund")
	s.converge()
	s.expect("a pair that counts again is the last on the waitlist", standing,
		"u002 Granted Qualified", "u003 Granted Qualified", "u004 Waiting CapReached", "u001 Waiting CapReached")

	s.declare("invite", fiveDollars(), limited(2, 3, 0))
	s.converge()
	s.expect("a raised cap admits the next", standing,
		"u002 Granted Qualified", "u003 Granted Qualified", "u004 Granted Qualified", "u001 Waiting CapReached")

	s.declare("invite", fiveDollars(), limited(3, 1, 0))
	s.converge()
	s.expect("a lowered cap takes nothing back", standing,
		"u002 Granted Qualified", "u003 Granted Qualified", "u004 Granted Qualified", "u001 Waiting CapReached")

	s.declare("invite", fiveDollars(), limited(4, 0, 0))
	s.converge()
	s.expect("without a cap all pairs are admitted", "SELECT state, count(*) FROM referral.pair GROUP BY 1", "Granted 4")
	s.expect("balance", balances, "anna USD 2000 0")
}

func TestBudgetAdmitsPairsUntilItIsUsedUp(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), limited(1, 0, 1200))
	s.friends(1, 4)
	s.converge()
	s.expect("as many as the budget allows", standing,
		"u001 Granted Qualified", "u002 Granted Qualified", "u003 Waiting BudgetExhausted", "u004 Waiting BudgetExhausted")

	s.refund("u002", 2000)
	s.converge()
	s.expect("what is reversed goes to the next in line", standing,
		"u001 Granted Qualified", "u002 Reversed Refunded", "u003 Granted Qualified", "u004 Waiting BudgetExhausted")

	s.declare("invite", fiveDollars(), limited(2, 0, 1500))
	s.converge()
	s.expect("a raised budget admits the next", standing,
		"u001 Granted Qualified", "u002 Reversed Refunded", "u003 Granted Qualified", "u004 Granted Qualified")

	s.declare("invite", fiveDollars(), limited(3, 0, 100))
	s.friends(5, 5)
	s.converge()
	s.expect("a lowered one takes nothing back", standing,
		"u001 Granted Qualified", "u002 Reversed Refunded", "u003 Granted Qualified", "u004 Granted Qualified", "u005 Waiting BudgetExhausted")

	s.declare("invite", fiveDollars(), limited(4, 0, 0))
	s.converge()
	s.expect("balance", balances, "anna USD 2000 0")
}

// A pair that neither cap nor budget admits waits for the cap first.
func TestPairWaitsForTheCapBeforeTheBudget(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), limited(1, 2, 600))
	s.friends(1, 3)
	s.converge()
	s.expect("no budget", standing,
		"u001 Granted Qualified", "u002 Waiting BudgetExhausted", "u003 Waiting BudgetExhausted")
	s.declare("invite", fiveDollars(), limited(2, 2, 1000))
	s.converge()
	s.expect("the next is admitted, up to the cap", "SELECT user_id, state FROM referral.pair ORDER BY admission_order",
		"u001 Granted", "u002 Granted", "u003 Waiting")
	s.declare("invite", fiveDollars(), limited(3, 2, 500))
	s.refund("u001", 2000)
	s.converge()
	s.expect("the cap is not reached any more, the budget is", "SELECT user_id, state FROM referral.pair ORDER BY admission_order",
		"u001 Reversed", "u002 Granted", "u003 Waiting")
}

// An admitted pair that would earn more needs capacity for the difference.
func TestGrowthOfAnAdmittedPairNeedsCapacity(t *testing.T) {
	s := newShop(t)
	tenth := reward.Terms{Purchases: reward.FirstPurchase, Rewards: []reward.Reward{
		{Name: "share", Beneficiary: reward.ToReferrer, Percentage: &reward.Percentage{Rate: "10"}}}}
	budget := func(generation, amount int64) func(*database.Declaration) {
		return func(d *database.Declaration) {
			d.Generation, d.Budget = generation, &database.Money{Amount: amount, Currency: "USD"}
		}
	}
	s.declare("invite", tenth, budget(1, 400))
	s.friends(1, 2)
	s.refund("u001", 1000)
	s.converge()
	s.expect("all is given", "SELECT user_id, amount FROM referral.credit ORDER BY 1", "u001 100", "u002 200")
	s.friends(3, 3)
	s.converge()
	s.expect("a third does not fit", standing, "u001 Granted Qualified", "u002 Granted Qualified", "u003 Waiting BudgetExhausted")

	s.declare("invite", tenth, budget(2, 350))
	s.write("DELETE FROM referral.refund")
	s.converge()
	s.expect("growth that does not fit keeps what there is", standing,
		"u001 Granted BudgetExhausted", "u002 Granted Qualified", "u003 Waiting BudgetExhausted")
	s.expect("amounts", "SELECT user_id, amount FROM referral.credit ORDER BY 1", "u001 100", "u002 200")

	s.declare("invite", tenth, budget(3, 400))
	s.converge()
	s.expect("growth comes at its own place in line", standing,
		"u001 Granted Qualified", "u002 Granted Qualified", "u003 Waiting BudgetExhausted")
	s.expect("amounts", "SELECT user_id, amount FROM referral.credit ORDER BY 1", "u001 200", "u002 200")
}

func TestTierFollowsFromTheOrdinal(t *testing.T) {
	s := newShop(t)
	dollars := func(amount int64) reward.Money { return reward.Money{Amount: amount, Currency: "USD"} }
	s.declare("invite", reward.Terms{Purchases: reward.FirstPurchase, Rewards: []reward.Reward{{Name: "inviter", Beneficiary: reward.ToReferrer,
		Tiers: []reward.Tier{{FromPair: 1, Fixed: dollars(100)}, {FromPair: 3, Fixed: dollars(300)}}}}})
	s.friends(1, 4)
	s.converge()
	const amounts = "SELECT p.user_id, p.ordinal, c.amount FROM referral.pair p JOIN referral.credit c USING (user_id, purchase_id) ORDER BY 1"
	s.expect("amounts", amounts, "u001 1 100", "u002 2 100", "u003 3 300", "u004 4 300")
	s.refund("u001", 2000)
	s.converge()
	s.expect("a pair keeps its tier", amounts, "u002 2 100", "u003 3 300", "u004 4 300")
	s.friends(5, 5)
	s.converge()
	s.expect("the next is the fourth again", amounts, "u002 2 100", "u003 3 300", "u004 4 300", "u005 4 300")
}

// Capacity for many pairs is given in order although a batch locks few shards.
func TestWaitlistIsAdmittedInOrderAcrossShards(t *testing.T) {
	s := newShop(t)
	s.engine = s.newEngine(engine.Options{BatchSize: 40})
	s.declare("invite", fiveDollars(), limited(1, 0, 500))
	s.arrive(1, 200)
	s.converge()
	s.expect("one is admitted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "1")
	s.declare("invite", fiveDollars(), limited(2, 0, 500*120))
	s.converge()
	s.expect("no pair is passed over", `SELECT state, count(*), min(admission_order) - (SELECT min(admission_order) FROM referral.pair), max(admission_order) - (SELECT min(admission_order) FROM referral.pair)
	                                     FROM referral.pair GROUP BY 1 ORDER BY 1`,
		"Granted 120 0 119", "Waiting 80 120 199")
	s.expect("balance", balances, fmt.Sprintf("anna USD %d 0", 500*120))
}

func TestRevisionReachesThePairsOfItsScope(t *testing.T) {
	for scope, want := range map[reward.RevisionScope][]string{
		reward.NewPairs:  {"u001 1 500", "u002 1 500", "u003 2 700"},
		reward.HeldPairs: {"u001 1 500", "u002 2 700", "u003 2 700"},
		reward.AllPairs:  {"u001 2 700", "u002 2 700", "u003 2 700"},
	} {
		t.Run(string(scope), func(t *testing.T) {
			s := newShop(t)
			held := fiveDollars()
			held.HoldPeriod = 20 * 3600e9
			s.declare("invite", held)
			s.friends(1, 2)
			s.write("UPDATE referral.purchase SET purchased_at = now() - interval '1 h' WHERE user_id = 'u002'")
			s.converge()
			s.expect("before", "SELECT user_id, state FROM referral.pair ORDER BY 1", "u001 Granted", "u002 Held")

			dearer := held
			dearer.Rewards = []reward.Reward{{Name: "inviter", Beneficiary: reward.ToReferrer, Fixed: &reward.Money{Amount: 700, Currency: "USD"}}}
			s.declare("invite", dearer, func(d *database.Declaration) { d.Policy.Generation, d.Scope = 2, string(scope) })
			s.friends(3, 3)
			s.converge()
			s.expect("after", "SELECT p.user_id, p.revision, c.amount FROM referral.pair p JOIN referral.credit c USING (user_id, purchase_id) ORDER BY 1", want...)
			status, err := database.ReadStatus(t.Context(), s.db)
			testworld.Must(t, err)
			rollout := status.Campaigns[0].Rollout
			switch {
			case scope == reward.NewPairs && rollout != nil:
				t.Errorf("rollout %+v", rollout)
			case scope != reward.NewPairs && (rollout == nil || !rollout.Done || rollout.Revision != 2 || rollout.Decided != rollout.Total):
				t.Errorf("rollout %+v", rollout)
			}
		})
	}
}

func TestReversedCampaignIsDecidedAnewWhenDeclaredAgain(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), limited(1, 2, 0))
	s.friends(1, 3)
	s.converge()
	reverse := func() int64 {
		left, err := database.ReverseCampaign(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"})
		testworld.Must(t, err)
		return left
	}
	if left := reverse(); left != 3 {
		t.Errorf("%d left", left)
	}
	s.converge()
	if left := reverse(); left != 0 {
		t.Errorf("%d left", left)
	}
	s.converge()
	s.expect("all is reversed", standing, "u001 Reversed CampaignDeleted", "u002 Reversed CampaignDeleted", "u003 Reversed CampaignDeleted")
	s.expect("balance", balances)
	s.expect("mode", "SELECT mode FROM referral.campaign", "Closed")

	dearer := fiveDollars()
	dearer.Rewards[0].Fixed.Amount = 900
	s.declare("invite", dearer, func(d *database.Declaration) { d.UID, d.Policy.Generation = "again", 2 })
	s.converge()
	s.expect("declared again it is decided anew", "SELECT user_id, state, revision FROM referral.pair ORDER BY 1",
		"u001 Granted 1", "u002 Granted 1", "u003 Granted 1")
}

// After an edit of the limits no pair is admitted before the pairs that waited already, although
// the recorded reasons of these are older than the edit.
func TestEditedLimitsAllowNoOvertaking(t *testing.T) {
	for edit, c := range map[string]struct {
		before, after func(*database.Declaration)
		waits         string
		admitted      []string
	}{
		"a cap goes":                    {limited(1, 1, 1000), limited(2, 0, 1000), "CapReached", []string{"u002"}},
		"a budget goes and a cap comes": {limited(1, 0, 500), limited(2, 2, 0), "BudgetExhausted", []string{"u002"}},
	} {
		t.Run(edit, func(t *testing.T) {
			s := newShop(t)
			s.engine = s.newEngine(engine.Options{BatchSize: 1})
			s.declare("invite", fiveDollars(), c.before)
			s.friends(1, 2)
			s.expect("before", standing, "u001 Granted Qualified", "u002 Waiting "+c.waits)
			s.arrive(3, 3)
			s.declare("invite", fiveDollars(), c.after)
			s.asOwner("CREATE TABLE public.admitted (user_id text, at bigint GENERATED ALWAYS AS IDENTITY)")
			s.asOwner(`CREATE FUNCTION remember() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN IF NEW.state = 'Granted' THEN INSERT INTO public.admitted (user_id) VALUES (NEW.user_id); END IF; RETURN NEW; END $$`)
			s.asOwner("CREATE TRIGGER remember AFTER INSERT OR UPDATE ON referral.pair FOR EACH ROW EXECUTE FUNCTION remember()")
			s.converge()
			s.expect("the pair that waited is admitted, and the new one waits", "SELECT user_id FROM public.admitted ORDER BY at", c.admitted...)
		})
	}
}
