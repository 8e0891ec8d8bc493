package engine

import (
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// lineNotes is who is to be looked at after a batch has given or freed room.
type lineNotes struct {
	next                           []string // user_ids there is room for
	campaigns, referrers, misfiled []string // whose line stands for a reason, or a need, that is not theirs any more
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
	limit, repriced := l.campaign.Cap(), l.repricedNow()
	for referrer, pairs := range l.room.Pairs {
		misfiled := ""
		switch {
		case repriced[referrer]:
		case limit == 0:
			continue
		case pairs >= limit:
			misfiled = string(reward.BudgetExhausted)
		default:
			misfiled = string(reward.CapReached)
		}
		n.campaigns = append(n.campaigns, l.campaign.Name)
		n.referrers = append(n.referrers, referrer)
		n.misfiled = append(n.misfiled, misfiled)
	}
}

func (n *lineNotes) write(writes *pgx.Batch, statement func(string) string) {
	if len(n.next) > 0 {
		writes.Queue(statement("note_next"), n.next)
	}
	if len(n.campaigns) > 0 {
		writes.Queue(statement("note_line"), n.campaigns, n.referrers, n.misfiled)
	}
}
