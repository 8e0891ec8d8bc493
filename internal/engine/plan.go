package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// PlanRequest asks what an edit of a campaign would do.
type PlanRequest struct {
	Campaign    database.Campaign
	Declaration *database.Declaration      // what would be declared; nil: as declared now
	Delete      bool                       // the campaign is deleted with Reverse instead
	Tenant      string                     // as in Options
	Largest     int                        // how many of the largest differences of beneficiaries to name; 0: none
	Progress    func(decided, total int64) // called after each key range; nil: not wanted
}

// PlanResult is what an edit would do, each referee as of one moment between From and To.
type PlanResult struct {
	From, To   time.Time            // by the database's clock
	StepDigest string               // of the edit and the revision that it starts from
	Effects    []reward.Effects     // by currency
	Forward    []reward.Forward     // by currency
	Pairs      reward.PlanPairs     // of the campaign
	Reasons    []reward.ReasonCount // in the order of the closed list
	Largest    []reward.Difference  // the largest first

	// Estimate reports that capacity is short and some pairs get it: which ones may depend on the
	// order between shards. So it is if the campaign has tiers, and pairs are taken back while
	// others are admitted, or a referrer gets several pairs of different revisions or states. It is
	// also set if pairs of other limited campaigns move, if a signup's attribution follows the
	// facts again, if waiting pairs that the rollout reaches are admitted, which may happen before
	// it reaches them, and if pairs are reversed because their rows are missing, which may be
	// withheld. And it is set if RollingOut is.
	Estimate bool

	// RollingOut reports that a rollout of the campaign has still to move pairs. What an edit moves
	// depends on how far the rollout is when the edit is made.
	RollingOut bool

	// Pending counts the referees that a pending change concerns, or with a hold that has ended. They
	// are decided under the edit, so Effects includes what deciding them moves without the edit.
	Pending int64
}

// planRestarts is how often a plan begins again because the configuration has moved.
const planRestarts = 10

// forwardDays is the time before a plan whose pairs show what new pairs would earn.
const forwardDays = 30 * 24 * time.Hour

// Plan returns what an edit would do. It takes all referees that the campaign concerns, one key
// range after the other, through the steps of a batch up to the ledger entries, with the proposed
// configuration in place of the declared one, and adds up what a batch would record. It only reads,
// and holds one connection for one key range at a time.
//
// A campaign that is suspended is planned as if it were open. A referee that cannot be decided, or
// is withheld, stays as it is, except by a deletion.
//
// While a declaration changes the configuration, the plan begins again.
func Plan(ctx context.Context, db *postgres.DB, request PlanRequest) (*PlanResult, error) {
	for restarts := 0; ; restarts++ {
		result, err := planOnce(ctx, db, &request)
		if err == nil {
			return result, nil
		}
		if !errors.Is(err, ErrConfigurationMoved) || restarts == planRestarts {
			return nil, fmt.Errorf("while planning campaign %s: %w", request.Campaign.Name, err)
		}
	}
}

// plan is one run over all referees.
type plan struct {
	engine   *Engine // never runs: it has the statements
	request  *PlanRequest
	inForce  *Declared
	proposed *Declared
	step     reward.Step
	drifts   bool // nothing is proposed: the plan finds drift, like a resync
	since    time.Time
	result   PlanResult

	// attributes reports that the proposal may change which signups are attributed to the campaign.
	attributes bool

	tally    *reward.Tally
	shares   map[string]*share // what the plan frees of limited campaigns, by name
	claims   []plannedClaim
	bytes    int  // estimate of the memory of claims
	overflow bool // there are more claims than the memory for a batch: they are served in the order of their referees

	bytesUnadmitted int // estimate of the memory of the shares' unadmitted pairs
	bytesAdmitted   int // and of their capacities' admitted pairs, as far as ranges have added them

	decided, total int64
}

// plannedClaim is a claim on a limited campaign, with what adding it up needs.
type plannedClaim struct {
	reward.Claim
	before *reward.Pair
	sums   []reward.LedgerSum // of the purchase
}

func planOnce(ctx context.Context, db *postgres.DB, request *PlanRequest) (*PlanResult, error) {
	p, err := newPlan(ctx, db, request)
	if err != nil {
		return nil, err
	}
	return p.run(ctx)
}

func newPlan(ctx context.Context, db *postgres.DB, request *PlanRequest) (*plan, error) {
	inForce, err := LoadDeclared(ctx, db)
	if err != nil {
		return nil, err
	}
	switch {
	case inForce.OwnerUID != request.Campaign.OwnerUID:
		return nil, ErrNotOwner
	case !inForce.versionsKnown():
		return nil, errors.New("the schema or rules version of the database is not this binary's")
	}
	inForce.RollingOut = nil // rollouts are planned from where they are
	return &plan{engine: New(db, Options{Tenant: request.Tenant}), request: request, inForce: &inForce}, nil
}

// run takes all referees through the plan.
func (p *plan) run(ctx context.Context) (*PlanResult, error) {
	if err := p.begin(ctx); err != nil {
		return nil, err
	}
	if err := p.walk(ctx, p.addRange); err != nil {
		return nil, err
	}
	if err := p.allocate(ctx); err != nil {
		return nil, err
	}
	p.result.StepDigest = p.step.Digest()
	p.result.Effects, p.result.Forward = p.tally.Effects(), p.tally.Forward()
	p.result.Pairs, p.result.Reasons = p.tally.Pairs(), p.tally.Reasons()
	p.result.Largest = p.tally.Largest(p.request.Largest)
	return &p.result, nil
}

// begin reads the clock and builds the proposed configuration.
func (p *plan) begin(ctx context.Context) error {
	name := p.request.Campaign.Name
	var now time.Time
	var policy string
	err := p.engine.db.Snapshot(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, p.engine.statement("plan_begin"), name).Scan(&now, &p.step.Database, &policy, &p.total, &p.result.RollingOut)
	})
	if err != nil {
		return fmt.Errorf("while reading the clock: %w", err)
	}
	p.result.Estimate = p.result.RollingOut
	p.result.From, p.result.To, p.since = now, now, now.Add(-forwardDays)
	p.tally = reward.NewTally(name, p.request.Largest > 0)
	p.shares = map[string]*share{}
	return p.propose(now, policy)
}
