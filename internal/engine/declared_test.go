package engine_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Postgres compiles a statement with a higher estimate, which takes seconds. The planner
// overestimates tables that were never analyzed.
func TestLoadingTheConfigurationIsEstimatedAsCheap(t *testing.T) {
	s := newShop(t)
	var plan []struct {
		Plan struct {
			Cost float64 `json:"Total Cost"`
		}
	}
	testworld.Must(t, s.db.QueryRow(t.Context(), "EXPLAIN (FORMAT json) "+s.engine.Statement("load_configuration")).Scan(&plan))
	if cost := plan[0].Plan.Cost; cost <= 0 || cost > 50_000 {
		t.Errorf("the estimate is %f", cost)
	}
}
