package engine_test

import (
	"context"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// declaration is what declare declares.
func (s *shop) declaration(name string, edits ...func(*database.Declaration)) database.Declaration {
	d := database.Declaration{
		Campaign: database.Campaign{OwnerUID: uid, Name: name, UID: name + "-uid"},
		Mode:     database.Open, AttributionWindow: 720 * time.Hour, Destination: "https://mysite.test/",
		Generation: 1, Policy: database.Policy{Name: "policy", UID: "policy-uid", Generation: 1}, Scope: "NewPairs",
	}
	withTerms(fiveDollars())(&d)
	for _, edit := range edits {
		edit(&d)
	}
	return d
}

func (s *shop) plan(request engine.PlanRequest) *engine.PlanResult {
	s.Helper()
	if request.Campaign.Name == "" {
		request.Campaign = database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"}
	}
	result, err := engine.Plan(s.Context(), s.db, request)
	testworld.Must(s, err)
	return result
}

// planned plans an edit of campaign invite.
func (s *shop) planned(edits ...func(*database.Declaration)) *engine.PlanResult {
	s.Helper()
	d := s.declaration("invite", edits...)
	return s.plan(engine.PlanRequest{Declaration: &d})
}

// short writes a result on one line.
func short(r *engine.PlanResult) string {
	var words []string
	for _, e := range r.Effects {
		words = append(words, fmt.Sprintf("%s granted +%v -%v held +%v -%v", e.Currency, e.GrantedUp, e.GrantedDown, e.HeldUp, e.HeldDown))
	}
	for _, f := range r.Forward {
		words = append(words, fmt.Sprintf("forward %s %v→%v", f.Currency, f.InForce, f.Proposed))
	}
	words = append(words, fmt.Sprintf("%+v", r.Pairs))
	for _, reason := range r.Reasons {
		words = append(words, fmt.Sprintf("%s %d", reason.Reason, reason.Pairs))
	}
	if r.Estimate {
		words = append(words, "estimate")
	}
	return strings.Join(words, ", ")
}

func (s *shop) expectPlan(what string, r *engine.PlanResult, want string) {
	s.Helper()
	if diff := cmp.Diff(want, short(r)); diff != "" {
		s.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// moves returns ledger and held credit by currency.
func (s *shop) moves() map[string][2]*big.Int {
	s.Helper()
	sums := map[string][2]*big.Int{}
	for _, row := range s.rows(`SELECT currency, sum(granted)::text, sum(held)::text FROM referral.credit_count GROUP BY 1`) {
		var currency string
		granted, held := new(big.Int), new(big.Int)
		if _, err := fmt.Sscan(row, &currency, granted, held); err != nil {
			s.Fatal(err)
		}
		sums[currency] = [2]*big.Int{granted, held}
	}
	return sums
}

// moveAsPlanned makes the edit, and compares what it moves with the plan.
func (s *shop) moveAsPlanned(plan *engine.PlanResult, edit func()) {
	s.Helper()
	before := s.moves()
	edit()
	s.converge()
	want, got := map[string]string{}, map[string]string{}
	for _, e := range plan.Effects {
		granted, held := new(big.Int).Sub(e.GrantedUp, e.GrantedDown), new(big.Int).Sub(e.HeldUp, e.HeldDown)
		if granted.Sign() != 0 || held.Sign() != 0 {
			want[e.Currency] = fmt.Sprint(granted, " ", held)
		}
	}
	for currency, after := range s.moves() {
		was, known := before[currency]
		if !known {
			was = [2]*big.Int{new(big.Int), new(big.Int)}
		}
		granted, held := new(big.Int).Sub(after[0], was[0]), new(big.Int).Sub(after[1], was[1])
		if granted.Sign() != 0 || held.Sign() != 0 {
			got[currency] = fmt.Sprint(granted, " ", held)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		s.Errorf("the edit moved something else than planned (-planned +moved):\n%s", diff)
	}
}

func TestPlanSaysWhatAnEditPays(t *testing.T) {
	hour := func(d *database.Declaration) {
		terms := fiveDollars()
		terms.HoldPeriod = time.Hour
		withTerms(terms)(d)
	}
	for _, c := range []struct {
		name string
		edit []func(*database.Declaration)
		want string
	}{
		{"nothing", nil, "forward USD 2000→2000, {Granted:0 Reversed:0 Held:0 Waiting:0 Unchanged:5}, Refunded 1"},
		{"more for new pairs", []func(*database.Declaration){revised(2, 700, reward.NewPairs)},
			"forward USD 2000→2800, {Granted:0 Reversed:0 Held:0 Waiting:0 Unchanged:5}, Refunded 1"},
		{"a typo for new pairs", []func(*database.Declaration){revised(2, 50000, reward.NewPairs)},
			"forward USD 2000→200000, {Granted:0 Reversed:0 Held:0 Waiting:0 Unchanged:5}, Refunded 1"},
		{"more for all pairs", []func(*database.Declaration){revised(2, 700, reward.AllPairs)},
			"USD granted +800 -0 held +0 -0, forward USD 2000→2800, {Granted:4 Reversed:0 Held:0 Waiting:0 Unchanged:1}, Refunded 1"},
		{"less for all pairs", []func(*database.Declaration){revised(2, 100, reward.AllPairs)},
			"USD granted +0 -1600 held +0 -0, forward USD 2000→400, {Granted:4 Reversed:0 Held:0 Waiting:0 Unchanged:1}, Refunded 1"},
		{"a hold for all pairs", []func(*database.Declaration){hour, func(d *database.Declaration) { d.Policy.Generation, d.Scope = 2, "AllPairs" }},
			"forward USD 2000→2000, {Granted:0 Reversed:0 Held:0 Waiting:0 Unchanged:5}, Refunded 1"},
		{"a later start leaves what is admitted alone", []func(*database.Declaration){func(d *database.Declaration) { d.Generation, d.StartsAt = 2, time.Now() }},
			"forward USD 2000→0, {Granted:0 Reversed:0 Held:0 Waiting:0 Unchanged:5}, Refunded 1"},
		{"a lower cap leaves it alone too", []func(*database.Declaration){limited(2, 1, 0)},
			"forward USD 2000→2000, {Granted:0 Reversed:0 Held:0 Waiting:0 Unchanged:5}, Refunded 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.arrive(1, 4)
			s.arrive(5, 5)
			s.converge()
			s.refund("u005", 2000)
			s.converge()
			before := s.rows("SELECT xmin::text FROM referral.campaign UNION ALL SELECT xmin::text FROM referral.pair")
			plan := s.planned(c.edit...)
			s.expectPlan("the plan", plan, c.want)
			if diff := cmp.Diff(before, s.rows("SELECT xmin::text FROM referral.campaign UNION ALL SELECT xmin::text FROM referral.pair")); diff != "" {
				t.Errorf("the plan wrote:\n%s", diff)
			}
			s.moveAsPlanned(plan, func() { s.declare("invite", fiveDollars(), c.edit...) })
		})
	}
}

func TestPlanOfACampaignThatDoesNotExistYet(t *testing.T) {
	for _, by := range []string{"a code", "a touch"} {
		t.Run(by, func(t *testing.T) {
			s := newShop(t)
			s.arrive(1, 3)
			if by == "a touch" {
				s.write("UPDATE referral.signup SET code = NULL, visitor_id = user_id")
				s.write("INSERT INTO referral.touch (visitor_id, code, touched_at) SELECT user_id, 'anna', signed_up_at - interval '1 h' FROM referral.signup")
			}
			s.converge()
			plan := s.planned()
			s.expectPlan("the plan", plan,
				"USD granted +1500 -0 held +0 -0, forward USD 0→1500, {Granted:3 Reversed:0 Held:0 Waiting:0 Unchanged:0}")
			s.moveAsPlanned(plan, func() { s.declare("invite", fiveDollars()) })
		})
	}
}

func TestPlanOfADeletion(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.HoldPeriod = 20 * time.Hour
	s.declare("invite", terms)
	s.arrive(1, 3)
	s.write("UPDATE referral.purchase SET purchased_at = now() - interval '1 h' WHERE user_id = 'u003'")
	s.converge()
	plan := s.plan(engine.PlanRequest{Delete: true})
	s.expectPlan("the plan", plan,
		"USD granted +0 -1000 held +0 -500, forward USD 1500→0, {Granted:0 Reversed:3 Held:0 Waiting:0 Unchanged:0}, CampaignDeleted 3")
	s.moveAsPlanned(plan, func() {
		_, err := database.ReverseCampaign(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"})
		testworld.Must(t, err)
	})
}

func TestPlanOfNoEditFindsDrift(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 3)
	s.converge()
	s.expectPlan("nothing drifted", s.plan(engine.PlanRequest{}),
		"forward USD 1500→1500, {Granted:0 Reversed:0 Held:0 Waiting:0 Unchanged:3}")
	s.asOwner("ALTER TABLE referral.refund DISABLE TRIGGER USER")
	s.refund("u001", 2000)
	s.asOwner("ALTER TABLE referral.refund ENABLE TRIGGER USER")
	s.expectPlan("a refund behind the triggers", s.plan(engine.PlanRequest{}),
		"USD granted +0 -500 held +0 -0, forward USD 1000→1000, {Granted:0 Reversed:1 Held:0 Waiting:0 Unchanged:2}, Refunded 1")
}

// Totals hold where capacity binds, however many claims there are.
func TestPlanWithinABudget(t *testing.T) {
	for _, c := range []struct {
		name    string
		budgets [2]int64 // of before and after
		amount  int64    // of the edit
		want    string
	}{
		{"a budget that is enough", [2]int64{5000, 7000}, 700,
			"USD granted +2000 -0 held +0 -0, forward USD 5000→7000, {Granted:10 Reversed:0 Held:0 Waiting:0 Unchanged:0}"},
		{"growth that exceeds it", [2]int64{5000, 5000}, 700,
			"forward USD 5000→7000, {Granted:0 Reversed:0 Held:0 Waiting:0 Unchanged:10}"},
		{"growth of some", [2]int64{5000, 5500}, 700,
			"USD granted +400 -0 held +0 -0, forward USD 5000→7000, {Granted:2 Reversed:0 Held:0 Waiting:0 Unchanged:8}, estimate"},
		{"pairs that wait are admitted", [2]int64{1000, 2600}, 500,
			"USD granted +1500 -0 held +0 -0, forward USD 5000→5000, {Granted:3 Reversed:0 Held:0 Waiting:0 Unchanged:7}, BudgetExhausted 5, estimate"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars(), limited(1, 0, c.budgets[0]))
			s.arrive(1, 10)
			s.converge()
			edits := []func(*database.Declaration){limited(2, 0, c.budgets[1]), revised(2, c.amount, reward.AllPairs)}
			plan := s.planned(edits...)
			s.expectPlan("the plan", plan, c.want)
			few := s.plannedInLittleMemory(edits...)
			if diff := cmp.Diff(plan.Effects, few.Effects, cmp.AllowUnexported(big.Int{})); diff != "" {
				t.Errorf("with little memory (-with +without):\n%s", diff)
			}
			s.moveAsPlanned(plan, func() { s.declare("invite", fiveDollars(), edits...) })
		})
	}
}

func (s *shop) plannedInLittleMemory(edits ...func(*database.Declaration)) *engine.PlanResult {
	s.Helper()
	defer engine.LimitClaims(1)()
	return s.planned(edits...)
}

// A plan adds up by currency and beneficiary until its end. The owner of a database can write any
// texts.
func TestPlanLeavesOutRefereesWithTextsThatNoTableTakes(t *testing.T) {
	s := newShop(t)
	s.declare("invite", every())
	s.write(link)
	s.asOwner(`ALTER TABLE referral.purchase DROP CONSTRAINT purchase_currency_check, DROP CONSTRAINT purchase_purchase_id_check`)
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT 'u' || n, 'alice1', now() - interval '1 h' FROM generate_series(1, 12) AS n`)
	s.converge()
	s.asOwner(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
	           VALUES ('u1', 'p', 1000, 'USD'), ('u2', 'p', 1000, repeat('x', 1000)), ('u3', repeat('p', 1000), 1000, 'USD'), ('u4', 'p', 1000, 'usd')`)
	s.asOwner(`INSERT INTO referral.ledger (user_id, purchase_id, reward, seq, campaign, beneficiary_id, currency, amount, kind, revision, reason)
	           VALUES ('u5', 'p', 'inviter', 1, 'invite', repeat('b', 1000), 'USD', 1, 'Grant', 1, 'Qualified'), ('u6', 'p', 'inviter', 1, 'invite', 'b', 'x', 1, 'Grant', 1, 'Qualified')`)
	plan := s.plan(engine.PlanRequest{Largest: 10})
	s.expectPlan("the plan", plan, "USD granted +100 -0 held +0 -0, forward USD 100→100, {Granted:1 Reversed:0 Held:0 Waiting:0 Unchanged:0}")
}

