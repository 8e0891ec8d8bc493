package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// The other shards are left to other workers and replicas.
	shardsPerBatch = 4

	// mostShards is far above the number of shards; poll.sql has the same limit. What is kept of each
	// shard is bounded by it.
	mostShards = 256

	// defaultBatchTime bounds a whole batch, which holds locks and memory that others wait for. Usual
	// batches take a second or two.
	defaultBatchTime = 5 * time.Minute
)

// ErrConfigurationMoved rolls a batch back: it was decided under a configuration that is no longer
// declared. A plan returns it if declarations changed the configuration so often that it did not
// end.
var ErrConfigurationMoved = errors.New("the configuration moved while the batch was decided")

// batch is one transaction: it locks shards, chooses referees, decides them and records the
// results.
type batch struct {
	engine *Engine
	config *Declared
	turn   turn // what the batch may work on

	watch        stopwatch
	tx           pgx.Tx
	now          time.Time      // the database's clock
	shards       []int16        // locked
	oldest       []oldestChange // the oldest change of each locked shard
	referees     []*referee
	byID         map[string]*referee
	resyncs      bool // a resync found the referees: their checksums are verified, and what differs is drift
	hasIncidents bool // pairs of some campaign are withheld
	// A resync has not yet counted all missing rows, so reversals caused by missing rows are
	// withheld.
	countsLosses bool

	elsewhere bool  // the suspect has work, and another batch has locked it
	chosen    int   // dequeued keys, or referees of the head of a waitlist
	bytes     int   // estimate of the memory that the batch holds
	mostKnown int   // most of it for LoadKnown; 0: as for any batch
	reserved  int   // what it may hold without reserving more; see batchMemory
	large     bool  // it is the large batch of the process
	overfull  error // checkBytes after the last decision

	logLines []logLine // to be written after the commit

	allocatesFor        string               // the campaign to allocate; empty: the batch works on the change queue
	withheldUsers       []string             // user_ids of referees that are withheld whole
	withheldDeferred    deferredColumns      // under which campaigns they are deferred
	allocationRequests  []string             // campaigns to be allocated again
	reevaluate          []string             // user_ids to be enqueued for re-evaluation
	passedOverReferrers referrerColumns      // referrers of the pairs that are passed over from now on
	referrersNotWaiting map[referrerKey]bool // referrers without a pair on the waitlist when the campaign was locked

	// Reads deciding touches for a plan, under other campaigns than the declared ones; nil: as
	// declared.
	touches func(*batch, *pgx.Batch, *touchColumns)

	rollouts *expansion // steps of rollouts that the batch does; nil: none
	resumed  []string   // campaigns whose deferred referees the batch enqueues

	erasures []*erasure // the next steps of erasures that the batch does
	fixes    []string   // user_ids whose attributions become fixed

	// By campaign, what recordAttributionsAside has changed. Counters are written after a campaign is
	// locked.
	countsAside map[string]*pairCount
}

func newBatch(e *Engine, config *Declared, turn turn) *batch {
	return &batch{engine: e, config: config, turn: turn, reserved: unreservedBytes}
}

// run executes the whole batch. choose locks shards and chooses the referees; it reports whether
// there is anything to do. After an error nothing of the batch remains.
func (b *batch) run(ctx context.Context, choose func(context.Context) (bool, error)) (did bool, err error) {
	err = Contain(func() (err error) {
		did, err = b.transact(ctx, choose)
		return err
	})
	return did, postgres.Short(b.engine.logPanic("the batch broke off", err)) // it may be kept as the cause of what failed
}

func (b *batch) transact(ctx context.Context, choose func(context.Context) (bool, error)) (did bool, err error) {
	defer b.releaseMemory()
	ctx, cancel := context.WithTimeout(ctx, b.engine.batchTime)
	defer cancel()
	b.watch = startStopwatch()
	b.tx, err = b.engine.db.Begin(ctx)
	if err != nil {
		return false, fmt.Errorf("while beginning a batch: %w", err)
	}
	defer postgres.Rollback(ctx, b.tx)

	if found, err := choose(ctx); err != nil || !found {
		return false, err
	}
	b.watch.end(StageChoose)
	if err := b.converge(ctx); err != nil {
		return false, err
	}
	if err := b.erase(ctx); err != nil {
		return false, err
	}
	if err := b.fence(ctx); err != nil {
		return false, err
	}
	if err := b.tx.Commit(ctx); err != nil {
		return false, fmt.Errorf("while committing a batch: %w", err)
	}
	b.watch.end(StageCommit)
	b.logCommitted()
	b.addToStats()
	b.observeCommit()
	return true, nil
}

