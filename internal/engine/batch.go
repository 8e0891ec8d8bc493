package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	shardsPerBatch = 4 // the rest is left to other workers and replicas
)

// errConfigurationMoved: what was decided may not be what is declared now.
var errConfigurationMoved = errors.New("the configuration moved while the batch was decided")

// batch is one transaction: referees chosen and locked, decided, results recorded.
type batch struct {
	engine *Engine
	config *Declared
	turn   turn // what it may take

	tx           pgx.Tx
	now          time.Time      // the database's clock
	shards       []int16        // locked
	oldest       []oldestChange // the beginnings of their queues
	referees     []*referee
	byID         map[string]*referee
	resyncs      bool // no change was enqueued for these referees: rows that were altered are not believed
	hasIncidents bool // reversals of some campaign are withheld
	// countsLosses: a resync has not counted yet what is missing in the whole.
	countsLosses bool

	chosen int  // keys that were dequeued, or referees of the waitlist's head
	bytes  int  // about what it holds in memory
	large  bool // it has locked largeBatch

	allocatesFor        string               // campaign whose waitlist's head the referees are; empty: they were dequeued
	withheldUsers       []string             // user_ids that are withheld
	allocationRequests  []string             // campaigns to be allocated
	reevaluate          []string             // user_ids to be decided again
	passedOverReferrers referrerColumns      // referrers of pairs that are passed over from now on
	referrersNotWaiting map[referrerKey]bool // referrers no pair of whom was on the waitlist when the campaign was locked

	erasures []*erasure // whose next step this batch does
	fixes    []string   // user_ids whose attribution is to stay
}

func newBatch(e *Engine, config *Declared, turn turn) *batch {
	return &batch{engine: e, config: config, turn: turn}
}

// run does the whole batch. choose locks shards and says which referees the batch is about; it
// reports whether there is anything to do. On an error nothing of the batch remains.
func (b *batch) run(ctx context.Context, choose func(context.Context) (bool, error)) (did bool, err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("the batch broke off: %v", fault)
		}
	}()
	defer b.unlockMemory()
	b.tx, err = b.engine.db.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("while beginning a batch: %w", err)
	}
	defer func() {
		// After a commit this does nothing. A context that has ended must not
		// keep the rollback from being sent.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = b.tx.Rollback(ctx)
	}()

	if found, err := choose(ctx); err != nil || !found {
		return false, err
	}
	if err := b.converge(ctx); err != nil {
		return false, err
	}
	if err := b.erase(ctx); err != nil {
		return false, err
	}
	if err := b.fence(ctx); err != nil {
		return false, fmt.Errorf("while reading the configuration epoch: %w", err)
	}
	if err := b.tx.Commit(ctx); err != nil {
		return false, fmt.Errorf("while committing a batch: %w", err)
	}
	b.addToStats()
	return true, nil
}

// dequeue locks shards that have work and that no other batch has locked, as many as the batch's turn
// allows, and takes changes from their queues.
func (b *batch) chooseChanges(ctx context.Context) (found bool, err error) {
	var queries pgx.Batch
	queries.Queue(b.statement("begin"))
	from := b.engine.queueStarts.columns(time.Now())
	queries.Queue(b.statement("lock_shards_with_work"), pgx.StrictNamedArgs{
		"first_shard":     b.turn.firstShard,
		"limit":           min(b.turn.mostShards, b.turn.size),
		"only":            shardOf(b.turn.suspect),
		"excluded":        shardsOf(b.turn.excluded),
		"start_shards":    from.shard,
		"start_xids":      from.xid,
		"start_ids":       from.id,
		"start_snapshots": from.seen,
	}).Query(func(rows pgx.Rows) error {
		var oldest oldestChange
		var snapshot string
		_, err := pgx.ForEachRow(rows, []any{&oldest.shard, &oldest.xid, &oldest.id, &snapshot}, func() error {
			b.shards = append(b.shards, oldest.shard)
			b.oldest = append(b.oldest, oldest)
			b.engine.queueStarts.record(time.Now(), oldest, snapshot)
			return nil
		})
		return err
	})
	if err := b.send(ctx, &queries); err != nil || len(b.shards) == 0 {
		return false, wrap("while locking shards", err)
	}
	return true, wrap("while taking changes", b.dequeue(ctx))
}

