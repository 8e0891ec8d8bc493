package engine

import (
	"fmt"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// decide lets package reward decide each referee. A referee that cannot be decided is set aside;
// the others are decided.
func (b *batch) decide() {
	for _, r := range b.referees {
		if err := r.decide(b); err != nil {
			b.setAside(r, err)
		}
	}
}

func (r *referee) decide(b *batch) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the decision broke off: %v", fault)
		}
	}()
	r.outcome, err = reward.Decide(b.config.Reward, &r.Referee, b.now)
	return err
}

// computeEntries computes the ledger entries that the decisions need.
func (b *batch) computeEntries() {
	for _, r := range b.referees {
		if r.cause != nil {
			continue
		}
		entries, err := reward.Settle(append(r.outcome.Decisions, r.unknownEntries(b.config.Reward)...), r.Ledger)
		if err != nil {
			b.setAside(r, err)
			continue
		}
		r.entries = entries
	}
}

// unknownEntries are decisions that take back ledger entries of purchases of which nothing else is
// known. Only a resync takes them back.
func (r *referee) unknownEntries(config *reward.Configuration) []reward.Decision {
	if !r.resynced {
		return nil
	}
	known := make(map[string]bool, len(r.outcome.Decisions))
	for i := range r.outcome.Decisions {
		known[r.outcome.Decisions[i].PurchaseID] = true
	}
	var decisions []reward.Decision
	for i := range r.Ledger {
		sum := &r.Ledger[i]
		campaign := config.Campaigns[sum.Campaign]
		suspended := campaign != nil && campaign.Mode == reward.Suspended
		if sum.Sum == 0 || known[sum.PurchaseID] || suspended || r.pair(sum.PurchaseID) != nil {
			continue
		}
		known[sum.PurchaseID] = true
		reason := reward.PurchaseRemoved
		if r.outcome.Attribution == nil {
			reason = reward.NotAttributed
		}
		decisions = append(decisions, reward.Decision{PurchaseID: sum.PurchaseID, Campaign: sum.Campaign, State: reward.NotCounting, Reason: reason})
	}
	return decisions
}

func (b *batch) setAside(r *referee, cause error) {
	r.setAside(cause)
	b.engine.log.Error("Setting a referee aside", "user", r.UserID, "cause", cause)
}
