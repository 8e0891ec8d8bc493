package engine

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// admit concludes what depends on other referees' pairs: it locks the campaigns
// concerned until the commit, reads what room they have, and lets package reward
// give it away. Whoever of the other referees is next goes on the change list
// with what is recorded, so that nobody waits for room that is there.
func (b *batch) admit(ctx context.Context) error {
	b.notes = lineNotes{}
	lines := b.lines()
	if len(lines) == 0 {
		return nil
	}
	names := make([]string, len(lines))
	for i, l := range lines {
		names[i] = l.campaign.Name
	}
	if _, err := b.tx.Exec(ctx, b.statement("lock_line"), names); err != nil {
		return err
	}
	if err := b.loadRooms(ctx, lines); err != nil {
		return err
	}
	for _, l := range lines {
		others, err := b.loadOthers(ctx, l)
		if err != nil {
			return err
		}
		next, blocked, err := reward.Admit(&l.room, l.claims, others)
		if err != nil {
			return err
		}
		b.blocked = b.blocked || blocked
		b.notes.add(l, next)
	}
	for _, r := range b.referees {
		if r.divided() {
			b.notes.next = append(b.notes.next, r.UserID)
		}
	}
	return nil
}

// divided tells whether a pair of the referee is admitted and another is not:
// it may have taken the place of the first from who waits.
func (r *referee) divided() bool {
	admitted, waiting := false, false
	for i := range r.outcome.Claims {
		decision := r.outcome.Claims[i].Decision
		before := r.pair(decision.PurchaseID)
		admitted = admitted || occupies(decision.State) && (before == nil || !occupies(before.State))
		waiting = waiting || decision.State == reward.Waiting
	}
	return admitted && waiting
}

// loadRooms reads what each campaign has left, and adds what this batch frees.
func (b *batch) loadRooms(ctx context.Context, lines []*line) error {
	byName := make(map[string]*line, len(lines))
	var names, budgets, currencies, campaigns, referrers, priced []string
	for _, l := range lines {
		name := l.campaign.Name
		byName[name], names = l, append(names, name)
		l.room = reward.Room{Campaign: l.campaign, Pairs: map[string]int64{}, Filed: map[string]int64{}}
		if l.campaign.Budget != nil {
			budgets, currencies = append(budgets, name), append(currencies, l.campaign.Budget.Currency)
		}
		for _, id := range l.referrers() {
			campaigns, referrers = append(campaigns, name), append(referrers, id)
		}
		if l.priced() {
			priced = append(priced, l.referrers()...)
		}
	}
	var q pgx.Batch
	var name, referrer string
	var used, pairs int64
	if len(budgets) > 0 {
		q.Queue(b.statement("load_room"), budgets, currencies).Query(b.each([]any{&name, &used}, func() {
			l := byName[name]
			l.room.Left = l.campaign.Budget.Amount - used + l.freed
		}))
	}
	if len(referrers) > 0 {
		q.Queue(b.statement("load_referrer"), campaigns, referrers).Query(b.each([]any{&name, &referrer, &pairs}, func() {
			room := byName[name].room
			room.Pairs[referrer], room.Filed[referrer] = pairs, pairs
		}))
	}
	q.Queue(b.statement("load_standing"), names).Query(b.each([]any{&name}, func() { byName[name].standing = true }))
	q.Queue(b.statement("load_refiling"), names, priced).Query(b.each([]any{&name, &referrer}, func() { byName[name].refile(referrer) }))
	if err := b.send(ctx, &q); err != nil {
		return err
	}
	for _, l := range lines {
		for id, left := range l.left {
			l.room.Pairs[id] -= left
		}
	}
	return nil
}

// loadOthers reads who else stands in a line and fits into the room that there
// is, in order. About the batch's own referees the batch knows better.
func (b *batch) loadOthers(ctx context.Context, l *line) ([]reward.Place, error) {
	if !l.standing {
		return nil, nil
	}
	var others []reward.Place
	var place reward.Place
	columns := []any{&place.UserID, &place.PurchaseID, &place.ReferrerID, &place.Order, &place.Needs, &place.Growing}
	keep := func() {
		if r := b.byID[place.UserID]; r == nil || r.cause != nil || r.outcome.Frozen {
			others = append(others, place)
		}
	}
	collect := b.each(columns, keep)
	var q pgx.Batch
	own := len(l.claims) + l.leaving // who may be found, and is passed over
	limit, most := l.campaign.Cap(), int64(own+b.engine.options.BatchSize)
	admits := l.campaign.Mode == reward.Open
	budget := int64(math.MaxInt64)
	if l.campaign.Budget != nil {
		budget = max(0, l.room.Left)
	}
	switch {
	case l.campaign.Budget == nil:
	case l.refiling: // the first of them is enough to know
		q.Queue(b.statement("load_line_refiling"), l.campaign.Name, budget, limit, admits, own+1).Query(collect)
	default:
		q.Queue(b.statement("load_line_budget"), l.campaign.Name, budget, limit, admits, own, most).Query(collect)
	}
	if l.priced() && admits {
		// What these need may change as pairs of their referrer are admitted.
		referrers := l.referrers()
		q.Queue(b.statement("load_line_referrer"), l.campaign.Name, referrers, slices.Repeat([]int64{int64(own) + 1}, len(referrers)),
			int64(math.MaxInt64), lacking).Query(collect)
	}
	if limit > 0 && admits {
		if referrers, places := l.vacancies(limit, int64(own), most); len(referrers) > 0 {
			q.Queue(b.statement("load_line_referrer"), l.campaign.Name, referrers, places, budget, l.reasons()).Query(collect)
		}
	}
	if l.refiles() && admits {
		reasons := lacking[:1] // who lacks budget is found anyway
		if l.priced() {
			reasons, budget = lacking, math.MaxInt64 // what these need may have changed already
		}
		q.Queue(b.statement("load_line_refiled"), l.campaign.Name, l.referrers(), limit, budget, own+1, reasons).Query(b.each(columns, func() {
			l.repriced[place.ReferrerID] = l.priced()
			keep()
		}))
	}
	err := b.send(ctx, &q)
	for i := range others {
		others[i].Repriced = l.repriced[others[i].ReferrerID]
	}
	slices.SortFunc(others, func(a, b reward.Place) int { return cmp.Compare(a.Order, b.Order) })
	return slices.CompactFunc(others, func(a, b reward.Place) bool { return a.Order == b.Order }), err
}
