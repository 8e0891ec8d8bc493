package database_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Everything but the terms and the budget stays editable once no more revisions are recorded.
func TestNoRevisionIsRecordedBeyondWhatAnEngineCanKeep(t *testing.T) {
	w := newWorld(t)
	dollars := func(amount int64) func(*database.Declaration) {
		return func(d *database.Declaration) { d.Budget = &database.Money{Amount: amount, Currency: "USD"} }
	}
	first := w.declare(invite(dollars(100)))
	testworld.Exec(t, w, `INSERT INTO referral.revision (campaign, revision, digest, terms, scope)
	               SELECT 'gone', n, '', '{}', 'NewPairs' FROM generate_series(1, 10000) AS n`)
	edited := invite(withTerms(fiveDollars(700)), dollars(200), func(d *database.Declaration) {
		d.Mode, d.Generation, d.Policy.Generation = database.Suspended, 2, 2
	})
	want := database.Declared{Revision: 1, Digest: first.Digest, Epoch: first.Epoch + 1, Full: true}
	for range 2 {
		if declared := w.declare(edited); declared != want {
			t.Errorf("declared %+v, want %+v", declared, want)
		}
	}
	other := edited
	other.Campaign.Name = "another"
	if declared := w.declare(other); declared != (database.Declared{Epoch: want.Epoch, Full: true}) {
		t.Errorf("a campaign that was never declared: %+v", declared)
	}
	testworld.Exec(t, w, "DELETE FROM referral.revision WHERE campaign = 'gone'")
	if declared := w.declare(edited); declared.Full || declared.Revision != 2 {
		t.Errorf("with room again: %+v", declared)
	}
}
