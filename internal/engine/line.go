package engine

import (
	"cmp"
	"slices"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// line is what a batch has to do with one campaign whose pairs are admitted in
// order: who claims room, and who gives some back.
type line struct {
	campaign *reward.Campaign
	claims   []reward.Claim
	freed    int64            // of the budget, minor units
	left     map[string]int64 // pairs that are not admitted any more, by referrer

	leaving  int // of the batch's own that are recorded in line, and claim nothing
	room     reward.Room
	standing bool // somebody stands in line
	refiling bool // others may stand for a reason that is not theirs any more
	// Of the referrers, in whose line some may stand for what another tier needs.
	repriced map[string]bool
}

// lines lists the ordered campaigns that the batch's decisions concern, by name.
// A campaign that nobody's place changes in is none of them.
func (b *batch) lines() []*line {
	byName := map[string]*line{}
	of := func(name string) *line {
		campaign := b.config.Reward.Campaigns[name]
		if campaign == nil || !campaign.Ordered() {
			return nil
		}
		if byName[name] == nil {
			byName[name] = &line{campaign: campaign, left: map[string]int64{}, repriced: map[string]bool{}}
		}
		return byName[name]
	}
	for _, name := range b.rooms {
		of(name)
	}
	for _, r := range b.referees {
		for i := range r.outcome.Claims {
			claim := &r.outcome.Claims[i]
			if l := of(claim.Decision.Campaign); l != nil {
				l.claims = append(l.claims, *claim)
			}
		}
		r.release(of)
	}
	lines := make([]*line, 0, len(byName))
	for _, l := range byName {
		slices.SortFunc(l.claims, inLine)
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b *line) int { return cmp.Compare(a.campaign.Name, b.campaign.Name) })
	return lines
}

// release finds what the referee's pairs give back, and what they leave to
// those behind them, apart from what they claim.
func (r *referee) release(of func(string) *line) {
	for i := range r.outcome.Decisions {
		decision := &r.outcome.Decisions[i]
		before := r.pair(decision.PurchaseID)
		if before == nil {
			continue
		}
		claims := r.claims(decision)
		stays := before.Campaign == decision.Campaign && (claims || occupies(decision.State))
		gone := occupies(before.State) && !stays
		leaves := before.Needs != nil && (!stays || !claims)
		kept := kept(before, decision, stays, claims)
		if !gone && !leaves && slices.Equal(before.Credits, kept) {
			continue
		}
		l := of(before.Campaign)
		if l == nil {
			continue
		}
		l.freed += l.spent(before.Credits) - l.spent(kept)
		if gone {
			l.left[before.ReferrerID]++
		}
		if leaves {
			l.leaving++ // whoever stands behind is next
		}
	}
}

// kept are the credits that a pair has whatever comes of its claim.
func kept(before *reward.Pair, decision *reward.Decision, stays, claims bool) []reward.Credit {
	switch {
	case stays && claims:
		return before.Credits
	case stays && occupies(before.State):
		return decision.Credits
	}
	return nil
}

// claims tells whether the decision is still a claim.
func (r *referee) claims(decision *reward.Decision) bool {
	return slices.ContainsFunc(r.outcome.Claims, func(c reward.Claim) bool { return c.Decision == decision })
}

// spent is what credits take of the campaign's budget.
func (l *line) spent(credits []reward.Credit) int64 {
	if l.campaign.Budget == nil {
		return 0
	}
	return reward.Total(credits, l.campaign.Budget.Currency)
}

// referrers lists those whose number of pairs the line depends on.
func (l *line) referrers() []string {
	ids := make([]string, 0, len(l.claims)+len(l.left))
	for i := range l.claims {
		ids = append(ids, l.claims[i].Decision.ReferrerID)
	}
	for id := range l.left {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// priced tells whether what those in line need of the budget may depend on how
// many pairs their referrer has.
func (l *line) priced() bool { return l.campaign.Budget != nil && l.campaign.Tiered() }

// refile remembers that a referrer's line is being refiled, or, without one,
// that all of it is.
func (l *line) refile(referrer string) {
	if referrer == "" {
		l.refiling = true
	} else {
		l.repriced[referrer] = true
	}
}

// refiles tells whether those in one referrer's line may come to stand for a
// reason, or a need, that is not theirs, while others are after the same budget.
func (l *line) refiles() bool { return l.priced() || l.campaign.Budget != nil && l.campaign.Cap() > 0 }

// pairs are how many each of the referrers has after what the batch has admitted
// and taken back. Places that are kept for others do not count: they may turn
// out not to be taken.
func (l *line) pairs() map[string]int64 {
	pairs := make(map[string]int64, len(l.room.Filed))
	for _, id := range l.referrers() {
		pairs[id] = l.room.Filed[id] - l.left[id]
	}
	for i := range l.claims {
		if l.claims[i].Admitted() {
			pairs[l.claims[i].Decision.ReferrerID]++
		}
	}
	return pairs
}

// waits tells whether a claim has come to stand in line.
func (l *line) waits() bool {
	return slices.ContainsFunc(l.claims, func(c reward.Claim) bool { return c.Decision.Needs != nil })
}

// vacancies lists the line's referrers whose cap is not reached, and how many
// places to ask for so that those free are filled whomever of the batch's own is
// found: at most so many.
func (l *line) vacancies(limit, own, most int64) (referrers []string, places []int64) {
	for _, id := range l.referrers() {
		if free := limit - l.room.Pairs[id]; free > 0 {
			referrers, places = append(referrers, id), append(places, min(most, free+own))
		}
	}
	return referrers, places
}

// lacking are the reasons for which a pair waits.
var lacking = []string{string(reward.CapReached), string(reward.BudgetExhausted)}

// reasons are those for which somebody may stand in the line of a referrer.
func (l *line) reasons() []string {
	if l.refiling {
		return lacking
	}
	return lacking[:1]
}

// inLine puts claims with a place before those that get one, who stand in the
// order in which they qualified.
func inLine(a, b reward.Claim) int {
	switch {
	case a.Decision.Order > 0 && b.Decision.Order > 0:
		return cmp.Compare(a.Decision.Order, b.Decision.Order)
	case a.Decision.Order > 0:
		return -1
	case b.Decision.Order > 0:
		return 1
	}
	return cmp.Or(
		a.Decision.QualifiedAt.Compare(b.Decision.QualifiedAt),
		cmp.Compare(a.UserID(), b.UserID()),
		cmp.Compare(a.Decision.PurchaseID, b.Decision.PurchaseID),
	)
}
