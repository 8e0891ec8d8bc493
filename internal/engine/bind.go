package engine

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// bind records the attributions that differ. They depend on nobody else, so
// they are written before a campaign is locked for what does.
func (b *batch) bind(ctx context.Context) error {
	bound := newAttributionColumns(len(b.referees))
	var unbound []string // user_ids
	for _, r := range b.referees {
		if r.cause != nil || r.outcome.Frozen {
			continue
		}
		was, is := r.Attribution, r.outcome.Attribution
		if was != nil && is != nil && sameAttribution(was, is) {
			continue
		}
		if was != nil {
			unbound = append(unbound, r.UserID)
		}
		if is != nil {
			bound.add(r.UserID, is)
		}
	}
	var writes pgx.Batch
	if len(unbound) > 0 {
		writes.Queue(b.statement("remove_attribution"), unbound)
	}
	if a := &bound; len(a.userID) > 0 {
		writes.Queue(b.statement("record_attribution"),
			a.userID, a.campaign, a.code, a.referrerID, a.label, a.touchedAt, a.source, a.visitorID, a.touchID)
	}
	return b.send(ctx, &writes)
}

func sameAttribution(a, b *reward.Attribution) bool {
	return a.TouchedAt.Equal(b.TouchedAt) && a.Campaign == b.Campaign && a.Code == b.Code &&
		a.ReferrerID == b.ReferrerID && a.Source == b.Source && a.VisitorID == b.VisitorID && a.TouchID == b.TouchID && a.Label == b.Label
}
