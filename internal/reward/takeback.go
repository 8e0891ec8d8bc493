package reward

// TakeBack returns the decision about a pair whose campaign was deleted with Reverse: the pair
// earns nothing and gives up its place. It depends on the recorded pair alone, so that the credit
// of a referee that cannot be decided is taken back too. If the campaign is declared again, the
// pair is decided anew.
func TakeBack(pair *Pair) Decision {
	decision := (&candidate{pair: pair, lapsed: true}).recorded()
	decision.State, decision.Reason, decision.Allowed = Reversed, CampaignDeleted, false
	return decision
}

// TakeBackUndecided returns the decision that takes back the credit of a purchase without a
// recorded pair.
func TakeBackUndecided(campaign, purchaseID string, revision int) Decision {
	return Decision{PurchaseID: purchaseID, Campaign: campaign, Revision: revision, State: NotCounting, Reason: CampaignDeleted}
}

// TakeBackUnknown returns decisions that take back the credit of purchases of which nothing is
// known but ledger entries: neither a fact nor a recorded pair. Entries of a suspended campaign
// stay.
func TakeBackUnknown(config *Configuration, referee *Referee, outcome *Outcome) []Decision {
	known := make(map[string]bool, len(outcome.Decisions)+len(referee.Pairs))
	for i := range outcome.Decisions {
		known[outcome.Decisions[i].PurchaseID] = true
	}
	for i := range referee.Pairs {
		known[referee.Pairs[i].PurchaseID] = true
	}
	reason := PurchaseRemoved
	if outcome.Attribution == nil {
		reason = NotAttributed
	}
	var decisions []Decision
	for i := range referee.Ledger {
		sum := &referee.Ledger[i]
		campaign := config.Campaigns[sum.Campaign]
		suspended := campaign != nil && campaign.Mode == Suspended
		if sum.Sum == 0 || known[sum.PurchaseID] || suspended {
			continue
		}
		known[sum.PurchaseID] = true
		decisions = append(decisions, Decision{PurchaseID: sum.PurchaseID, Campaign: sum.Campaign, State: NotCounting, Reason: reason})
	}
	return decisions
}
