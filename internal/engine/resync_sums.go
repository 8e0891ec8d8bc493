package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// stepTimeout bounds a statement of a batch, of a resync or of a verification, and lockTimeout each
	// wait for a lock, as begin.sql and resync_begin.sql have them. lockTimeout is shorter, so that a
	// statement that waits for another transaction fails by that, not because it took too long.
	stepTimeout = 30 * time.Second
	lockTimeout = 20 * time.Second

	// sumsTimeout bounds the statement that adds up whole tables.
	sumsTimeout = 10 * time.Minute
)

// mostSums is how many counters and accounts of a kind are put right in one step, and sumsBytes the
// most memory of all kinds. The next comparison finds the rest.
const (
	mostSums  = 10_000
	sumsBytes = bytesPerBatch / 2
)

// bytesPerSumKey is the memory of a key beside its texts, of which encoding takes several copies.
const bytesPerSumKey = 512

// repairSums puts counters and accounts right that differ from their sums. One snapshot says what
// each lacks, and that is added to it. Batches add to a counter in the transaction that writes the
// rows that it counts, so what it lacks stays the same, however long it took to find; a later step
// cannot add it again, since its snapshot is taken after this step has committed. A batch that
// corrects foreign ledger entries meanwhile requests another resync.
//
// A batch that restores a pair counts nothing, since the counters have it already. So resync_sums
// leaves out the counters of campaigns with pairs that are missing or altered, which include those
// that a batch restores while this step runs.
//
// Rows are locked only to add, in the order in which batches lock them. Counters of a limited
// campaign decide its capacity: they are put right under the campaign's lock, and an allocation is
// requested. The writers' rows of accounts come last, so that they are locked only for a moment.
func (s *resyncStep) repairSums(ctx context.Context) error {
	// Reading whole tables takes longer, but locks nothing that a batch waits for.
	if err := postgres.SetTimeouts(ctx, s.tx, lockTimeout, sumsTimeout); err != nil {
		return fmt.Errorf("while adding up: %w", err)
	}
	rows, err := s.tx.Query(ctx, s.statement("resync_sums"))
	if err != nil {
		return fmt.Errorf("while adding up: %w", err)
	}
	var pairs, credits, referrers, waitlists, engineAccounts, writerAccounts sumKeys
	before := s.bytes
	kinds := map[string]*sumKeys{
		"Pairs": &pairs, "Credits": &credits, "Referrer": &referrers, "Waitlist": &waitlists,
		"EngineAccount": &engineAccounts, "WriterAccount": &writerAccounts,
	}
	var what, campaign, key, currency string
	var l lack
	_, err = pgx.ForEachRow(rows, []any{&what, &campaign, &key, &currency, &l.awaiting, &l.waiting, &l.held, &l.granted, &l.reversed}, func() error { //nolint:forbidigo // however many are off, few are kept
		k := kinds[what]
		size := 0
		for _, text := range []string{campaign, key, currency, l.awaiting, l.waiting, l.held, l.granted, l.reversed} {
			if err := checkID(text); err != nil {
				return err
			}
			size += len(text)
		}
		if k == nil {
			return fmt.Errorf("the database names a kind of sums that there is not, %s", shown(what))
		}
		if len(k.campaign) >= mostSums || s.bytes-before > sumsBytes {
			return nil
		}
		k.add(campaign, key, currency)
		k.lacks.add(&l)
		s.bytes += bytesPerSumKey + copiesOfText*size
		return s.checkBytes()
	})
	if err != nil {
		return fmt.Errorf("while adding up: %w", err)
	}
	if err := postgres.SetTimeouts(ctx, s.tx, lockTimeout, stepTimeout); err != nil {
		return fmt.Errorf("while adding up: %w", err)
	}
	var writes pgx.Batch
	limited := s.limitedCampaigns(pairs.campaign, credits.campaign, referrers.campaign, waitlists.campaign)
	if len(limited) > 0 {
		writes.Queue(s.statement("lock_campaign"), limited, []string{})
	}
	if k := &pairs; len(k.campaign) > 0 {
		writes.Queue(s.statement("lock_pair_count"), k.campaign)
		writes.Queue(s.statement("repair_pair_count"), pgx.StrictNamedArgs{
			"campaigns": k.campaign, "awaiting": k.lacks.awaiting, "waiting": k.lacks.waiting, "held": k.lacks.held,
			"granted": k.lacks.granted, "reversed": k.lacks.reversed,
		})
	}
	if k := &credits; len(k.campaign) > 0 {
		writes.Queue(s.statement("lock_credit_count"), k.campaign, k.currency)
		writes.Queue(s.statement("repair_credit_count"), pgx.StrictNamedArgs{
			"campaigns": k.campaign, "currencies": k.currency, "granted": k.lacks.granted, "held": k.lacks.held, "reversed": k.lacks.reversed,
		})
	}
	if k := &referrers; len(k.campaign) > 0 {
		writes.Queue(s.statement("lock_referrer"), k.campaign, k.key)
		writes.Queue(s.statement("repair_referrer"), k.campaign, k.key, k.lacks.granted)
	}
	waits := sumKeys{campaign: slices.Concat(referrers.campaign, waitlists.campaign), key: slices.Concat(referrers.key, waitlists.key)}
	if k := waits.ofCampaigns(limited); len(k.campaign) > 0 {
		writes.Queue(s.statement("record_waitlist_referrer"), k.campaign, k.key)
	}
	if k := &engineAccounts; len(k.campaign) > 0 {
		writes.Queue(s.statement("lock_engine_account"), k.key, k.currency)
		writes.Queue(s.statement("repair_engine_account"), k.key, k.currency, k.lacks.granted, k.lacks.held)
	}
	// Requested whether or not anything differed, since a request may have been lost. It comes last:
	// a waiting pair with a pending request is not compared.
	writes.Queue(s.statement("request_allocation"), slices.Sorted(maps.Keys(s.config.Reward.Campaigns)))
	for _, k := range []*sumKeys{&pairs, &credits, &referrers, &waitlists, &engineAccounts} {
		s.countSumDrift(k)
	}
	if err := s.send(ctx, &writes); err != nil {
		return fmt.Errorf("while putting counters and accounts right: %w", err)
	}
	return s.repairWriterAccounts(ctx, &writerAccounts)
}

