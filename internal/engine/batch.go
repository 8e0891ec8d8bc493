package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
)

const (
	shardsPerBatch = 4 // the rest is left to other workers and replicas
	factsPerBatch  = 400_000
)

var (
	// errConfigurationMoved: what was decided may not be what is declared now.
	errConfigurationMoved = errors.New("the configuration moved while the batch was decided")
	// errBatchTooLarge: so many facts that they should not be held at once.
	errBatchTooLarge = fmt.Errorf("more than %d facts in one batch", factsPerBatch)
)

// batch is one transaction: referees chosen and locked, decided, results recorded.
type batch struct {
	engine *Engine
	config *database.Configuration
	size   int

	tx        pgx.Tx
	now       time.Time // the database's clock
	shards    []int16   // locked
	referees  []*referee
	byID      map[string]*referee
	resyncs   bool // no change was enqueued for these referees: rows that were altered are not believed
	withholds bool // reversals of some campaign are withheld
	// countsLosses: a resync has not counted yet what is missing in the whole.
	countsLosses bool
	facts        int

	allocates  string               // campaign whose waitlist's head the referees are; empty: they were dequeued
	undecided  []string             // user_ids that are withheld
	requests   []string             // campaigns to be allocated
	again      []string             // user_ids to be decided again
	passedOver referrerColumns      // referrers of pairs that are passed over from now on
	waitless   map[referrerKey]bool // referrers no pair of whom was on the waitlist when the campaign was locked

	erasures []*erasure // whose next step this batch does
	fixes    []string   // user_ids whose attribution is to stay
}

func newBatch(e *Engine, config *database.Configuration, size int) *batch {
	return &batch{engine: e, config: config, size: size}
}

// run does the whole batch. choose locks shards and says which referees the batch is about; it
// reports whether there is anything to do. On an error nothing of the batch remains.
func (b *batch) run(ctx context.Context, choose func(context.Context) (bool, error)) (did bool, err error) {
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
	b.count()
	return true, nil
}

// dequeue locks up to so many shards that have work and that no other batch has locked, and takes
// changes from their queues.
func (b *batch) dequeue(ctx context.Context, first, most int) (found bool, err error) {
	var queries pgx.Batch
	queries.Queue(b.statement("begin"))
	queries.Queue(b.statement("claim"), first, min(most, b.size)).Query(func(rows pgx.Rows) (err error) {
		b.shards, err = pgx.CollectRows(rows, pgx.RowTo[int16])
		return err
	})
	if err := b.send(ctx, &queries); err != nil || len(b.shards) == 0 {
		return false, wrap("while locking shards", err)
	}
	return true, wrap("while taking changes", b.take(ctx))
}

// setReferees makes these the referees of the batch, in order.
func (b *batch) setReferees(users []string) {
	b.referees, b.byID = make([]*referee, len(users)), make(map[string]*referee, len(users))
	for i, userID := range users {
		r := newReferee(userID)
		b.referees[i], b.byID[userID] = r, r
	}
}

// converge loads, decides and records the batch's referees. When the data of a
// referee who is alone in the batch is at fault, the referee is set aside.
func (b *batch) converge(ctx context.Context) error {
	if len(b.referees) != 1 {
		return b.attempt(ctx)
	}
	whole, alone := b.tx, b.referees[0]
	defer func() { b.tx = whole }()
	savepoint, err := whole.Begin(ctx)
	if err != nil {
		return fmt.Errorf("while setting a savepoint: %w", err)
	}
	b.tx = savepoint
	err = b.attempt(ctx)
	if err == nil {
		return savepoint.Commit(ctx)
	}
	if !database.Data(err) {
		return err
	}
	if err := savepoint.Rollback(ctx); err != nil {
		return fmt.Errorf("while rolling back to a savepoint: %w", err)
	}
	b.tx = whole
	alone.setAside(err)
	b.referees = []*referee{alone}
	if err := b.allocate(ctx); err != nil {
		return err
	}
	return b.record(ctx)
}

// attempt does what converge is about.
func (b *batch) attempt(ctx context.Context) error {
	if len(b.referees) == 0 && b.allocates == "" {
		return nil
	}
	if err := b.load(ctx); err != nil {
		return fmt.Errorf("while loading facts: %w", err)
	}
	if b.resyncs {
		if err := b.leavePending(ctx); err != nil {
			return fmt.Errorf("while looking for changes: %w", err)
		}
	}
	b.decide()
	if err := b.withhold(ctx); err != nil {
		return fmt.Errorf("while counting lost rows: %w", err)
	}
	if err := b.bind(ctx); err != nil {
		return fmt.Errorf("while recording attributions: %w", err)
	}
	if err := b.allocate(ctx); err != nil {
		return fmt.Errorf("while allocating capacity: %w", err)
	}
	b.settle()
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
func (b *batch) count() {
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

func (b *batch) statement(name string) string { return b.engine.sql.get(name) }
