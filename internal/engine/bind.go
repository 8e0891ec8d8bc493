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
	var moved digestColumns
	for _, r := range b.referees {
		if r.cause != nil || r.outcome.Frozen {
			continue
		}
		was, is := r.Attribution, r.outcome.Attribution
		if r.lostAttribution {
			was = nil
		}
		rests := r.restsOn(b.config.Reward)
		if was == nil && is == nil {
			continue
		}
		if was != nil && is != nil && sameAttribution(was, is) && !r.unsealed(attributionRow) {
			if !r.digest.is(rests) {
				moved.add(r.UserID, rests)
			}
			continue
		}
		if r.altered(attributionRow) || was == nil || is == nil || !sameAttribution(was, is) {
			r.drifted(attributionRow)
		}
		if was != nil {
			unbound = append(unbound, r.UserID)
		}
		if is != nil {
			bound.add(r.UserID, is, &rests)
		}
	}
	var writes pgx.Batch
	if len(unbound) > 0 {
		writes.Queue(b.statement("remove_attribution"), unbound)
	}
	if a := &bound; len(a.userID) > 0 {
		writes.Queue(b.statement("record_attribution"),
			a.userID, a.campaign, a.code, a.referrerID, a.label, a.touchedAt, a.source, a.visitorID, a.touchID, a.facts, a.via, a.pairs)
	}
	if m := &moved; len(m.userID) > 0 {
		writes.Queue(b.statement("record_digest"), m.userID, m.facts, m.via, m.pairs)
	}
	return b.send(ctx, &writes)
}

func sameAttribution(a, b *reward.Attribution) bool {
	return a.TouchedAt.Equal(b.TouchedAt) && a.Campaign == b.Campaign && a.Code == b.Code &&
		a.ReferrerID == b.ReferrerID && a.Source == b.Source && a.VisitorID == b.VisitorID && a.TouchID == b.TouchID && a.Label == b.Label
}
