package database_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestDefaultsOfDatabaseAndRoleChangeNothing(t *testing.T) {
	t.Parallel()
	for name, defaults := range testworld.HostileDefaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := testworld.NewDatabase(t)
			own.MakeHostile(t, own.Operator, defaults)
			db := open(t, own.URI, postgres.DefaultSchema)
			migrated(t, db)
			_, err := database.Claim(t.Context(), db, shop, "")
			testworld.Must(t, err)
			testworld.Must(t, database.GrantRoles(t.Context(), db, shop.UID, 0, database.Roles{Writers: []string{testworld.WriterRole}}))
			for i := range 2 {
				testworld.Must(t, useAll(t.Context(), db, invite(func(d *database.Declaration) { d.Generation += int64(i) })))
			}
			testworld.Must(t, database.SetSuspended(t.Context(), db, shop.UID, 1, true))
			testworld.Must(t, database.RequestResync(t.Context(), db, inviteFriends(""), "now"))
			if _, err := database.CloseCampaign(t.Context(), db, inviteFriends("c1")); err != nil {
				t.Fatal(err)
			}
			testworld.Must(t, database.Release(t.Context(), db, shop))
			status, err := database.ReadStatus(t.Context(), db)
			testworld.Must(t, err)
			if len(status.Campaigns) != 1 || status.Campaigns[0].Mode != database.Closed || !status.Suspended {
				t.Errorf("%+v", status)
			}
		})
	}
}

// A server may answer a list of names with an array in text format.
func TestServerMayNotAnswerWithLargeArrays(t *testing.T) {
	names := slices.Repeat([]string{"a"}, 1<<20)
	for name, answers := range map[string]testworld.Answers{
		"roles":             {"The listed roles that do not exist": {names, false}},
		"columns of grants": {"The listed roles that do not exist": {[]string(nil), false}, "The rights that must be granted": {"GRANT", "a", "link", "INSERT", names}},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, answers.Serve(t), postgres.DefaultSchema)
			err := database.GrantRoles(t.Context(), db, shop.UID, 0, database.Roles{Writers: []string{"a"}})
			if err == nil || !strings.Contains(err.Error(), "the server sends an array in text format") {
				t.Errorf("error %.1000v", err)
			}
		})
	}
}
