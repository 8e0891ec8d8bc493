package facts_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

func TestHostileDefaultsOfTheWriterChangeNothing(t *testing.T) {
	t.Parallel()
	for name, defaults := range testworld.HostileDefaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := migrated.New(t)
			own.MakeHostile(t, testworld.WriterRole, defaults)
			writer := migrated.Open(t, own.WriterURI)
			migrated.Declare(t, migrated.Open(t, own.URI), "invite", migrated.FiveDollars())
			store := facts.New(writer, writer)
			link, err := store.Link(t.Context(), &facts.Link{Campaign: "invite", ReferrerID: "anna"}, func() string { return "anna1" })
			testworld.Must(t, err)
			_, err = store.SignUp(t.Context(), &facts.Signup{
				UserID: "józef", VisitorID: new("v"), Touches: []touches.Touch{{VisitorID: "v", ID: "t", Code: *link.Stored.Code, At: noon}},
			})
			testworld.Must(t, err)
			for range 2 {
				_, err = store.Purchase(t.Context(), &facts.Purchase{UserID: "józef", PurchaseID: "p", Amount: 2500, Currency: "USD"})
				testworld.Must(t, err)
			}
			w := &world{TB: t, operator: migrated.Open(t, own.URI)}
			// chr(243) is ó, whatever the encoding of this connection.
			w.expect("facts", `SELECT (SELECT count(*) FROM referral.touch), (SELECT count(*) FROM referral.signup WHERE user_id = 'j' || chr(243) || 'zef'),
				(SELECT count(*) FROM referral.purchase WHERE user_id = 'j' || chr(243) || 'zef')`, "1 1 1")
		})
	}
}
