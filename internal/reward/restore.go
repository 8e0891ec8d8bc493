package reward

import "slices"

// Restore completes a pair whose row was lost or altered, given what its ledger
// entries or credits tell of it. Whatever is decided goes on from there: the
// pair keeps its campaign, revision, beneficiaries and amounts.
//
// purchase is that of the pair; nil: its row is gone.
func (c *Configuration) Restore(referee *Referee, purchase *Purchase, pair Pair) Pair {
	if pair.ReferrerID = referrerOf(referee, &pair); pair.State != Held && pair.State != Granted {
		if pair.Campaign == "" && referee.Attribution != nil {
			pair.Campaign = referee.Attribution.Campaign
		}
	}
	campaign := c.Campaigns[pair.Campaign]
	if campaign == nil || len(campaign.Revisions) == 0 {
		return pair
	}
	revision := campaign.index(pair.Revision)
	if revision < 0 {
		revision = campaign.arrived(referee.Signup, purchase)
	}
	terms := &campaign.Revisions[revision].Terms
	pair.Revision = campaign.Revisions[revision].Number
	if pair.Ordinal == 0 && pair.occupies() {
		pair.Ordinal = terms.ordinalOf(pair.Credits)
	}
	if purchase != nil && referee.Signup != nil {
		pair.QualifiedAt = later(referee.Signup.SignedUpAt, purchase.PurchasedAt)
		pair.MaturesAt = maturesAt(purchase.PurchasedAt, terms.HoldPeriod)
	}
	return pair
}

// referrerOf is who invited: the attribution says so, else whoever is credited
// beside the referee.
func referrerOf(referee *Referee, pair *Pair) string {
	if referee.Attribution != nil {
		return referee.Attribution.ReferrerID
	}
	for i := range pair.Credits {
		if id := pair.Credits[i].BeneficiaryID; id != referee.UserID {
			return id
		}
	}
	return pair.ReferrerID
}

// arrived is the index of the revision that was the newest when a pair arrived.
func (c *Campaign) arrived(signup *Signup, purchase *Purchase) int {
	if signup == nil || purchase == nil {
		return 0
	}
	at := later(signup.ArrivedAt, purchase.ArrivedAt)
	for i := len(c.Revisions) - 1; i > 0; i-- {
		if at.After(c.Revisions[i].RecordedAt) {
			return i
		}
	}
	return 0
}

// ordinalOf is the lowest ordinal with which a pair earns such credits. Which it
// was exactly is lost; its tier is not.
func (t *Terms) ordinalOf(credits []Credit) int64 {
	for i := range t.Rewards {
		for _, tier := range t.Rewards[i].Tiers {
			earned := Credit{Reward: t.Rewards[i].Name, Money: tier.Fixed}
			if slices.ContainsFunc(credits, func(c Credit) bool { return c.Reward == earned.Reward && c.Money == earned.Money }) {
				return tier.FromPair
			}
		}
	}
	return 1
}
