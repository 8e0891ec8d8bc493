package engine

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// Reversals because rows are missing are believed up to so many pairs, or such
// a share of those granted, per campaign and resync interval. Beyond, it is
// rather a restore gone wrong than so many customers who never were.
const (
	lossFloor   = 100
	lossPercent = 5
)

// loss is a row of referral.loss, which the batch has locked.
type loss struct {
	campaign       string
	over           bool  // counting begins anew
	reversed       int64 // pairs, since it began
	incident       string
	allowed        bool
	pairs, granted int64 // withheld, and of how many
	present        int64 // pairs held or granted when counting began
}

// withhold keeps the batch from reversing more pairs because rows are missing
// than is to be believed. Referees beyond that are left as they are, altogether,
// and remembered; those remembered whose rows are back are forgotten.
func (b *batch) withhold(ctx context.Context) error {
	lacking := map[string][]*referee{} // by campaign
	for _, r := range b.referees {
		if campaign, pairs := r.losing(); pairs > 0 {
			lacking[campaign] = append(lacking[campaign], r)
		}
	}
	withheld, err := b.loadWithheld(ctx)
	if err != nil || len(lacking) == 0 && len(withheld) == 0 {
		return err
	}
	losses, err := b.lockLosses(ctx, lacking, withheld)
	if err != nil {
		return err
	}
	var writes lossWrites
	kept := map[string]bool{}
	for _, l := range losses {
		for _, r := range lacking[l.campaign] {
			before := withheld[r.UserID]
			if _, pairs := r.losing(); !writes.weigh(l, r, pairs, before) {
				kept[r.UserID] = true
			}
		}
		for id, before := range withheld {
			now, pairs := b.byID[id].losing()
			still := kept[id] && now == l.campaign
			if before.campaign != l.campaign || still && pairs == before.pairs {
				continue
			}
			l.release(before.pairs)
			if !still {
				writes.forget(l.campaign, id)
			}
		}
		writes.losses = append(writes.losses, l)
	}
	b.undecided = slices.Sorted(maps.Keys(kept))
	b.leave(func(r *referee) bool { return kept[r.UserID] })
	return writes.send(ctx, b)
}

// weigh tells whether a referee's reversals are believed, and writes down whom
// they are withheld from.
func (w *lossWrites) weigh(l *loss, r *referee, pairs int64, before withheldRow) (believed bool) {
	if l.believes(pairs) {
		l.reversed += pairs
		return true
	}
	if before.pairs != pairs || before.campaign != l.campaign {
		l.hold(pairs)
		w.keep(l.campaign, r.UserID, pairs)
	}
	return false
}

// losing is how many pairs, and of which campaign, would be reversed because the
// purchase or the signup is not there.
func (r *referee) losing() (campaign string, pairs int64) {
	if r.cause != nil {
		return "", 0
	}
	for i := range r.outcome.Decisions {
		d := &r.outcome.Decisions[i]
		if d.State != reward.Reversed || d.Reason != reward.PurchaseRemoved {
			continue
		}
		if before := r.pair(d.PurchaseID); before != nil && occupies(before.State) {
			campaign = before.Campaign
			pairs++
		}
	}
	return campaign, pairs
}

// believes tells whether so many more reversals are to be believed.
func (l *loss) believes(pairs int64) bool {
	count := l.reversed + pairs
	return l.allowed || l.incident == "" && (count <= lossFloor || count*100 <= lossPercent*l.present)
}

// hold counts pairs as withheld, which the first of them makes an incident.
func (l *loss) hold(pairs int64) {
	if l.incident == "" {
		l.incident, l.granted = rand.Text()[:8], l.present
	}
	l.pairs += pairs
}

// release counts them no more. With the last the incident is over, and what was
// permitted of it.
func (l *loss) release(pairs int64) {
	if l.pairs -= pairs; l.pairs <= 0 {
		l.pairs, l.incident, l.allowed, l.granted, l.reversed, l.over = 0, "", false, 0, 0, true
	}
}

type withheldRow struct {
	campaign string
	pairs    int64
}

// loadWithheld reads which of the batch's referees are withheld.
func (b *batch) loadWithheld(ctx context.Context) (map[string]withheldRow, error) {
	if !b.withholds {
		return nil, nil
	}
	ids := make([]string, len(b.referees))
	for i, r := range b.referees {
		ids[i] = r.UserID
	}
	rows, err := b.tx.Query(ctx, b.statement("load_withheld"), ids)
	if err != nil {
		return nil, err
	}
	found := map[string]withheldRow{}
	var id string
	var row withheldRow
	_, err = pgx.ForEachRow(rows, []any{&row.campaign, &id, &row.pairs}, func() error {
		if r := b.byID[id]; r.cause == nil {
			found[id] = row
		}
		return nil
	})
	return found, err
}

// lockLosses locks the counts of the campaigns concerned, by name.
func (b *batch) lockLosses(ctx context.Context, lacking map[string][]*referee, withheld map[string]withheldRow) ([]*loss, error) {
	var names []string
	for name := range lacking {
		names = append(names, name)
	}
	for _, row := range withheld {
		names = append(names, row.campaign)
	}
	slices.Sort(names)
	rows, err := b.tx.Query(ctx, b.statement("lock_loss"), slices.Compact(names))
	if err != nil {
		return nil, err
	}
	var losses []*loss
	var l loss
	_, err = pgx.ForEachRow(rows, []any{&l.campaign, &l.over, &l.reversed, &l.incident, &l.allowed, &l.pairs, &l.granted, &l.present}, func() error {
		found := l
		if found.over {
			found.reversed = 0
		}
		found.present += found.reversed
		losses = append(losses, &found)
		return nil
	})
	return losses, err
}

// lossWrites are what withholding comes to.
type lossWrites struct {
	losses                   []*loss
	campaign, userID         []string
	pairs                    []int64
	goneCampaign, goneUserID []string
}

func (w *lossWrites) keep(campaign, userID string, pairs int64) {
	w.campaign, w.userID, w.pairs = append(w.campaign, campaign), append(w.userID, userID), append(w.pairs, pairs)
}

func (w *lossWrites) forget(campaign, userID string) {
	w.goneCampaign, w.goneUserID = append(w.goneCampaign, campaign), append(w.goneUserID, userID)
}

func (w *lossWrites) send(ctx context.Context, b *batch) error {
	var writes pgx.Batch
	if len(w.goneUserID) > 0 {
		writes.Queue(b.statement("remove_withheld"), w.goneCampaign, w.goneUserID)
	}
	if len(w.userID) > 0 {
		writes.Queue(b.statement("record_withheld"), w.campaign, w.userID, w.pairs)
	}
	n := len(w.losses)
	campaign, incident := make([]string, n), make([]string, n)
	anew, allowed := make([]bool, n), make([]bool, n)
	reversed, pairs, granted := make([]int64, n), make([]int64, n), make([]int64, n)
	for i, l := range w.losses {
		campaign[i], incident[i], anew[i], allowed[i] = l.campaign, l.incident, l.over, l.allowed
		reversed[i], pairs[i], granted[i] = l.reversed, l.pairs, l.granted
	}
	writes.Queue(b.statement("record_loss"), campaign, anew, reversed, incident, allowed, pairs, granted)
	return b.send(ctx, &writes)
}