// chooseChanges locks shards that have work and that no other batch has locked, at most as many as
// the turn allows, and dequeues their oldest changes.
func (b *batch) chooseChanges(ctx context.Context) (found bool, err error) {
	var queries pgx.Batch
	queries.Queue(b.statement("begin"))
	from := b.engine.queueStarts.columns(time.Now())
	limit := min(b.turn.mostShards, b.turn.size)
	queries.Queue(b.statement("lock_shards_with_work"), pgx.StrictNamedArgs{
		"first_shard":     b.turn.firstShard,
		"limit":           limit,
		"only":            shardOf(b.turn.suspect),
		"excluded":        shardsOf(b.turn.excluded),
		"start_shards":    from.shard,
		"start_xids":      from.xid,
		"start_ids":       from.id,
		"start_snapshots": from.seen,
	}).Query(func(rows pgx.Rows) error {
		var oldest oldestChange
		var snapshot string
		var snapshots []string
		err := postgres.ForEachRow(rows, []any{&oldest.shard, &oldest.xid, &oldest.id, &snapshot}, func() error {
			if len(b.shards) == limit || !b.mayLock(oldest.shard) {
				b.shards, b.oldest = nil, nil // no shard is at fault
				return fmt.Errorf("the database locks shard %d, which the batch may not work on: restore table shard and its primary key", oldest.shard)
			}
			b.shards = append(b.shards, oldest.shard)
			b.oldest = append(b.oldest, oldest)
			snapshots = append(snapshots, snapshot)
			return nil
		})
		if err != nil {
			return err
		}
		for i, snapshot := range snapshots {
			b.engine.queueStarts.record(time.Now(), b.oldest[i], snapshot)
		}
		return nil
	})
	if err := b.send(ctx, &queries); err != nil || len(b.shards) == 0 {
		return false, wrap("while locking shards", cmp.Or(err, b.findElsewhere(ctx, "shard_has_work", shardOf(b.turn.suspect))))
	}
	return true, wrap("while dequeueing changes", b.dequeue(ctx))
}

// findElsewhere finds out whether a suspect that could not be locked has work.
func (b *batch) findElsewhere(ctx context.Context, statement string, suspect any) error {
	if b.turn.suspect == "" {
		return nil
	}
	return b.tx.QueryRow(ctx, b.statement(statement), suspect).Scan(&b.elsewhere)
}

// mayLock reports whether the turn allows to lock the shard next. The server that answers it is not
// trusted.
func (b *batch) mayLock(shard int16) bool {
	unit := strconv.Itoa(int(shard))
	return shard >= 0 && shard < mostShards && b.turn.allows(unit) && !slices.Contains(b.shards, shard)
}

// setReferees makes these users the referees of the batch, in order. Their number is bounded by the
// turn, and the server that names them is not trusted.
func (b *batch) setReferees(users []string) error {
	for _, userID := range users {
		if err := checkID(userID); err != nil {
			return err
		}
		b.bytes += len(userID) // its rows count with bytesPerRow
	}
	b.referees, b.byID = make([]*referee, len(users)), make(map[string]*referee, len(users))
	for i, userID := range users {
		r := newReferee(userID)
		b.referees[i], b.byID[userID] = r, r
	}
	return b.checkBytes()
}

// userIDs returns the user_ids of the referees, in order.
func (b *batch) userIDs() []string {
	ids := make([]string, len(b.referees))
	for i, r := range b.referees {
		ids[i] = r.UserID
	}
	return ids
}

