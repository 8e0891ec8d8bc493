package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// mostSums is how many counters and accounts are put right in one step; a
// comparison that finds more leaves the rest to the next.
const mostSums = 10_000

// sums puts counters and accounts right that are off what they count. Each is
// locked and added up again, in the order in which batches lock them: a batch
// that counts meanwhile adds to what is right. Those of a campaign with limits
// say what capacity it has: they are put right under the campaign's lock, and
// allocation is requested.
func (s *resyncStep) sums(ctx context.Context) error {
	// Reading all there is takes longer, but locks nothing that a batch wants.
	if _, err := s.tx.Exec(ctx, s.statement("resync_patience"), "10min"); err != nil {
		return fmt.Errorf("while adding up: %w", err)
	}
	rows, err := s.tx.Query(ctx, s.statement("resync_sums"))
	if err != nil {
		return fmt.Errorf("while adding up: %w", err)
	}
	var pairs, credits, referrers, accounts sumKeys
	kinds := map[string]*sumKeys{"Pairs": &pairs, "Credits": &credits, "Referrer": &referrers, "Account": &accounts}
	var what, campaign, key, currency string
	_, err = pgx.ForEachRow(rows, []any{&what, &campaign, &key, &currency}, func() error {
		if k := kinds[what]; len(k.campaign) < mostSums {
			k.campaign, k.key, k.currency = append(k.campaign, campaign), append(k.key, key), append(k.currency, currency)
			s.of(campaign).sums++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("while adding up: %w", err)
	}
	var writes pgx.Batch
	writes.Queue(s.statement("resync_patience"), "30s")
	limited := s.limited(pairs.campaign, credits.campaign, referrers.campaign)
	if len(limited) > 0 {
		writes.Queue(s.statement("lock_campaign"), limited)
	}
	mend := func(name string, rows int, arguments ...any) {
		if rows > 0 {
			writes.Queue(s.statement("lock_"+name), arguments...)
			writes.Queue(s.statement("mend_"+name), arguments...)
		}
	}
	mend("pair_count", len(pairs.campaign), pairs.campaign)
	mend("credit_count", len(credits.campaign), credits.campaign, credits.currency)
	mend("referrer", len(referrers.campaign), referrers.campaign, referrers.key)
	mend("account", len(accounts.campaign), accounts.key, accounts.currency)
	if len(limited) > 0 {
		writes.Queue(s.statement("request_allocation"), limited)
	}
	if err := s.send(ctx, &writes); err != nil {
		return fmt.Errorf("while adding counters and accounts up again: %w", err)
	}
	return nil
}

// limited lists the campaigns with limits among these, by name.
func (s *resyncStep) limited(names ...[]string) []string {
	all := slices.Concat(names...)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool {
		campaign := s.config.Reward.Campaigns[name]
		return campaign == nil || !campaign.Ordered()
	})
}

// sumKeys name counters or accounts.
type sumKeys struct{ campaign, key, currency []string }
