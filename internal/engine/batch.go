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
	shards         = 16 // rows of referral.shard
	shardsPerBatch = 4  // the rest is left to other workers and replicas
)

var (
	// errConfigurationMoved: what was decided may not be what is declared now.
	errConfigurationMoved = errors.New("the configuration moved while the batch was decided")
)

// batch is one transaction: changes taken, referees decided, results recorded.
type batch struct {
	engine *Engine
	config *database.Configuration
	turn   turn // what it may take

	tx        pgx.Tx
	now       time.Time // the database's clock
	shards    []int16   // locked
	referees  []*referee
	byID      map[string]*referee
	rooms     []string  // campaigns whose budget has changed
	resyncs   bool      // nobody noted these referees: rows that were altered are not believed
	withholds bool      // reversals of some campaign are withheld
	notes     lineNotes // written with the pairs
	blocked   bool      // somebody had to stay in line for another's turn
	taken     int       // keys that were dequeued
	bytes     int       // about what it holds in memory
	large     bool      // it has locked largeBatch
}

func newBatch(e *Engine, config *database.Configuration, turn turn) *batch {
	return &batch{engine: e, config: config, turn: turn}
}

// run does the whole batch and reports whether there was anything to do. On an
// error nothing of it remains.
func (b *batch) run(ctx context.Context) (took bool, err error) {
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

	if err := b.claim(ctx); err != nil || len(b.shards) == 0 {
		return false, err
	}
	if err := b.take(ctx); err != nil {
		return false, fmt.Errorf("while taking changes: %w", err)
	}
	if err := b.converge(ctx); err != nil {
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

// claim locks shards that have work and that nobody else has locked.
func (b *batch) claim(ctx context.Context) error {
	var queries pgx.Batch
	queries.Queue(b.statement("begin"))
	queries.Queue(b.statement("claim"), b.turn.first, min(b.turn.shards, b.turn.size), b.turn.without).Query(func(rows pgx.Rows) (err error) {
		b.shards, err = pgx.CollectRows(rows, pgx.RowTo[int16])
		return err
	})
	if err := b.send(ctx, &queries); err != nil {
		return fmt.Errorf("while claiming shards: %w", err)
	}
	return nil
}

// converge loads, decides and records the batch's referees. A referee that is
// alone in the batch and cannot be decided for its size, or that has failed
// alone before, is set aside.
func (b *batch) converge(ctx context.Context) error {
	if len(b.referees) != 1 {
		return b.attempt(ctx)
	}
	alone := b.referees[0]
	cause := b.turn.cause
	if alone.UserID != b.turn.aside {
		err := b.attempt(ctx)
		if !errors.Is(err, errRefereeTooLarge) {
			return err
		}
		cause = err // nothing was written before it was known
	}
	b.setAside(alone, cause)
	b.referees = []*referee{alone}
	if err := b.admit(ctx); err != nil { // what else was taken
		return err
	}
	return b.record(ctx)
}

// ending is how the batch ended, for the worker's split.
func (b *batch) ending(began time.Time, err error) ending {
	e := ending{began: began, at: time.Now(), shards: b.shards, taken: b.taken, fault: database.FaultOf(err), cause: err}
	if errors.Is(err, errMemoryInUse) {
		e.fault = database.FaultPassing
	}
	if b.taken == 1 && len(b.referees) == 1 {
		e.alone = b.referees[0].UserID
	}
	return e
}

// attempt does what converge is about.
func (b *batch) attempt(ctx context.Context) error {
	if len(b.referees) == 0 && len(b.rooms) == 0 {
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
	if b.resyncs {
		b.leave(func(r *referee) bool { return r.outcome.Frozen })
	}
	if err := b.withhold(ctx); err != nil {
		return fmt.Errorf("while counting lost rows: %w", err)
	}
	if err := b.bind(ctx); err != nil {
		return fmt.Errorf("while recording attributions: %w", err)
	}
	if err := b.admit(ctx); err != nil {
		return fmt.Errorf("while admitting pairs: %w", err)
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
