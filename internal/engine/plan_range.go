package engine

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
)

const (
	planRetries = 5 // of a range, after conflicts and lost connections

	// Bytes of a claim that a plan keeps.
	bytesPerClaim = 1024

	// Referrers whose numbers of pairs a plan keeps, per limited campaign.
	mostReferrers = 50_000
)

// bytesOfClaims bounds the memory of the claims that a plan keeps, beside that of its range.
var bytesOfClaims = bytesPerBatch / 2

// planRange is one key range of a plan: a batch that only reads.
type planRange struct {
	*batch
	pending bool // changes wait to be decided: batches go first
}

// walk calls add with each key range of the referees that the campaign concerns, decided under the
// proposed configuration. A range that holds too much, or takes too long, is halved, down to one
// referee, which is then left out.
func (p *plan) walk(ctx context.Context, add func(*planRange) error) error {
	rows, most, failures := leastRefereesPerRange, p.engine.usualBatch(), 0
	delay := newBackoff()
	for after, more := "", true; more; {
		began := time.Now()
		r := &planRange{batch: newBatch(p.engine, p.proposed, turn{size: most})}
		end, found, err := p.read(ctx, r, after, rows, most)
		if err == nil {
			err = add(r)
		}
		r.unlockMemory()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			failures = 0
			delay.Reset()
		case errors.Is(err, errMemoryInUse):
			pause(ctx, delay.NextBackOff())
			continue
		case errors.Is(err, errBatchTooLarge) || errors.Is(err, errRefereeTooLarge) || postgres.FaultOf(err) == postgres.FaultBatch:
			switch {
			case most > 1:
				most = max(1, most/2)
				continue
			case rows > 1:
				rows = 1
				continue
			}
			if end == nil {
				return err
			}
			// One referee alone, which would be set aside.
		case postgres.Retryable(err) && failures < planRetries:
			failures++
			pause(ctx, delay.NextBackOff())
			continue
		default:
			return err
		}
		if more = end != nil; more {
			after = *end
		}
		switch {
		case 2*found >= most:
			most = min(2*most, p.engine.usualBatch())
		case rows < mostRefereesPerRange:
			rows *= 2
		}
		if r.now.After(p.result.To) {
			p.result.To = r.now
		}
		p.pause(ctx, time.Since(began), r.pending)
	}
	return nil
}

// pause leaves the database to batches for a while, for longer if changes wait.
func (p *plan) pause(ctx context.Context, took time.Duration, pending bool) {
	if pending {
		pause(ctx, 3*took)
		return
	}
	pause(ctx, took/4)
}

// read loads and decides the referees of the next range, and returns the range's end (nil: it has
// none) and the number of referees found.
func (p *plan) read(ctx context.Context, r *planRange, after string, rows, most int) (end *string, found int, err error) {
	err = p.engine.db.Snapshot(ctx, func(tx pgx.Tx) error {
		r.tx = tx
		if _, err := tx.Exec(ctx, r.statement("begin")); err != nil {
			return err
		}
		var epoch int64
		if err := tx.QueryRow(ctx, r.statement("plan_fence")).Scan(&epoch, &r.pending); err != nil {
			return err
		}
		if epoch != p.inForce.Epoch {
			return errConfigurationMoved
		}
		if err := tx.QueryRow(ctx, r.statement("resync_range"), after, rows).Scan(&end); err != nil {
			return err
		}
		users, err := p.find(ctx, r, after, end, most)
		if err != nil {
			return err
		}
		if found = len(users); found == most {
			end = &users[found-1]
		}
		if err := tx.QueryRow(ctx, r.statement("read_clock")).Scan(&r.now, &r.hasIncidents); err != nil || found == 0 {
			return err
		}
		r.setReferees(users)
		r.resyncs = p.drifts
		for _, referee := range r.referees {
			referee.resynced = p.drifts
		}
		if p.attributes {
			r.touches = p.loadTouches
		}
		if err := r.load(ctx); err != nil {
			return err
		}
		if err := r.decide(); err != nil {
			return err
		}
		if err := r.weighDecisions(); err != nil {
			return err
		}
		return p.leaveOutWithheld(ctx, r)
	})
	return end, found, err
}

