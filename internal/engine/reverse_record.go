package engine

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// loadRange reads what is recorded of the campaign in the range, and nothing else. Withheld rows
// are locked before the campaign, as everywhere.
func (s *reversal) loadRange(ctx context.Context) error {
	s.byID = map[string]*referee{}
	revisions := map[PairKey]int{} // of ledger entries
	lastUser, _ := s.endKey()
	var queries pgx.Batch
	queries.Queue(s.statement("lock_incident"), []string{s.campaign}, causeMassReversal)
	queries.Queue(s.statement("reverse_withheld"), s.campaign, s.after.UserID, lastUser)
	if len(s.shards) == 0 {
		return s.send(ctx, &queries)
	}
	queries.Queue(s.statement("lock_campaign"), []string{s.campaign}, []string{})
	var id, purchaseID, referrerID string
	queries.Queue(s.statement("reverse_waiting"), s.rangeArguments()).Query(s.each([]any{&id, &purchaseID, &referrerID}, func() {
		s.waitlistKeys.add(id, purchaseID)
		s.waitlistReferrers.add(s.campaign, referrerID, 0)
	}))
	var p reward.Pair
	queries.Queue(s.statement("reverse_pair"), s.rangeArguments()).Query(s.each([]any{&id, &p.PurchaseID, &p.ReferrerID, &p.Revision, &p.Order, &p.Ordinal,
		&p.QualifiedAt, &p.MaturesAt, &p.CountedAt, &p.Allowed, &p.State, &p.Reason}, func() {
		p.Campaign = s.campaign
		r := s.refereeOf(id)
		r.Pairs = append(r.Pairs, p)
	}))
	c := recordedCredit{campaign: s.campaign, intact: true}
	queries.Queue(s.statement("reverse_credit"), s.rangeArguments()).Query(s.each([]any{&id, &c.purchaseID, &c.Reward, &c.BeneficiaryID, &c.Currency, &c.Amount}, func() {
		r := s.refereeOf(id)
		r.credits = append(r.credits, c)
		if p := r.pair(c.purchaseID); p != nil {
			p.Credits = append(p.Credits, c.Credit)
		}
	}))
	l := reward.LedgerSum{LedgerKey: reward.LedgerKey{Campaign: s.campaign}}
	var revision int
	queries.Queue(s.statement("reverse_ledger"), s.rangeArguments()).Query(s.each([]any{&id, &l.PurchaseID, &l.Reward, &l.BeneficiaryID, &l.Currency, &l.Sum, &l.LastSeq, &revision}, func() {
		r := s.refereeOf(id)
		r.Ledger = append(r.Ledger, l)
		key := PairKey{id, l.PurchaseID}
		revisions[key] = max(revisions[key], revision)
	}))
	if err := s.send(ctx, &queries); err != nil {
		return err
	}
	s.decideReversals(revisions)
	return nil
}

func (s *reversal) refereeOf(userID string) *referee {
	r := s.byID[userID]
	if r == nil {
		r = newReferee(userID)
		s.byID[userID] = r
		s.referees = append(s.referees, r)
	}
	return r
}

// decideReversals decides every purchase: pairs, and credits and entries without a pair.
func (s *reversal) decideReversals(revisions map[PairKey]int) {
	for _, r := range s.referees {
		r.sortCredits()
		known := map[string]bool{}
		for i := range r.Pairs {
			known[r.Pairs[i].PurchaseID] = true
			r.outcome.Decisions = append(r.outcome.Decisions, reward.TakeBack(&r.Pairs[i]))
		}
		add := func(purchaseID string) {
			if !known[purchaseID] {
				known[purchaseID] = true
				decision := reward.TakeBackUndecided(s.campaign, purchaseID, max(1, revisions[PairKey{r.UserID, purchaseID}]))
				r.outcome.Decisions = append(r.outcome.Decisions, decision)
			}
		}
		for i := range r.credits {
			add(r.credits[i].purchaseID)
		}
		for i := range r.Ledger {
			add(r.Ledger[i].PurchaseID)
		}
	}
}

// computeReversals computes the ledger entries that bring each sum to zero.
func (s *reversal) computeReversals() error {
	for _, r := range s.referees {
		entries, err := reward.Settle(r.outcome.Decisions, r.Ledger)
		if err != nil {
			return err
		}
		r.entries = entries
	}
	return nil
}

func (s *reversal) countEntries() (n int) {
	for _, r := range s.referees {
		n += len(r.entries)
	}
	return n
}

// recordRange writes what differs from the recorded rows, and the progress of the reversal.
func (s *reversal) recordRange(ctx context.Context) error {
	user, purchase := s.endKey()
	var writes pgx.Batch
	writes.Queue(s.statement("reverse_attributed"), s.campaign, s.after.UserID, user)
	if s.walk.complete() {
		writes.Queue(s.statement("reverse_advance"), s.campaign, user, purchase)
	}
	if len(s.shards) > 0 {
		d := s.compareRange()
		d.writeOwn(&writes, s.statement, s.shards[0])
		d.writeReferrers(&writes, s.statement)
		d.writePairs(&writes, s.statement)
		s.writeWaitlist(&writes, d)
		s.writeRequests(&writes, d)
		d.writeAccounts(&writes, s.statement)
	}
	return s.send(ctx, &writes)
}

func (s *reversal) compareRange() *differences {
	d := newDifferences(len(s.referees))
	d.waitlistRemovals, d.waitlistReferrers = s.waitlistKeys, s.waitlistReferrers
	for _, r := range s.referees {
		for i := range r.outcome.Decisions {
			decision := &r.outcome.Decisions[i]
			before := r.pair(decision.PurchaseID)
			d.comparePair(r, before, decision)
			d.compareCredits(r, before, decision)
			d.compareForeign(r, before, decision)
		}
		for i := range r.entries {
			d.addEntry(r, &r.entries[i])
		}
		d.addForeign(r)
	}
	return d
}