// repairWriterAccounts puts the writers' rows of accounts right. Rows that a writer has locked are
// left to the next comparison: the writer's transaction may stay open.
func (s *resyncStep) repairWriterAccounts(ctx context.Context, off *sumKeys) error {
	if len(off.key) == 0 {
		return nil
	}
	type account struct{ beneficiaryID, currency string }
	campaigns := make(map[account]string, len(off.key))
	for i, campaign := range off.campaign {
		campaigns[account{off.key[i], off.currency[i]}] = campaign
	}
	var locked sumKeys
	var queries pgx.Batch
	queries.Queue(s.statement("create_writer_account"), off.key, off.currency)
	queries.Queue(s.statement("lock_writer_account"), off.key, off.currency).Query(func(rows pgx.Rows) error {
		var a account
		return postgres.ForEachRow(rows, []any{&a.beneficiaryID, &a.currency}, func() error {
			locked.add(campaigns[a], a.beneficiaryID, a.currency)
			return nil
		})
	})
	if err := s.send(ctx, &queries); err != nil {
		return fmt.Errorf("while locking the writers' rows of accounts: %w", err)
	}
	if _, err := s.tx.Exec(ctx, s.statement("repair_writer_account"), locked.key, locked.currency); err != nil {
		return fmt.Errorf("while adding the writers' rows of accounts up again: %w", err)
	}
	s.countSumDrift(&locked)
	return nil
}

// ofCampaigns returns the keys of these campaigns.
func (k *sumKeys) ofCampaigns(campaigns []string) *sumKeys {
	var of sumKeys
	for i, campaign := range k.campaign {
		if slices.Contains(campaigns, campaign) {
			of.add(campaign, k.key[i], "")
		}
	}
	return &of
}

// limitedCampaigns returns those of the campaigns, ordered by name, whose pairs are admitted by
// allocation.
func (s *resyncStep) limitedCampaigns(names ...[]string) []string {
	all := slices.Concat(names...)
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool {
		campaign := s.config.Reward.Campaigns[name]
		return campaign == nil || !campaign.Allocates()
	})
}

// sumKeys are the keys of counters or accounts, with what each lacks.
type sumKeys struct {
	campaign, key, currency []string
	lacks                   lackColumns
}

// lack is what a counter or an account lacks, see resync_sums.sql: whole numbers beyond the range of
// integers.
type lack struct{ awaiting, waiting, held, granted, reversed string }

type lackColumns struct{ awaiting, waiting, held, granted, reversed []string }

func (c *lackColumns) add(l *lack) {
	c.awaiting, c.waiting, c.held = append(c.awaiting, l.awaiting), append(c.waiting, l.waiting), append(c.held, l.held)
	c.granted, c.reversed = append(c.granted, l.granted), append(c.reversed, l.reversed)
}

func (k *sumKeys) add(campaign, key, currency string) {
	k.campaign, k.key, k.currency = append(k.campaign, campaign), append(k.key, key), append(k.currency, currency)
}

// countSumDrift counts what is put right as drift of its campaigns.
func (s *resyncStep) countSumDrift(k *sumKeys) {
	for _, campaign := range k.campaign {
		s.driftOf(campaign).sums++
	}
}
