package engine

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// allocate gives the capacity of each limited campaign to the claims on it, in admission order, and
// adds them up.
func (p *plan) allocate(ctx context.Context) error {
	if p.overflow {
		return p.allocateByRange(ctx)
	}
	byCampaign := map[string][]plannedClaim{}
	for _, claim := range p.claims {
		name := claim.Decision.Campaign
		byCampaign[name] = append(byCampaign[name], claim)
		s := p.shareOf(p.proposed.Reward.Campaigns[name])
		s.claims = append(s.claims, claim.Claim)
	}
	if err := p.loadCapacities(ctx, byCampaignName(p.shares)...); err != nil {
		return err
	}
	for name, s := range p.shares {
		if err := p.serve(s); err != nil {
			return err
		}
		for _, claim := range byCampaign[name] {
			if err := p.addPair(claim.before, claim.Decision, claim.sums); err != nil {
				return err
			}
		}
	}
	return nil
}

// addPair adds a decision that is complete. A waiting pair that the rollout moves to a new revision
// may be admitted before the rollout comes to it, under the revision that it has. Then only
// AllPairs reaches it, and only a pair that the new revision admits as well ends as planned.
func (p *plan) addPair(before *reward.Pair, d *reward.Decision, sums []reward.LedgerSum) error {
	moves := before != nil && before.State == reward.Waiting && before.Revision != d.Revision
	if moves && (p.step.Scope != reward.AllPairs || !d.State.Occupies()) {
		p.result.Estimate = true
	}
	return p.tally.AddPair(before, d, sums)
}

// serve gives the campaign's capacity to the claims of its share.
func (p *plan) serve(s *share) error {
	served, waiting, err := reward.AllocateAll(&s.capacity, s.claims)
	if err != nil {
		return err
	}
	frees := s.freed.Sign() != 0 || len(s.unadmitted) > 0
	switch {
	case s.campaign.Name == p.request.Campaign.Name:
		// A tier depends on whether a pair of the referrer is taken back before or after.
		repriced := s.campaign.Tiered() && served > 0 && (len(s.unadmitted) > 0 || p.overflow || tiersDependOnOrder(s.claims))
		p.result.Estimate = p.result.Estimate || repriced || waiting > 0 && served > 0
	case s.campaign.Waits && (frees || served > 0):
		p.result.Estimate = true // pairs of referees that the plan did not read wait there too
	}
	return nil
}

// tiersDependOnOrder reports whether a referrer's newly admitted pairs have different revisions or
// states, and one of them has no admission order yet. Batches of different shards may decide that
// pair before or after the others, which changes the tier of each.
func tiersDependOnOrder(claims []reward.Claim) bool {
	type kind struct {
		revision int
		state    reward.State
	}
	type admission struct {
		kind
		differ, unordered bool
	}
	admitted := map[string]*admission{}
	for i := range claims {
		d := claims[i].Decision
		if !claims[i].Admitted() {
			continue
		}
		is := kind{d.Revision, d.State}
		a := admitted[d.ReferrerID]
		if a == nil {
			a = &admission{kind: is}
			admitted[d.ReferrerID] = a
		}
		a.differ, a.unordered = a.differ || a.kind != is, a.unordered || d.Order == 0
		if a.differ && a.unordered {
			return true
		}
	}
	return false
}

// loadCapacities reads the capacity of the shares' campaigns, and adds what the shares free. The
// capacity is given as after a rollout that goes on: until then batches may admit nothing.
func (p *plan) loadCapacities(ctx context.Context, shares ...*share) error {
	b := newBatch(p.engine, p.proposed, turn{})
	defer b.releaseMemory()
	return p.engine.db.Snapshot(ctx, func(tx pgx.Tx) error {
		b.tx = tx
		if _, err := tx.Exec(ctx, b.statement("begin")); err != nil {
			return err
		}
		if err := b.loadCapacities(ctx, shares); err != nil {
			return err
		}
		for _, s := range shares {
			p.result.Estimate = p.result.Estimate || s.capacity.RollingOut
			s.capacity.RollingOut = false
		}
		return nil
	})
}

// allocateByRange reads all ranges once more, and serves the claims of each as they come: there are
// too many to keep.
func (p *plan) allocateByRange(ctx context.Context) error {
	if err := p.loadCapacities(ctx, byCampaignName(p.shares)...); err != nil {
		return err
	}
	return p.walk(ctx, func(r *planRange) error { return p.serveRange(ctx, r) })
}

func (p *plan) serveRange(ctx context.Context, r *planRange) error {
	byCampaign := map[string]*share{}
	var all []plannedClaim
	for _, referee := range r.referees {
		for i := range referee.outcome.Claims {
			claim := referee.plannedClaim(&referee.outcome.Claims[i])
			all = append(all, claim)
			name := claim.Decision.Campaign
			if byCampaign[name] == nil {
				byCampaign[name] = &share{campaign: p.proposed.Reward.Campaigns[name]}
			}
			byCampaign[name].claims = append(byCampaign[name].claims, claim.Claim)
		}
	}
	// A range whose reads fail is read again, so nothing is served before all is read.
	if err := p.loadAdmitted(ctx, byCampaign); err != nil {
		return err
	}
	for name, s := range byCampaign {
		sum := p.shares[name]
		s.capacity, s.unadmitted = sum.capacity, sum.unadmitted
		s.freed.Set(&sum.freed)
		if err := p.serve(s); err != nil {
			return err
		}
		sum.capacity.BudgetLeft = s.capacity.BudgetLeft
		for i := range s.claims {
			p.result.Estimate = p.result.Estimate || s.claims[i].Decision.Need != nil
		}
	}
	for _, claim := range all {
		if err := p.addPair(claim.before, claim.Decision, claim.sums); err != nil {
			return err
		}
	}
	return nil
}

// loadAdmitted reads, for the claims of a range, the numbers of admitted pairs of their referrers
// that are not known yet, and the capacity of a campaign whose first claim has appeared since the
// plan read the ranges before.
func (p *plan) loadAdmitted(ctx context.Context, claiming map[string]*share) error {
	p.forgetAdmitted()
	for _, c := range claiming {
		sum := p.shareOf(c.campaign)
		if sum.capacity.Admitted == nil {
			if err := p.loadCapacities(ctx, sum); err != nil {
				return err
			}
			p.result.Estimate = true
		}
		fresh := &share{campaign: c.campaign, claims: c.claims}
		if err := p.loadCapacities(ctx, fresh); err != nil {
			return err
		}
		for referrer, pairs := range fresh.capacity.Admitted {
			if _, known := sum.capacity.Admitted[referrer]; !known {
				p.bytesAdmitted += bytesPerReferrer + len(referrer)
				sum.capacity.Admitted[referrer] = pairs - sum.unadmitted[referrer]
			}
		}
	}
	return nil
}

// forgetAdmitted forgets the numbers of admitted pairs once there are too many to keep.
func (p *plan) forgetAdmitted() {
	most := 0
	for _, s := range p.shares {
		most = max(most, len(s.capacity.Admitted))
	}
	if most <= mostReferrers && p.bytesAdmitted <= bytesPerBatch {
		return
	}
	for _, s := range p.shares {
		clear(s.capacity.Admitted)
	}
	p.bytesAdmitted = 0
	p.result.Estimate = true
}