func (p *plan) find(ctx context.Context, r *planRange, after string, end *string, most int) ([]string, error) {
	rows, err := r.tx.Query(ctx, r.statement("plan_find"), pgx.StrictNamedArgs{
		"campaign": p.request.Campaign.Name, "after": after, "last": end, "attributes": p.attributes, "limit": most,
	})
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// loadTouches reads the touches that decide signups under the proposed configuration.
func (p *plan) loadTouches(b *batch, q *pgx.Batch, visited *touchColumns) {
	var names []string
	var starts, ends []*time.Time
	var windows []int64
	for name, c := range p.proposed.Reward.Campaigns {
		if c.Mode == reward.Closed || c.Mode == reward.Reversing {
			continue
		}
		names = append(names, name)
		starts, ends = append(starts, nullable(c.StartsAt)), append(ends, nullable(c.EndsAt))
		windows = append(windows, c.AttributionWindow.Microseconds())
	}
	q.Queue(b.statement("plan_touch"), pgx.StrictNamedArgs{
		"user_ids": visited.UserIDs, "visitor_ids": visited.VisitorIDs, "signed_up_at": visited.SignedUpAt,
		"campaigns": names, "starts_at": starts, "ends_at": ends, "windows": windows,
		"last_touch": p.proposed.Reward.Attribution != reward.FirstTouch,
	}).Query(b.eachTouch())
}

// nullable returns nil for the zero time.
func nullable(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// leaveOutWithheld drops the decisions about referees that a batch would withhold whole.
func (p *plan) leaveOutWithheld(ctx context.Context, r *planRange) error {
	if !r.hasIncidents {
		return nil
	}
	ids := make([]string, len(r.referees))
	for i, referee := range r.referees {
		ids[i] = referee.UserID
	}
	var q pgx.Batch
	var userID, purchaseID string
	q.Queue(r.statement("plan_withheld"), ids).Query(r.each([]any{&userID, &purchaseID}, func() {
		if referee := r.byID[userID]; referee.evidence(purchaseID) == rowsMissing {
			referee.setAside(errWithheld)
		}
	}))
	return r.send(ctx, &q)
}

var errWithheld = errors.New("the referee is withheld")

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
	sum.freed += s.freed
	for referrer, n := range s.unadmitted {
		if _, known := sum.unadmitted[referrer]; !known && len(sum.unadmitted) == mostReferrers {
			p.result.Estimate = true
			continue
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
		if err := p.tally.AddPair(r.pair(decision.PurchaseID), decision, r.sumsOf(decision.PurchaseID)); err != nil {
			return // the referee would be set aside
		}
	}
}

// keep keeps a claim until the whole capacity is known, as long as there is memory.
func (p *plan) keep(r *referee, claim *reward.Claim) {
	if p.overflow {
		return
	}
	p.bytes += bytesPerClaim
	if p.bytes > bytesOfClaims {
		p.overflow, p.claims = true, nil
		return
	}
	p.claims = append(p.claims, r.plannedClaim(claim))
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
	if err := p.loadCapacities(ctx); err != nil {
		return err
	}
	for name, s := range p.shares {
		if err := p.serve(s); err != nil {
			return err
		}
		for _, claim := range byCampaign[name] {
			if err := p.addClaim(&claim); err != nil {
				return err
			}
		}
	}
	return nil
}

// addClaim adds a claim whose decision is complete. A waiting pair that the rollout moves to a new
// revision may be admitted before the rollout comes to it, under the revision that it has, and only
// AllPairs reaches it then.
func (p *plan) addClaim(c *plannedClaim) error {
	admitted := c.before != nil && c.before.State == reward.Waiting && c.Decision.State.Occupies()
	if admitted && c.before.Revision != c.Decision.Revision && p.step.Scope != reward.AllPairs {
		p.result.Estimate = true
	}
	return p.tally.AddPair(c.before, c.Decision, c.sums)
}

// serve gives the campaign's capacity to the claims of its share.
func (p *plan) serve(s *share) error {
	served, waiting, err := reward.AllocateAll(&s.capacity, s.claims)
	if err != nil {
		return err
	}
	frees := s.freed != 0 || len(s.unadmitted) > 0
	switch {
	case s.campaign.Name == p.request.Campaign.Name:
		p.result.Estimate = p.result.Estimate || waiting > 0 && served > 0
	case s.campaign.Waits && (frees || served > 0):
		p.result.Estimate = true // pairs of referees that the plan did not read wait there too
	}
	return nil
}

// loadCapacities reads the capacity of the campaigns, and adds what the plan frees.
func (p *plan) loadCapacities(ctx context.Context) error {
	shares := make([]*share, 0, len(p.shares))
	for _, s := range p.shares {
		shares = append(shares, s)
	}
	slices.SortFunc(shares, func(a, b *share) int { return cmp.Compare(a.campaign.Name, b.campaign.Name) })
	b := newBatch(p.engine, p.proposed, turn{})
	return p.engine.db.Snapshot(ctx, func(tx pgx.Tx) error {
		b.tx = tx
		if _, err := tx.Exec(ctx, b.statement("begin")); err != nil {
			return err
		}
		return b.loadCapacities(ctx, shares)
	})
}

// allocateByRange reads all ranges once more, and serves the claims of each as they come: there are
// too many to keep.
func (p *plan) allocateByRange(ctx context.Context) error {
	if err := p.loadCapacities(ctx); err != nil {
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
	for name, s := range byCampaign {
		sum := p.shareOf(s.campaign)
		if err := p.loadAdmitted(ctx, sum, s); err != nil {
			return err
		}
		s.capacity, s.freed, s.unadmitted = sum.capacity, sum.freed, sum.unadmitted
		if err := p.serve(s); err != nil {
			return err
		}
		p.shares[name].capacity.BudgetLeft = s.capacity.BudgetLeft
		for i := range s.claims {
			p.result.Estimate = p.result.Estimate || s.claims[i].Decision.Need != nil
		}
	}
	for _, claim := range all {
		if err := p.addClaim(&claim); err != nil {
			return err
		}
	}
	return nil
}

// loadAdmitted reads the numbers of admitted pairs of the claims' referrers that are not known yet.
func (p *plan) loadAdmitted(ctx context.Context, sum, claiming *share) error {
	fresh := &share{campaign: sum.campaign, claims: claiming.claims}
	b := newBatch(p.engine, p.proposed, turn{})
	if err := p.engine.db.Snapshot(ctx, func(tx pgx.Tx) error {
		b.tx = tx
		if _, err := tx.Exec(ctx, b.statement("begin")); err != nil {
			return err
		}
		return b.loadCapacities(ctx, []*share{fresh})
	}); err != nil {
		return err
	}
	if len(sum.capacity.Admitted) > mostReferrers {
		clear(sum.capacity.Admitted)
		p.result.Estimate = true
	}
	for referrer, pairs := range fresh.capacity.Admitted {
		if _, known := sum.capacity.Admitted[referrer]; !known {
			sum.capacity.Admitted[referrer] = pairs - sum.unadmitted[referrer]
		}
	}
	return nil
}
