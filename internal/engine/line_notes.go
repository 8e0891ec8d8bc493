package engine

import (
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// lineNotes is who is to be looked at after a batch has given or freed room.
type lineNotes struct {
	next []string // user_ids there is room for

	// Whose line stands for a reason, or a need, that is not theirs any more, and
	// whether nobody may be passed over until it has been looked at.
	campaigns, referrers, misfiled []string
	refile                         []bool
	// Who has a place under the cap that is kept for somebody in next.
	vacancies struct{ campaigns, referrers []string }
}

// add notes who is next in a line, and the referrers whose cap was reached, or
// is not reached any more, or whose next pair earns something else now.
func (n *lineNotes) add(l *line, next []reward.Place) {
	for i := range next {
		n.next = append(n.next, next[i].UserID)
	}
	if l.campaign.Budget == nil || !l.standing && !l.waits() {
		return // without a budget those who wait can lack nothing but the cap
	}
	limit := l.campaign.Cap()
	for referrer, pairs := range l.pairs() {
		switch {
		case l.campaign.Repriced(l.room.Filed[referrer], pairs):
			n.line(l, referrer, "", true)
		case limit == 0:
		case l.room.Pairs[referrer] < limit: // whoever is next included
			n.line(l, referrer, reward.CapReached, true)
		default:
			n.line(l, referrer, reward.BudgetExhausted, false)
			if pairs < limit {
				n.vacancies.campaigns = append(n.vacancies.campaigns, l.campaign.Name)
				n.vacancies.referrers = append(n.vacancies.referrers, referrer)
			}
		}
	}
}

func (n *lineNotes) line(l *line, referrer string, misfiled reward.Reason, refile bool) {
	n.campaigns = append(n.campaigns, l.campaign.Name)
	n.referrers = append(n.referrers, referrer)
	n.misfiled = append(n.misfiled, string(misfiled))
	n.refile = append(n.refile, refile)
}

func (n *lineNotes) write(writes *pgx.Batch, statement func(string) string) {
	if len(n.next) > 0 {
		writes.Queue(statement("note_next"), n.next)
	}
	if len(n.campaigns) > 0 {
		writes.Queue(statement("note_line"), n.campaigns, n.referrers, n.misfiled, n.refile)
	}
	if len(n.vacancies.campaigns) > 0 {
		writes.Queue(statement("note_vacancy"), n.vacancies.campaigns, n.vacancies.referrers)
	}
}
