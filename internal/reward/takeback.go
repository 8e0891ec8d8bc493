package reward

// TakeBack is what becomes of a pair whose campaign was deleted with Reverse:
// it earns nothing and has no place any more. It follows from the recorded pair
// alone, so that a referee that cannot be decided keeps nothing either. Declared
// again, the campaign decides about the pair anew.
func TakeBack(pair *Pair) Decision {
	decision := (&candidate{pair: pair, lapsed: true}).recorded()
	decision.State, decision.Reason, decision.Allowed = Reversed, CampaignDeleted, false
	return decision
}

// TakeBackUndecided is what becomes of credit under a purchase that has no
// recorded pair.
func TakeBackUndecided(campaign, purchaseID string, revision int) Decision {
	return Decision{PurchaseID: purchaseID, Campaign: campaign, Revision: revision, State: NotCounting, Reason: CampaignDeleted}
}
