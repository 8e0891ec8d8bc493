package database_test

import (
	"fmt"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Once no more revisions are recorded, everything but the terms can be edited, and the newest edit
// of them can be taken back.
func TestNoRevisionIsRecordedBeyondWhatAnEngineCanKeep(t *testing.T) {
	w := newWorld(t)
	dollars := func(amount int64) func(*database.Declaration) {
		return func(d *database.Declaration) { d.Budget = &database.Money{Amount: amount, Currency: "USD"} }
	}
	w.declare(invite(dollars(100)))
	dearer := withTerms(fiveDollars(900))
	second := w.declare(invite(dollars(100), dearer, func(d *database.Declaration) { d.Policy.Generation = 2 }))
	testworld.Exec(t, w, `INSERT INTO referral.revision (campaign, revision, digest, terms, scope)
	               SELECT 'gone', n, '', '{}', 'NewPairs' FROM generate_series(1, 7500) AS n`)
	edited := invite(withTerms(fiveDollars(700)), dollars(200), func(d *database.Declaration) {
		d.Mode, d.Generation, d.Policy.Generation = database.Suspended, 2, 3
	})
	want := database.Declared{Revision: 2, Digest: second.Digest, Policy: second.Policy, Full: true}
	for range 2 {
		if declared := w.declare(edited); declared != want {
			t.Errorf("declared %+v, want %+v", declared, want)
		}
	}
	if budget := testworld.Value[int64](t, w, "SELECT budget_amount FROM referral.campaign"); budget != 200 {
		t.Errorf("the budget is %d", budget)
	}
	capped := invite(withTerms(fiveDollars(700)), dollars(200), func(d *database.Declaration) {
		d.Mode, d.Generation, d.Policy.Generation, d.PairsPerReferrer = database.Suspended, 2, 3, 7
	})
	w.declare(capped)
	if most := testworld.Value[int64](t, w, "SELECT pairs_per_referrer FROM referral.campaign"); most != 7 {
		t.Errorf("the cap is %d", most)
	}
	for currency, want := range map[string]string{"EUR": "200 USD", "USD": "300 USD"} {
		budget := capped
		budget.Budget = &database.Money{Amount: 300, Currency: currency}
		w.declare(budget)
		if got := testworld.Value[string](t, w, "SELECT concat_ws(' ', budget_amount, budget_currency) FROM referral.campaign"); got != want {
			t.Errorf("with a budget in %s it is %s", currency, got)
		}
		w.declare(capped)
	}
	noBudget := capped
	noBudget.Budget = nil
	w.declare(noBudget)
	w.declare(capped)
	if budget := testworld.Value[int64](t, w, "SELECT budget_amount FROM referral.campaign"); budget != 200 {
		t.Errorf("a first budget is %d", budget)
	}
	other := edited
	other.Name = "another"
	if declared := w.declare(other); declared != (database.Declared{Full: true}) {
		t.Errorf("a campaign that was never declared: %+v", declared)
	}
	back := edited
	withTerms(fiveDollars(500))(&back)
	if declared := w.declare(back); declared.Full || declared.Revision != 3 {
		t.Errorf("taken back: %+v", declared)
	}
	testworld.Exec(t, w, "DELETE FROM referral.revision WHERE campaign = 'gone'")
	if declared := w.declare(edited); declared.Full || declared.Revision != 4 {
		t.Errorf("after rows were deleted: %+v", declared)
	}
}

// The generation of one policy says nothing about that of another.
func TestCampaignWithTooManyRevisionsCanBeSuspended(t *testing.T) {
	w := newWorld(t)
	following := func(uid string, generation, amount int64) func(*database.Declaration) {
		return func(d *database.Declaration) {
			d.Policy = database.Policy{Name: uid, UID: uid, Generation: generation}
			withTerms(fiveDollars(amount))(d)
		}
	}
	w.declare(invite(following("p1", 5, 500)))
	w.declare(invite(following("p2", 1, 900)))
	testworld.Exec(t, w, `INSERT INTO referral.revision (campaign, revision, digest, terms, scope)
	               SELECT 'gone', n, '', '{}', 'NewPairs' FROM generate_series(1, 7500) AS n`)
	declared := w.declare(invite(following("p1", 6, 700), func(d *database.Declaration) { d.Mode, d.Generation = database.Suspended, 2 }))
	if declared.Stale || !declared.Full || w.mode() != database.Suspended {
		t.Errorf("it is %s: %+v", w.mode(), declared)
	}
}

// A campaign goes on under its newest revision, because its policy is invalid or because no further
// revision is recorded. A budget in a currency that the revision never earns does not come into
// force.
func TestBudgetThatTheRevisionInForceNeverEarnsDoesNotComeIntoForce(t *testing.T) {
	percentage := func(minimum, maximum map[string]int64) reward.Terms {
		terms := fiveDollars(0)
		terms.MinimumAmounts = minimum
		terms.Rewards[0].Fixed, terms.Rewards[0].Percentage = nil, &reward.Percentage{Rate: "10", MaximumAmounts: maximum}
		return terms
	}
	tiers := fiveDollars(0)
	tiers.Rewards[0].Fixed, tiers.Rewards[0].Tiers = nil, []reward.Tier{{FromPair: 1, Fixed: reward.Money{Amount: 100, Currency: "USD"}}}
	mixed := percentage(nil, nil)
	mixed.Rewards = append(mixed.Rewards, fiveDollars(500).Rewards...)
	mixed.Rewards[0].Name = "bonus"
	fixedAboveMinimum := fiveDollars(500)
	fixedAboveMinimum.MinimumAmounts = map[string]int64{"EUR": 1}
	usd, both := map[string]int64{"USD": 1}, map[string]int64{"EUR": 1, "USD": 1}
	for name, c := range map[string]struct {
		terms reward.Terms
		want  string // of a budget in EUR
	}{
		"fixed":                               {fiveDollars(500), "100 USD"},
		"fixed, of purchases in EUR":          {fixedAboveMinimum, "100 USD"},
		"tiers":                               {tiers, "100 USD"},
		"minimum amounts":                     {percentage(usd, nil), "100 USD"},
		"maximum amounts":                     {percentage(nil, usd), "100 USD"},
		"a percentage beside a fixed reward":  {mixed, "100 USD"},
		"amounts in both currencies":          {percentage(both, both), "300 EUR"},
		"a percentage without further amount": {percentage(nil, nil), "300 EUR"},
	} {
		for _, full := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", full ", full), func(t *testing.T) {
				w := newWorld(t)
				inCurrency := func(amount int64, currency string) func(*database.Declaration) {
					return func(d *database.Declaration) { d.Budget = &database.Money{Amount: amount, Currency: currency} }
				}
				w.declare(invite(withTerms(c.terms), inCurrency(100, "USD")))
				edit := invite(inCurrency(300, "EUR"), func(d *database.Declaration) { d.Generation = 2 })
				if full {
					testworld.Exec(t, w, `INSERT INTO referral.revision (campaign, revision, digest, terms, scope)
						SELECT 'gone', n, '', '{}', 'NewPairs' FROM generate_series(1, 7500) AS n`)
					withTerms(fiveDollars(700))(&edit)
				} else {
					edit.Policy, edit.Terms, edit.Digest = database.Policy{}, nil, ""
				}
				for range 2 {
					if declared := w.declare(edit); declared.BudgetKept != (c.want == "100 USD") || declared.Full != full {
						t.Errorf("declared %+v", declared)
					}
				}
				if got := testworld.Value[string](t, w, "SELECT concat_ws(' ', budget_amount, budget_currency) FROM referral.campaign"); got != c.want {
					t.Errorf("the budget is %s, not %s", got, c.want)
				}
			})
		}
	}
}