// A plan that meets an edit begins again.
func TestPlanBeginsAgainWhenTheConfigurationMoves(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 3)
	s.converge()
	d, times := s.declaration("invite", revised(3, 900, reward.AllPairs)), 0
	s.write("INSERT INTO referral.signup (user_id, code) SELECT 'v' || n, 'anna' FROM generate_series(1, 5000) n")
	s.converge()
	plan := s.plan(engine.PlanRequest{Declaration: &d, Progress: func(decided, total int64) {
		if times++; times == 1 {
			s.declare("invite", fiveDollars(), revised(2, 700, reward.AllPairs))
			s.converge()
		}
		if decided > total {
			t.Errorf("%d of %d", decided, total)
		}
	}})
	s.expectPlan("the plan", plan,
		"USD granted +600 -0 held +0 -0, forward USD 2100→2700, {Granted:3 Reversed:0 Held:0 Waiting:0 Unchanged:0}")
}

func TestPlanEndsWithItsContext(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 3)
	s.converge()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := engine.Plan(ctx, s.db, engine.PlanRequest{Campaign: database.Campaign{Name: "invite"}}); err == nil {
		t.Error("no error")
	}
}

func TestPlanNamesTheLargestDifferences(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 3)
	s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('bert', 'invite', 'bert')")
	s.write("UPDATE referral.signup SET code = 'bert' WHERE user_id = 'u003'")
	s.converge()
	d := s.declaration("invite", revised(2, 700, reward.AllPairs))
	plan := s.plan(engine.PlanRequest{Declaration: &d, Largest: 10})
	if got := fmt.Sprint(plan.Largest); got != "[{anna USD 400} {bert USD 200}]" {
		t.Error(got)
	}
}

