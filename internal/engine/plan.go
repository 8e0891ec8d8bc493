package engine

import (
	"context"
	"errors"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// PlanRequest asks what an edit of a campaign would do.
type PlanRequest struct {
	Campaign    database.Campaign
	Declaration *database.Declaration      // what would be declared; nil: as declared now
	Delete      bool                       // the campaign is deleted with Reverse instead
	Largest     int                        // how many of the largest differences to name per kind of beneficiary; 0: none
	Progress    func(decided, total int64) // called after each key range; nil: not wanted
}

// PlanResult is what an edit would do, each referee as of one moment between From and To.
type PlanResult struct {
	From, To   time.Time        // by the database's clock
	StepDigest string           // of the edit and the revision that it starts from
	Effects    []reward.Effects // by currency
	Forward    []reward.Forward // by currency
	Pairs      reward.PlanPairs
	Reasons    []reward.ReasonCount // in the order of the closed list
	Largest    []reward.Difference  // the largest first
	Estimate   bool                 // a budget binds, and which pairs it admits may depend on the order between shards
}

// Plan returns what an edit would do. It runs the same functions as a batch over all referees that
// the campaign concerns, reads only, and holds one connection for one key range at a time.
func Plan(ctx context.Context, db *postgres.DB, request PlanRequest) (*PlanResult, error) {
	return nil, errors.New("plans are not built yet")
}
