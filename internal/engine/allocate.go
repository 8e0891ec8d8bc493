package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

// share is what a batch has to do with the capacity of one limited campaign: the claims on it, and
// the capacity that the batch gives back.
type share struct {
	campaign   *reward.Campaign
	claims     []reward.Claim
	freed      big.Int          // budget that the batch gives back, minor units
	unadmitted map[string]int64 // pairs that are no longer admitted, by referrer
	ownWaiting int              // pairs of the batch that were on the waitlist before it

	capacity reward.Capacity
	waitlist reward.Waitlist
}

// chooseWaiting chooses the referees of an allocation batch: those of the first pairs on the
// waitlist that the capacity of the campaign could admit. It takes the oldest allocation request
// and locks the referees' shards, waiting for other batches. If no pair fits, the batch only
// removes the request.
func (b *batch) chooseWaiting(ctx context.Context) (found bool, err error) {
	var queries pgx.Batch
	queries.Queue(b.statement("begin"))
	queries.Queue(b.statement("lock_allocation_request"), b.turn.suspect, b.turn.excluded).Query(func(rows pgx.Rows) error {
		var campaign string
		return postgres.ForEachRow(rows, []any{&campaign}, func() error {
			if b.allocatesFor != "" || checkID(campaign) != nil || !b.turn.allows(campaign) {
				b.allocatesFor = "" // no campaign is at fault
				return errors.New("the database locks an allocation request that the batch may not work on: remove the rows of table allocation_request that no declared campaign has")
			}
			b.allocatesFor = campaign
			return nil
		})
	})
	if err := b.send(ctx, &queries); err != nil || b.allocatesFor == "" {
		return false, wrap("while looking for allocation requests", cmp.Or(err, b.findElsewhere(ctx, "allocation_is_requested", b.turn.suspect)))
	}
	var waiting []reward.WaitingPair
	if campaign := b.config.Reward.Campaigns[b.allocatesFor]; campaign != nil {
		s := &share{campaign: campaign}
		if err := b.loadCapacities(ctx, []*share{s}); err != nil {
			return false, fmt.Errorf("while reading the capacity of campaign %s: %w", b.allocatesFor, err)
		}
		if waiting, err = b.waitingPairs(ctx, &s.capacity, b.turn.size, 0); err != nil {
			return false, fmt.Errorf("while reading the waitlist of campaign %s: %w", b.allocatesFor, err)
		}
		waiting = s.capacity.Fitting(waiting)
	}
	users := make([]string, len(waiting))
	for i := range waiting {
		users[i] = waiting[i].UserID
	}
	slices.Sort(users)
	users = slices.Compact(users)
	var locks pgx.Batch
	locks.Queue(b.statement("lock_shards_of_referees"), users).Query(func(rows pgx.Rows) (err error) {
		b.shards, err = postgres.CollectRows(rows, pgx.RowTo[int16])
		return err
	})
	locks.Queue(b.statement("read_clock")).QueryRow(func(row pgx.Row) error { return row.Scan(&b.now, &b.hasIncidents) })
	if err := b.send(ctx, &locks); err != nil {
		return false, fmt.Errorf("while locking shards: %w", err)
	}
	b.chosen = len(users)
	return true, wrap("while choosing referees", b.setReferees(users))
}

// allocate decides the claims on limited campaigns: it locks the campaigns until the commit, reads
// their capacity and the waiting pairs that could fit, and lets package reward give out the
// capacity.
func (b *batch) allocate(ctx context.Context) error {
	b.allocationRequests, b.reevaluate, b.passedOverReferrers, b.referrersNotWaiting = nil, nil, referrerColumns{}, map[referrerKey]bool{}
	shares, users := b.shares()
	if len(shares) == 0 && len(users) == 0 {
		return nil
	}
	if err := b.lockCampaigns(ctx, shares, users); err != nil {
		return err
	}
	if err := b.loadCapacities(ctx, shares); err != nil {
		return err
	}
	for _, s := range shares {
		if err := b.loadCouldFit(ctx, s); err != nil {
			return err
		}
		admitted, again, err := reward.Allocate(&s.capacity, s.claims, s.waitlist)
		if err != nil {
			return err
		}
		if len(s.claims) > 0 {
			b.engine.rememberExhausted(s.campaign.Name, 2*admitted < len(s.claims))
		}
		b.requestAllocation(s, admitted, again)
	}
	for _, r := range b.referees {
		if r.admittedAndWaiting() {
			b.reevaluate = append(b.reevaluate, r.UserID)
		}
	}
	return nil
}