// Whatever admits or grants more is part of the step; what admits or grants less, and metadata, is
// not.
func TestStepDigestIsOfWhatAdmitsOrGrantsMore(t *testing.T) {
	s := newShop(t)
	start, end := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	inForce := func(d *database.Declaration) {
		d.StartsAt, d.EndsAt, d.PairsPerReferrer, d.Budget = start, end, 10, &database.Money{Amount: 5000, Currency: "USD"}
	}
	s.declare("invite", fiveDollars(), inForce)
	edit := func(edits ...func(*database.Declaration)) string {
		return s.planned(append([]func(*database.Declaration){inForce}, edits...)...).StepDigest
	}
	unedited := edit()
	if got := s.plan(engine.PlanRequest{}).StepDigest; got != unedited {
		t.Errorf("no edit has digest %s, and an edit of nothing %s", got, unedited)
	}
	for name, outside := range map[string]func(*database.Declaration){
		"suspend": func(d *database.Declaration) { d.Mode = database.Suspended },
		"metadata": func(d *database.Declaration) {
			d.Generation, d.Policy.Generation, d.Policy.UID, d.UID = 9, 9, "other", "other"
		},
		"destination":      func(d *database.Declaration) { d.Destination = "https://other.test/" },
		"resyncInterval":   func(d *database.Declaration) { d.ResyncInterval = time.Hour },
		"the scope alone":  func(d *database.Declaration) { d.Scope = "AllPairs" },
		"a lower budget":   func(d *database.Declaration) { d.Budget = &database.Money{Amount: 4000, Currency: "USD"} },
		"a lower cap":      func(d *database.Declaration) { d.PairsPerReferrer = 5 },
		"an earlier end":   func(d *database.Declaration) { d.EndsAt = end.Add(-time.Hour) },
		"a later start":    func(d *database.Declaration) { d.StartsAt = start.Add(time.Hour) },
		"a shorter window": func(d *database.Declaration) { d.AttributionWindow = time.Hour },
	} {
		if edit(outside) != unedited {
			t.Errorf("%s changes the digest", name)
		}
	}
	seen := map[string]string{unedited: "no edit"}
	for name, part := range map[string]func(*database.Declaration){
		"terms":               revised(2, 700, reward.NewPairs),
		"terms for all pairs": revised(2, 700, reward.AllPairs),
		"another policy":      func(d *database.Declaration) { d.Policy.Name = "other" },
		"a higher budget":     func(d *database.Declaration) { d.Budget = &database.Money{Amount: 6000, Currency: "USD"} },
		"no budget":           func(d *database.Declaration) { d.Budget = nil },
		"a higher cap":        func(d *database.Declaration) { d.PairsPerReferrer = 11 },
		"no cap":              func(d *database.Declaration) { d.PairsPerReferrer = 0 },
		"a later end":         func(d *database.Declaration) { d.EndsAt = end.Add(time.Hour) },
		"no end":              func(d *database.Declaration) { d.EndsAt = time.Time{} },
		"an earlier start":    func(d *database.Declaration) { d.StartsAt = start.Add(-time.Hour) },
		"no start":            func(d *database.Declaration) { d.StartsAt = time.Time{} },
		"a longer window":     func(d *database.Declaration) { d.AttributionWindow = 1000 * time.Hour },
	} {
		digest := edit(part)
		if other, found := seen[digest]; found {
			t.Errorf("%s has the digest of %s", name, other)
		}
		seen[digest] = name
	}
	if digest := s.plan(engine.PlanRequest{Delete: true}).StepDigest; seen[digest] != "" {
		t.Errorf("a deletion has the digest of %s", seen[digest])
	}
}