// converge loads, decides and records the batch's referees. A referee that is alone in its batch is
// set aside if its data is too large, or if the turn says so because it failed alone before. If a
// step of its erasure failed, only that step is postponed. If its data is so large that reading it
// has ended the connection, the batch fails, and a later turn sets the referee aside.
func (b *batch) converge(ctx context.Context) error {
	if len(b.referees) > 0 {
		if err := b.loadRollouts(ctx); err != nil {
			return fmt.Errorf("while reading how far rollouts have come: %w", err)
		}
	}
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
		held := b.bytes
		err := b.loadAndDecide(ctx)
		switch {
		case err == nil:
			return b.allocateAndRecord(ctx)
		case !errors.Is(err, errRefereeTooLarge):
			return err
		case b.tx.Conn().IsClosed(): // the rows that were left were too many to be read
			return fmt.Errorf("%w: %w", errEndedConnection, err)
		}
		cause, b.bytes = err, held // nothing is written yet
	}
	b.setAside(alone, cause)
	b.referees = []*referee{alone}
	if err := b.recordAttributionsAside(ctx); err != nil {
		return err
	}
	if err := b.allocate(ctx); err != nil {
		return err
	}
	return b.record(ctx)
}

// ending describes how the batch ended to the worker's split.
func (b *batch) ending(began time.Time, err error) ending {
	e := ending{began: began, at: time.Now(), elsewhere: b.elsewhere, chosen: b.chosen, fault: postgres.FaultOf(err), cause: err}
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

// decideAndRecord takes the referees through all steps from their facts to their ledger entries.
func (b *batch) decideAndRecord(ctx context.Context) error {
	if len(b.referees) == 0 && b.allocatesFor == "" {
		return nil
	}
	if err := b.loadAndDecide(ctx); err != nil {
		return err
	}
	return b.allocateAndRecord(ctx)
}

// loadAndDecide takes the referees through the steps that write nothing.
func (b *batch) loadAndDecide(ctx context.Context) error {
	if err := b.load(ctx); err != nil {
		return fmt.Errorf("while loading facts: %w", err)
	}
	b.watch.end(StageLoad)
	if b.resyncs {
		if err := b.dropPending(ctx); err != nil {
			return fmt.Errorf("while looking for pending changes: %w", err)
		}
	}
	if err := b.decide(); err != nil {
		return fmt.Errorf("while deciding: %w", err)
	}
	b.watch.end(StageDecide)
	return nil
}

// allocateAndRecord takes the decided referees through the steps that write.
func (b *batch) allocateAndRecord(ctx context.Context) error {
	if err := b.withhold(ctx); err != nil {
		return fmt.Errorf("while counting lost rows: %w", err)
	}
	if err := b.recordAttributions(ctx); err != nil {
		return fmt.Errorf("while recording attributions: %w", err)
	}
	if err := b.allocate(ctx); err != nil {
		return fmt.Errorf("while allocating capacity: %w", err)
	}
	if err := b.settle(); err != nil {
		return err
	}
	if err := b.findForeign(ctx); err != nil {
		return fmt.Errorf("while looking for foreign ledger entries: %w", err)
	}
	b.watch.end(StageAllocate)
	if err := b.record(ctx); err != nil {
		return fmt.Errorf("while recording results: %w", err)
	}
	b.watch.end(StageRecord)
	return nil
}

// fence makes sure that what was decided is what is declared, up to the commit.
func (b *batch) fence(ctx context.Context) error {
	if err := b.fenceRollouts(ctx); err != nil {
		return fmt.Errorf("while keeping rollouts where they are: %w", err)
	}
	var epoch int64
	if err := b.tx.QueryRow(ctx, b.statement("fence")).Scan(&epoch); err != nil {
		return fmt.Errorf("while reading the configuration epoch: %w", err)
	}
	if epoch != b.config.Epoch {
		return ErrConfigurationMoved
	}
	return nil
}

// logLine is a line of the log that is true once the batch is committed.
type logLine struct {
	message string
	cause   error
}

// logAfterCommit keeps a line of the log until the commit: a batch that is rolled back, or decided
// for a plan, records nothing.
func (b *batch) logAfterCommit(message string, cause error) {
	b.logLines = append(b.logLines, logLine{message, cause})
}

// logCommitted writes the lines that were kept until the commit.
func (b *batch) logCommitted() {
	for _, line := range b.logLines {
		b.engine.log.Error(line.message, "cause", logged(line.cause))
	}
}

// addToStats adds a committed batch to the engine's statistics.
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

func (b *batch) statement(name string) string { return b.engine.statement(name) }
