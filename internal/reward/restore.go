package reward

import "slices"

// Remains are what is left of a pair whose row is missing or was altered.
type Remains struct {
	PurchaseID string
	Row        *Pair    // the altered row; nil: it is missing
	Ledger     *Entered // nil: nothing was ever granted for the purchase
	Credits    []Credit // recorded credits that were not altered
	Campaign   string   // of Credits
	Place      *Place   // its intact row on the waitlist; nil: there is none
}

// Place is the place of a pair on the waitlist of a campaign.
type Place struct {
	Campaign, ReferrerID string
	Order                int64
	Growing              bool // admitted already
}

// Entered is what the engine's own ledger entries say about a pair.
type Entered struct {
	Campaign string // of the newest entry, as the next two
	Revision int
	Reason   Reason
	Credits  []Credit // the sums of the campaign's entries; empty: the entries cancel out
}

// Restore returns the pair that the remains belong to. The pair keeps its campaign, revision,
// beneficiaries and amounts, so that it is not decided anew. What the ledger grants wins over
// credits, credits over the waitlist, and the waitlist over the row. The ordinal comes from the row
// alone. A pair that is granted nothing, has no credits and has a place on the waitlist is Waiting
// there. A Reversed pair keeps the referrer and the times of its row: attribution and facts may have
// changed since, and are considered again if the pair is decided anew.
//
// purchase is the purchase of the pair; nil: its row is missing.
func (c *Configuration) Restore(referee *Referee, purchase *Purchase, remains Remains) Pair {
	pair := remains.pair()
	recorded := pair.State == Reversed && remains.Row != nil && remains.Row.State == Reversed
	if !recorded {
		pair.ReferrerID = referrerOf(referee, &pair)
	}
	if !pair.State.Occupies() && pair.Campaign == "" && referee.Attribution != nil {
		pair.Campaign = referee.Attribution.Campaign
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
	if pair.State.Occupies() && !terms.priced(pair.Ordinal, pair.Credits) {
		pair.Ordinal = terms.ordinalOf(pair.Credits)
	}
	if !recorded && purchase != nil && referee.Signup != nil {
		pair.QualifiedAt = later(referee.Signup.SignedUpAt, purchase.PurchasedAt)
		pair.MaturesAt = maturesAt(purchase.PurchasedAt, terms.HoldPeriod)
		if remains.Row == nil && pair.State == Waiting {
			pair.CountedAt = later(referee.Signup.ArrivedAt, purchase.ArrivedAt)
		}
	}
	return pair
}

// RestoreCredits gives a pair whose row is intact, but whose credits are missing or were altered,
// the credits that it had: what the ledger says of a granted pair, else the credits that are
// intact. It reports whether the missing credits of a held pair count as given: without a budget a
// pair that is not on the waitlist receives them again at once, and accounts and counters have them
// already. With a budget they are growth, which only capacity allows.
func (c *Configuration) RestoreCredits(pair *Pair, ledger *Entered, intact []Credit, onWaitlist bool) (countsAsGiven bool) {
	if pair.State == Granted && ledger != nil && len(ledger.Credits) > 0 {
		pair.Credits = ledger.Credits
		return false
	}
	pair.Credits = intact
	campaign := c.Campaigns[pair.Campaign]
	return pair.State == Held && !onWaitlist && campaign != nil && campaign.Budget == nil
}

// pair returns the pair as the remains alone describe it.
func (r *Remains) pair() Pair {
	pair := Pair{PurchaseID: r.PurchaseID}
	if r.Row != nil {
		pair = *r.Row
	}
	pair.State, pair.Reason, pair.Credits = Reversed, "", nil
	if r.Place != nil {
		pair.Order = r.Place.Order
	}
	switch l := r.Ledger; {
	case l != nil && len(l.Credits) > 0:
		pair.State, pair.Reason, pair.Credits = Granted, l.Reason, l.Credits
		pair.Campaign, pair.Revision = l.Campaign, l.Revision
	case len(r.Credits) > 0:
		pair.State, pair.Reason, pair.Credits, pair.Campaign = Held, HoldPeriod, r.Credits, r.Campaign
	case r.Place != nil && !r.Place.Growing:
		pair.State, pair.Campaign, pair.ReferrerID = Waiting, r.Place.Campaign, r.Place.ReferrerID
		switch {
		case l != nil && l.Campaign == pair.Campaign:
			pair.Ordinal = r.ordinalBefore()
			if r.Row == nil {
				pair.Revision = l.Revision
			}
		case r.Row != nil && r.Row.State != Waiting:
			pair.Ordinal = 0 // the row says wrongly that the pair is admitted, or was
		}
	case r.Row.takenBack(): // without an entry, if it was reversed before its campaign was
		return *r.Row
	case l != nil:
		pair.Reason, pair.Campaign, pair.Revision = l.Reason, l.Campaign, l.Revision
		pair.Ordinal = r.ordinalBefore()
	case r.Row != nil && !r.Row.State.Occupies():
		return *r.Row
	default: // nothing shows that the pair has earned credit
		pair.Order, pair.Ordinal = 0, 0
	}
	return pair
}

// takenBack reports whether the pair was Reversed with its campaign.
func (p *Pair) takenBack() bool {
	return p != nil && p.State == Reversed && p.Reason == CampaignDeleted
}

// ordinalBefore returns the ordinal of a pair that has no credit, though the ledger has entries of
// it. A row that does not claim credit says so itself. Else the pair was admitted before, unless its
// newest entries took it back with its campaign, see TakeBack.
func (r *Remains) ordinalBefore() int64 {
	switch {
	case r.Row != nil && !r.Row.State.Occupies():
		return r.Row.Ordinal
	case r.Ledger.Reason == CampaignDeleted:
		return 0
	case r.Row != nil:
		return max(1, r.Row.Ordinal)
	}
	return 1
}

// priced reports whether a pair of that ordinal earns these credits.
func (t *Terms) priced(ordinal int64, credits []Credit) bool {
	for i := range t.Rewards {
		reward := &t.Rewards[i]
		if len(reward.Tiers) == 0 {
			continue
		}
		for _, c := range credits {
			if c.Reward == reward.Name && (ordinal < 1 || c.Money != reward.Tiers[tierOf(reward.Tiers, ordinal)].Fixed) {
				return false
			}
		}
	}
	return ordinal > 0
}

// referrerOf returns the referrer of a restored pair: of the attribution, else the beneficiary of a
// credit that is not the referee's.
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

// arrived returns the index of the revision that was the newest when a pair arrived.
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

// ordinalOf returns the lowest ordinal with which a pair earns these credits. The exact ordinal is
// lost, but its tier is known.
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