// What cannot be decided stays as it is, but for a deletion, which takes back by rows.
func TestPlanLeavesOutWhatCannotBeDecided(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 3)
	s.converge()
	s.asOwner("ALTER TABLE referral.purchase DROP CONSTRAINT IF EXISTS purchase_amount_check")
	s.asOwner("UPDATE referral.purchase SET amount = -1 WHERE user_id = 'u002'")
	s.converge()
	s.expect("it is set aside", "SELECT user_id FROM referral.set_aside", "u002")
	s.expectPlan("an edit", s.planned(revised(2, 700, reward.AllPairs)),
		"USD granted +400 -0 held +0 -0, forward USD 1000→1400, {Granted:2 Reversed:0 Held:0 Waiting:0 Unchanged:0}")
	s.expectPlan("a deletion", s.plan(engine.PlanRequest{Delete: true}),
		"USD granted +0 -1500 held +0 -0, forward USD 1000→0, {Granted:0 Reversed:3 Held:0 Waiting:0 Unchanged:0}, CampaignDeleted 3")
}

// A suspended campaign is planned as if it were open.
func TestPlanOfASuspendedCampaign(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 2)
	s.converge()
	s.declare("invite", fiveDollars(), inMode(reward.Suspended, 2))
	s.arrive(3, 3)
	s.converge()
	plan := s.planned(revised(2, 700, reward.AllPairs), inMode(reward.Suspended, 3))
	s.expectPlan("the plan", plan,
		"USD granted +1100 -0 held +0 -0, forward USD 1500→2100, {Granted:3 Reversed:0 Held:0 Waiting:0 Unchanged:0}")
	s.moveAsPlanned(plan, func() { s.declare("invite", fiveDollars(), revised(2, 700, reward.AllPairs), inMode(reward.Open, 3)) })
}