// setReferees makes these the referees of the batch, in order.
func (b *batch) setReferees(users []string) {
	b.referees, b.byID = make([]*referee, len(users)), make(map[string]*referee, len(users))
	for i, userID := range users {
		r := newReferee(userID)
		b.referees[i], b.byID[userID] = r, r
	}
}

// converge loads, decides and records the batch's referees. A referee that is
// alone in the batch and cannot be decided for its size, or that has failed
// alone before, is set aside. Where its erasure has failed, only that is put off.
func (b *batch) converge(ctx context.Context) error {
	if len(b.referees) != 1 {
		return b.decideAndRecord(ctx)
	}
	alone := b.referees[0]
	cause := b.turn.cause
	if alone.UserID == b.turn.setAside {
		if errors.Is(cause, errErasure) {
			alone.erases.postpone(b, cause)
			return b.decideAndRecord(ctx)
		}
		if err := b.loadAside(ctx, alone); err != nil {
			return err
		}
	} else {
		err := b.decideAndRecord(ctx)
		if !errors.Is(err, errRefereeTooLarge) {
			return err
		}
		cause = err // nothing was written before it was known
	}
	b.setAside(alone, cause)
	b.referees = []*referee{alone}
	if err := b.allocate(ctx); err != nil {
		return err
	}
	return b.record(ctx)
}

// ending is how the batch ended, for the worker's split.
func (b *batch) ending(began time.Time, err error) ending {
	e := ending{began: began, at: time.Now(), chosen: b.chosen, fault: postgres.FaultOf(err), cause: err}
	if errors.Is(err, errMemoryInUse) {
		e.fault = postgres.FaultPassing
	}
	switch {
	case b.allocatesFor != "":
		e.units = []string{b.allocatesFor}
	default:
		for _, shard := range b.shards {
			e.units = append(e.units, strconv.Itoa(int(shard)))
		}
	}
	if b.chosen == 1 && len(b.referees) == 1 {
		e.alone = b.referees[0].UserID
	}
	return e
}

// attempt does what converge is about.
func (b *batch) decideAndRecord(ctx context.Context) error {
	if len(b.referees) == 0 && b.allocatesFor == "" {
		return nil
	}
	if err := b.load(ctx); err != nil {
		return fmt.Errorf("while loading facts: %w", err)
	}
	if b.resyncs {
		if err := b.dropPending(ctx); err != nil {
			return fmt.Errorf("while looking for changes: %w", err)
		}
	}
	b.decide()
	if err := b.weighDecisions(); err != nil {
		return fmt.Errorf("while deciding: %w", err)
	}
	if err := b.withhold(ctx); err != nil {
		return fmt.Errorf("while counting lost rows: %w", err)
	}
	if err := b.recordAttributions(ctx); err != nil {
		return fmt.Errorf("while recording attributions: %w", err)
	}
	if err := b.allocate(ctx); err != nil {
		return fmt.Errorf("while allocating capacity: %w", err)
	}
	b.computeEntries()
	if err := b.record(ctx); err != nil {
		return fmt.Errorf("while recording results: %w", err)
	}
	return nil
}

// fence makes sure that what was decided is what is declared, up to the commit.
func (b *batch) fence(ctx context.Context) error {
	var epoch int64
	if err := b.tx.QueryRow(ctx, b.statement("fence")).Scan(&epoch); err != nil {
		return err
	}
	if epoch != b.config.Epoch {
		return errConfigurationMoved
	}
	return nil
}

// count adds a committed batch to the engine's statistics.
func (b *batch) addToStats() {
	stats := &b.engine.stats
	stats.batches.Add(1)
	for _, r := range b.referees {
		if r.cause != nil {
			stats.setAside.Add(1)
			continue
		}
		stats.referees.Add(1)
		stats.entries.Add(uint64(len(r.entries)))
	}
}

func (b *batch) statement(name string) string { return b.engine.sql.Get(name) }
