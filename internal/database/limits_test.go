package database_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Limits were part of revisions before they were the campaign's. An upgrade keeps the cap that was
// in force, and declaring the same policy again adds no revision.
func TestLimitsOfRevisionsBecomeTheCampaigns(t *testing.T) {
	own := testworld.NewDatabase(t)
	db := open(t, own.URI, postgres.DefaultSchema)
	undo := database.OnlyMigrationsUpTo(8)
	migrated(t, db)
	undo()
	for _, statement := range []string{
		`INSERT INTO referral.campaign (name, mode, attribution_window, destination, uid, generation, policy, policy_uid, policy_generation)
		 VALUES ('capped', 'Open', 1, '', 'c', 1, 'p', 'p', 1), ('lowered', 'Open', 1, '', 'c', 1, 'p', 'p', 1),
		        ('limited late', 'Open', 1, '', 'c', 1, 'p', 'p', 1), ('unlimited', 'Open', 1, '', 'c', 1, 'p', 'p', 1)`,
		`INSERT INTO referral.revision (campaign, revision, digest, terms, scope)
		 SELECT campaign, revision, 'old', '{"purchases": "First", "rewards": []}'::jsonb || coalesce(jsonb_build_object('limits', jsonb_build_object('pairsPerReferrer', cap)), '{}'), 'AllPairs'
		   FROM (VALUES ('capped', 1, 5), ('lowered', 1, 9), ('lowered', 2, 3)) AS r(campaign, revision, cap)
		 UNION ALL SELECT 'limited late', 1, 'old', '{"purchases": "First", "rewards": []}', 'NewPairs'
		 UNION ALL SELECT 'limited late', 2, 'old', '{"purchases": "First", "rewards": [], "limits": {"pairsPerReferrer": 4}}', 'NewPairs'
		 UNION ALL SELECT 'unlimited', 1, 'old', '{"purchases": "First", "rewards": []}', 'NewPairs'`,
		`INSERT INTO referral.rollout (campaign, revision, total, revised_before) VALUES ('lowered', 2, 1, 0)`,
	} {
		_, err := db.Exec(t.Context(), statement)
		testworld.Must(t, err)
	}
	migrated(t, db)
	want := []string{"capped 5 5", "limited late 4 -", "lowered 3 9", "unlimited - -"}
	got := testworld.Column[string](t, db, `SELECT concat_ws(' ', name, coalesce(pairs_per_referrer::text, '-'), coalesce(highest_cap::text, '-'))
	                                FROM referral.campaign ORDER BY 1`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := testworld.Column[string](t, db, "SELECT concat_ws(' ', campaign, revision, reached_all) FROM referral.rollout"); len(got) != 1 || got[0] != "lowered 2 t" {
		t.Errorf("rollouts of before: %q", got)
	}

	_, err := database.Claim(t.Context(), db, shop, "")
	testworld.Must(t, err)
	for range 2 {
		declared, err := database.Declare(t.Context(), db, database.Declaration{
			Campaign: database.Campaign{OwnerUID: shop.UID, Name: "capped", UID: "c"}, Mode: database.Open, AttributionWindow: 1000, Generation: 1,
			Policy: database.Policy{Name: "p", UID: "p", Generation: 1}, Scope: "AllPairs", PairsPerReferrer: 5,
			Terms: json.RawMessage(`{"rewards": [], "purchases": "First"}`), Digest: "new",
		})
		testworld.Must(t, err)
		if declared.Revision != 1 || declared.Digest != "new" {
			t.Errorf("declared %+v", declared)
		}
	}
}

// Terms of a revision that are longer than any policy's are not parsed, whatever they say.
func TestTermsThatNoPolicyHasAreNotCompared(t *testing.T) {
	w := newWorld(t)
	long := `{"rewards": [` + strings.Repeat("{}, ", 20_000) + `{}]}`
	w.declare(invite())
	_, err := w.Exec(t.Context(), `UPDATE referral.revision SET terms = $1::jsonb || '{"limits": {}}'`, long)
	testworld.Must(t, err)
	declared := w.declare(invite(func(d *database.Declaration) { d.Terms, d.Digest = []byte(long), "long" }))
	if declared.Revision != 2 {
		t.Errorf("declared %+v", declared)
	}
}
