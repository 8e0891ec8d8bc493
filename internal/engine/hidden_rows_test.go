package engine_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Row-level security that applies to the owner too hides every row of a table without a policy.
func TestHiddenFactsAreNotTakenForDeletedOnes(t *testing.T) {
	t.Parallel()
	s := newMany(t, engine.Options{})
	for _, table := range []string{"purchase", "signup", "change"} {
		t.Run(table, func(t *testing.T) {
			s := s.in(t)
			s.asOwner("ALTER TABLE referral." + table + " ENABLE ROW LEVEL SECURITY")
			s.resync() // the owner still finds all rows

			s.asOwner("ALTER TABLE referral." + table + " FORCE ROW LEVEL SECURITY")
			s.request()
			aside, err := s.engine.FailedAlone(t.Context(), 3)
			if err == nil {
				err = s.engine.ResyncErr()
			}
			if class := postgres.Classify(err); class != postgres.ClassPermissionDenied || aside != 0 {
				t.Errorf("%d referees failed alone; %s: %v", aside, class, err)
			}
			s.expect("pairs", states, keptAll)

			s.asOwner("ALTER TABLE referral." + table + " NO FORCE ROW LEVEL SECURITY")
			testworld.Must(t, s.engine.Resync(t.Context()))
			s.converge()
			s.expect("pairs afterwards", states, keptAll)
		})
	}
}