// rememberExhausted remembers whether the next claims on the campaign are expected to join the
// waitlist.
func (e *Engine) rememberExhausted(campaign string, exhausted bool) {
	if exhausted {
		e.exhausted.Store(campaign, true)
	} else {
		e.exhausted.Delete(campaign)
	}
}

// forgetExhausted forgets campaigns that are not declared any more.
func (e *Engine) forgetExhausted(config *Declared) {
	e.exhausted.Range(func(campaign, _ any) bool {
		if name, ok := campaign.(string); ok && config.Reward.Campaigns[name] == nil {
			e.exhausted.Delete(campaign)
		}
		return true
	})
}

// requestAllocation requests another allocation of the campaign. A batch that touched the campaign
// always requests one; an allocation batch only if it changed anything, or left a pair that fits.
// Campaigns whose waitlist it changes are added when that is recorded.
func (b *batch) requestAllocation(s *share, admitted int, again bool) {
	if s.campaign.Name != b.allocatesFor || admitted > 0 || again || len(s.waitlist.CouldFit) > 0 || s.freed.Sign() != 0 || len(s.unadmitted) > 0 {
		b.allocationRequests = append(b.allocationRequests, s.campaign.Name)
	}
}

// admittedAndWaiting reports whether one claim of the referee is admitted and another waits: the
// waiting pair may no longer be the referee's first.
func (r *referee) admittedAndWaiting() bool {
	admitted, waiting := false, false
	for i := range r.outcome.Claims {
		claim := &r.outcome.Claims[i]
		admitted = admitted || claim.Admitted()
		waiting = waiting || claim.Decision.State == reward.Waiting
	}
	return admitted && waiting
}

// shares lists what the batch has to do with limited campaigns, ordered by name, and the users
// whose referees are not decided: the campaigns in which these wait are not known.
func (b *batch) shares() (shares []*share, users []string) {
	byName := map[string]*share{}
	of := func(name string) *share {
		campaign := b.config.Reward.Campaigns[name]
		if campaign == nil || !campaign.Allocates() {
			return nil
		}
		if byName[name] == nil {
			byName[name] = &share{campaign: campaign, unadmitted: map[string]int64{}}
		}
		return byName[name]
	}
	of(b.allocatesFor)
	for _, r := range b.referees {
		if r.cause != nil {
			users = append(users, r.UserID)
			continue
		}
		for i := range r.outcome.Claims {
			s := of(r.outcome.Claims[i].Decision.Campaign)
			s.claims = append(s.claims, r.outcome.Claims[i])
		}
		for i := range r.outcome.Decisions { // pairs of a suspended campaign have no decision and stay as they are
			if row := r.waitlistRows[r.outcome.Decisions[i].PurchaseID]; row != nil {
				if s := of(row.campaign); s != nil {
					s.ownWaiting++
				}
			}
		}
		for _, row := range r.waitlistRows {
			if row.passedOver {
				of(row.campaign)
			}
		}
		for _, row := range r.waitlistWithoutPair {
			if s := of(row.campaign); s != nil {
				s.ownWaiting++
			}
		}
		r.addFreed(of)
	}
	users = append(users, b.withheldUsers...)
	return byCampaignName(byName), users
}

// byCampaignName orders shares as campaigns are locked.
func byCampaignName(shares map[string]*share) []*share {
	return slices.SortedFunc(maps.Values(shares), func(a, b *share) int { return cmp.Compare(a.campaign.Name, b.campaign.Name) })
}

// addFreed adds the capacity that the referee's pairs give back to limited campaigns, apart from
// their claims.
func (r *referee) addFreed(of func(string) *share) {
	for i := range r.outcome.Decisions {
		decision := &r.outcome.Decisions[i]
		before := r.pair(decision.PurchaseID)
		if before == nil || !before.State.Occupies() {
			continue
		}
		stays := before.Campaign == decision.Campaign && (decision.State == "" || decision.State.Occupies())
		remaining := decision.Credits
		switch {
		case !stays:
			remaining = nil
		case decision.State == "": // the pair claims more than it has
			remaining = before.Credits
		}
		if stays && slices.Equal(before.Credits, remaining) {
			continue
		}
		s := of(before.Campaign)
		if s == nil {
			continue
		}
		if budget := s.campaign.Budget; budget != nil {
			s.freed.Add(&s.freed, reward.Increase(remaining, before.Credits, budget.Currency))
		}
		if !stays {
			s.unadmitted[before.ReferrerID]++
		}
	}
}

