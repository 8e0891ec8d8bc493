package database_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
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
	want := database.Declared{Revision: 2, Digest: second.Digest, Epoch: second.Epoch + 1, Full: true}
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
	if declared := w.declare(other); declared != (database.Declared{Epoch: w.epoch(), Full: true}) {
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
