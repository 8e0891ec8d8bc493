package engine

import (
	"slices"

	"github.com/referral-operator/referral-operator/internal/reward"
)

const (
	bytesPerClaim = 1024 // of memory, of a claim that a plan keeps
	bytesPerSum   = 128  // of a credit or a ledger sum of it, beside its texts

	// Referrers whose numbers of pairs a plan keeps, per limited campaign; and the memory of one in
	// all campaigns together, beside its id.
	mostReferrers    = 50_000
	bytesPerReferrer = 128
)

// bytesOfClaims bounds the memory of the claims that a plan keeps, beside that of its range.
var bytesOfClaims = bytesPerBatch / 2

// addRange adds up a range, except claims on limited campaigns, which wait until the capacity that
// the plan frees is known.
func (p *plan) addRange(r *planRange) error {
	for _, referee := range r.referees {
		if referee.cause == nil {
			p.addForward(referee)
			if p.losesAttribution(referee) || !p.request.Delete && len(referee.lostPairs()) > 0 {
				p.result.Estimate = true // other campaigns may attribute it afterwards; reversals may be withheld
			}
		}
		p.addReferee(referee)
	}
	shares, _ := r.shares()
	for _, s := range shares {
		p.addShare(s)
	}
	p.result.Pending += r.pendingReferees
	p.decided += int64(len(r.referees))
	p.total = max(p.total, p.decided)
	if p.request.Progress != nil {
		p.request.Progress(p.decided, p.total)
	}
	return nil
}

// addForward adds what the referee's recent pairs would earn. A pair that the newest terms cannot
// decide earns nothing.
func (p *plan) addForward(r *referee) {
	_ = Contain(func() error {
		return p.tally.AddForward(p.inForce.Reward, p.proposed.Reward, &r.Referee, r.outcome.Attribution, p.since)
	})
}

// addShare adds the capacity that a range frees. Nothing is admitted in a campaign that is deleted.
func (p *plan) addShare(s *share) {
	if s.campaign.Mode == reward.Reversing {
		return
	}
	sum := p.shareOf(s.campaign)
	sum.freed.Add(&sum.freed, &s.freed)
	for referrer, n := range s.unadmitted {
		if _, known := sum.unadmitted[referrer]; !known {
			size := bytesPerReferrer + len(referrer)
			if len(sum.unadmitted) == mostReferrers || p.bytesUnadmitted+size > bytesPerBatch {
				p.result.Estimate = true
				continue
			}
			p.bytesUnadmitted += size
		}
		sum.unadmitted[referrer] += n
	}
}

// losesAttribution reports whether the attribution of a referee, which its pairs keep until now,
// follows the facts again afterwards.
func (p *plan) losesAttribution(r *referee) bool {
	return p.proposed.Reward.KeepsAttribution(r.Pairs) && !p.proposed.Reward.KeepsAttribution(r.pairsAfter())
}

func (p *plan) shareOf(campaign *reward.Campaign) *share {
	if p.shares[campaign.Name] == nil {
		p.shares[campaign.Name] = &share{campaign: campaign, unadmitted: map[string]int64{}}
	}
	return p.shares[campaign.Name]
}

// addReferee adds the decisions about one referee, and keeps its claims.
func (p *plan) addReferee(r *referee) {
	claimed := map[*reward.Decision]bool{}
	for i := range r.outcome.Claims {
		claim := &r.outcome.Claims[i]
		claimed[claim.Decision] = true
		p.keep(r, claim)
	}
	decisions := r.outcome.Decisions
	switch {
	case r.cause != nil && p.request.Delete:
		decisions = r.takeBack(p.request.Campaign.Name)
	case r.cause == nil && r.resynced:
		decisions = append(slices.Clip(decisions), reward.TakeBackUnknown(p.proposed.Reward, &r.Referee, &r.outcome)...)
	}
	for i := range decisions {
		decision := &decisions[i]
		if i < len(r.outcome.Decisions) && claimed[&r.outcome.Decisions[i]] {
			continue
		}
		if err := p.addPair(r.pair(decision.PurchaseID), decision, r.sumsOf(decision.PurchaseID)); err != nil {
			return // the referee would be set aside
		}
	}
}

// keep keeps a claim until the whole capacity is known, as long as there is memory.
func (p *plan) keep(r *referee, claim *reward.Claim) {
	if p.overflow {
		return
	}
	kept := r.plannedClaim(claim)
	p.bytes += kept.bytes()
	if p.bytes > bytesOfClaims {
		p.overflow, p.claims = true, nil
		return
	}
	p.claims = append(p.claims, kept)
}

// bytes estimates the memory of the claim. Usually it is bytesPerClaim.
func (c *plannedClaim) bytes() int {
	credits := c.Decision.Credits
	if c.before != nil {
		credits = slices.Concat(credits, c.before.Credits)
	}
	most := c.Size() // once it is admitted or waits
	size := bytesPerClaim/2 + bytesPerSum*most.Credits + bytesPerTier*most.Tiers + len(c.UserID()) + len(c.Decision.PurchaseID) + len(c.Decision.ReferrerID)
	for i := range credits {
		size += bytesPerSum + len(credits[i].Reward) + len(credits[i].BeneficiaryID)
	}
	for i := range c.sums {
		size += bytesPerSum + len(c.sums[i].Reward) + len(c.sums[i].BeneficiaryID)
	}
	return max(bytesPerClaim, size)
}

func (r *referee) plannedClaim(claim *reward.Claim) plannedClaim {
	kept := plannedClaim{Claim: claim.Detach(), sums: r.sumsOf(claim.Decision.PurchaseID)}
	if before := r.pair(claim.Decision.PurchaseID); before != nil {
		pair := *before
		kept.before = &pair
	}
	return kept
}

// sumsOf returns the ledger sums of one purchase.
func (r *referee) sumsOf(purchaseID string) []reward.LedgerSum {
	var sums []reward.LedgerSum
	for i := range r.Ledger {
		if r.Ledger[i].PurchaseID == purchaseID {
			sums = append(sums, r.Ledger[i])
		}
	}
	return sums
}

// takeBack returns the decisions of a reversal about a referee that cannot be decided: by its rows
// alone.
func (r *referee) takeBack(campaign string) []reward.Decision {
	var decisions []reward.Decision
	for i := range r.Pairs {
		if r.Pairs[i].Campaign == campaign {
			decisions = append(decisions, reward.TakeBack(&r.Pairs[i]))
		}
	}
	for i := range r.Ledger {
		if sum := &r.Ledger[i]; sum.Campaign == campaign && r.pair(sum.PurchaseID) == nil {
			decisions = append(decisions, reward.TakeBackUndecided(campaign, sum.PurchaseID, 0))
		}
	}
	return decisions
}