// lockCampaigns locks the campaigns of the shares, and those in which the given users wait, ordered
// by name. The pairs of these users, which cannot be decided, are passed over.
func (b *batch) lockCampaigns(ctx context.Context, shares []*share, users []string) error {
	names := make([]string, len(shares))
	for i, s := range shares {
		names[i] = s.campaign.Name
	}
	var q pgx.Batch
	q.Queue(b.statement("lock_campaign"), names, users)
	if len(users) > 0 {
		var campaign, referrer string
		q.Queue(b.statement("pass_over"), users).Query(b.each([]any{&campaign, &referrer}, func() {
			b.passedOverReferrers.add(campaign, referrer, 0)
			b.allocationRequests = append(b.allocationRequests, campaign)
		}))
	}
	return b.send(ctx, &q)
}

// loadCapacities reads the capacity that each campaign's cap and budget leave, and adds what this
// batch gives back.
func (b *batch) loadCapacities(ctx context.Context, shares []*share) error {
	byName := make(map[string]*share, len(shares))
	var budgets, currencies, freed, campaigns, referrers []string
	var amounts []int64
	for _, s := range shares {
		name := s.campaign.Name
		byName[name] = s
		s.capacity = reward.Capacity{Campaign: s.campaign, Admitted: map[string]int64{}}
		s.waitlist.Repricing = map[string]bool{}
		if s.campaign.Budget != nil {
			budgets, currencies = append(budgets, name), append(currencies, s.campaign.Budget.Currency)
			amounts, freed = append(amounts, s.campaign.Budget.Amount), append(freed, s.freed.String())
		}
		for _, id := range s.concernedReferrers() {
			campaigns, referrers = append(campaigns, name), append(referrers, id)
		}
	}
	var q pgx.Batch
	var name, referrer string
	var left, admitted, pairs int64
	var rollingOut, waits bool
	if len(budgets) > 0 {
		q.Queue(b.statement("load_budget"), budgets, currencies, amounts, freed).Query(b.each([]any{&name, &left, &admitted, &rollingOut}, func() {
			s := byName[name]
			s.capacity.BudgetLeft = min(left, reward.MostBudgetLeft)
			// The referees of a resumed campaign that this batch enqueues may have to grow.
			s.capacity.AdmittedPairs, s.capacity.RollingOut = admitted, rollingOut || slices.Contains(b.resumed, name)
		}))
	}
	if len(referrers) > 0 {
		q.Queue(b.statement("load_referrer"), campaigns, referrers).Query(b.each([]any{&name, &referrer, &pairs, &waits}, func() {
			s := byName[name]
			s.capacity.Admitted[referrer] = pairs - s.unadmitted[referrer]
			s.waitlist.Repricing[referrer] = waits
			if !waits && b.referrersNotWaiting != nil {
				b.referrersNotWaiting[referrerKey{name, referrer}] = true
			}
			s.waitlist.Freed = s.waitlist.Freed || waits && s.unadmitted[referrer] > 0
		}))
	}
	return b.send(ctx, &q)
}

// loadCouldFit reads the waiting pairs that could fit and that the batch does not decide itself.
func (b *batch) loadCouldFit(ctx context.Context, s *share) error {
	if len(s.claims) == 0 && s.campaign.Name != b.allocatesFor {
		return nil // nothing is admitted
	}
	waiting, err := b.waitingPairs(ctx, &s.capacity, s.ownWaiting+couldFitLimit, s.ownWaiting)
	s.waitlist.CouldFit = slices.DeleteFunc(waiting, func(w reward.WaitingPair) bool {
		r := b.byID[w.UserID]
		return r != nil && r.cause == nil
	})
	return err
}

// concernedReferrers lists the referrers whose number of admitted pairs matters to the claims.
func (s *share) concernedReferrers() []string {
	ids := make([]string, 0, len(s.claims)+len(s.unadmitted))
	for i := range s.claims {
		ids = append(ids, s.claims[i].Decision.ReferrerID)
	}
	for id := range s.unadmitted {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
