package engine

import (
	"context"
	"crypto/rand"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Reversals caused by missing rows are carried out up to Options.LossLimit pairs, or this share of
// the pairs held or granted, per campaign and resync interval. Beyond both limits a failed restore
// is more likely than so many withdrawn purchases.
const (
	defaultLossLimit = 100
	lossLimitPercent = 5
)

// loss is a row of referral.loss that the batch has locked.
type loss struct {
	campaign string
	restarts bool  // a new interval of counting begins
	pairs    int64 // lost pairs counted in the interval, reversed and withheld ones alike
	present  int64 // pairs held or granted when the interval began
	limit    int64 // Options.LossLimit
}

// withinLimit reports whether that many more lost pairs stay within the mass-reversal limit.
func (l *loss) withinLimit(more int64) bool {
	count := l.pairs + more
	return count <= l.limit || count*100 <= lossLimitPercent*l.present
}

// newIncident begins an incident with a random id.
func newIncident(campaign, state string, present int64) *incident {
	return &incident{id: rand.Text()[:8], campaign: campaign, state: state, present: present, changed: true}
}

type lossColumns struct {
	campaign      []string
	restarts      []bool
	present, lost []int64
}

func (c *lossColumns) add(l *loss) {
	c.campaign, c.restarts = append(c.campaign, l.campaign), append(c.restarts, l.restarts)
	c.present, c.lost = append(c.present, l.present), append(c.lost, l.pairs)
}

// judgeLosses judges all pairs that a resync has counted as lost: the pairs of a campaign may all
// be reversed, or all of them stay withheld.
func (s *resyncStep) judgeLosses(ctx context.Context) error {
	rows, err := s.tx.Query(ctx, s.statement("resync_counted"))
	if err != nil {
		return err
	}
	names, err := postgres.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(names) == 0 {
		return err
	}
	all := map[string]*withholding{}
	for _, name := range names {
		withholdingOf(all, name)
	}
	if err := s.lockLosses(ctx, all); err != nil {
		return err
	}
	for _, w := range all {
		for _, i := range w.incidents {
			if i.state != incidentCounting {
				continue
			}
			if i.changed = true; w.hasOpenIncident() || !w.withinLimit(0) {
				i.state = incidentOpen
			} else {
				i.state = incidentPermitted
			}
		}
	}
	return s.recordWithholdings(ctx, byCampaign(all))
}
