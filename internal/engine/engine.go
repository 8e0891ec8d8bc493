package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/quota"
)

// ErrNotOwner is returned by Run when the schema belongs to another AttributionDatabase.
var ErrNotOwner = errors.New("the schema has another owner")

// Options of an Engine. Fields that are zero get their defaults, except OwnerUID.
type Options struct {
	OwnerUID         string        // UID of the AttributionDatabase that this engine works for
	Tenant           string        // whose batches and configurations share a part of the process's memory
	Workers          int           // batches at the same time; default 2
	PollInterval     time.Duration // time between two polls while there is work; default 100 ms
	IdlePollInterval time.Duration // time between two polls of all replicas while there is none; default 1 s
	Pace             *Pace         // shared by the engines of a process; default: its own
	BatchSize        int           // most changes in a batch while there is a backlog; default 4,000
	LossLimit        int64         // most pairs reversed for missing rows, unless 5% of the pairs are more; default 100
	Observer         Observer      // default: none
	Log              *slog.Logger  // default: discards
}

// Engine converges the credits of one attribution database.
type Engine struct {
	db      *postgres.DB
	sql     postgres.Queries // all that the package has
	options Options
	log     *slog.Logger

	config      atomic.Pointer[Declared]
	loading     chan struct{} // has an element while a goroutine loads the configuration
	memory      quota.Kept    // of the configuration
	queueStarts queueStarts
	failure     atomic.Pointer[error]
	stuck       []atomic.Pointer[error] // by worker: why one of its shards or campaigns makes no progress
	busy        atomic.Int32            // workers that are working
	touched     atomic.Bool             // touches have been written since the last upkeep
	stats       counters

	place    atomic.Pointer[database.Place] // nil: there is no other replica
	activity atomic.Uint64                  // see Activity
	idle     atomic.Bool
	stirred  chan struct{}

	decideTimeout time.Duration
	batchTime     time.Duration // of a whole batch

	resyncFailure    atomic.Pointer[error]
	reversalFailures atomic.Pointer[map[string]error] // by campaign

	exhausted sync.Map // campaigns whose last claims mostly joined the waitlist; a wrong guess costs one more write per pair
}

// New returns an engine on a migrated database. Run starts it.
func New(db *postgres.DB, options Options) *Engine {
	if options.Workers <= 0 {
		options.Workers = 2
	}
	if options.PollInterval <= 0 {
		options.PollInterval = 100 * time.Millisecond
	}
	if options.IdlePollInterval <= 0 {
		options.IdlePollInterval = time.Second
	}
	options.IdlePollInterval = max(options.IdlePollInterval, options.PollInterval)
	if options.Pace == nil {
		options.Pace = &Pace{}
	}
	if options.BatchSize <= 0 {
		options.BatchSize = 4000
	}
	if options.LossLimit <= 0 {
		options.LossLimit = defaultLossLimit
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &Engine{
		db: db, sql: queries, options: options, log: options.Log,
		stuck: make([]atomic.Pointer[error], options.Workers), stirred: make(chan struct{}, 1),
		loading: make(chan struct{}, 1), memory: declaredMemory.Keep(options.Tenant),
		decideTimeout: defaultDecideTimeout, batchTime: defaultBatchTime,
	}
}

// Run polls for work and wakes the workers until ctx ends, when it returns nil, or until the schema
// has another owner, when it returns ErrNotOwner. Every other failure is retried; Err reports it.
//
// A panic in any goroutine of the engine ends the engine: Run returns a *PanicError.
func (e *Engine) Run(ctx context.Context) error {
	return Contain(func() error { return e.run(ctx) })
}

func (e *Engine) run(ctx context.Context) (err error) {
	ctx, end := context.WithCancelCause(ctx)
	var workers sync.WaitGroup
	defer func() {
		end(nil)
		workers.Wait()
		e.config.Store(nil)
		e.memory.Shrink(0)
		if panicked, ok := errors.AsType[*PanicError](context.Cause(ctx)); ok {
			err = panicked
		}
	}()
	launch := func(do func()) {
		workers.Go(func() {
			if err := Contain(func() error { do(); return nil }); err != nil {
				end(err)
			}
		})
	}
	wake := make(chan struct{}, e.options.Workers)
	for number := range e.options.Workers {
		w := newWorker(e, number)
		launch(func() { w.run(ctx, wake) })
	}

	compare := make(chan struct{}, 1)
	launch(func() { newResyncer(e).run(ctx, compare) })
	reverse := make(chan struct{}, 1)
	launch(func() { newReverser(e, reversalRows).run(ctx, reverse) })

	launch(func() { e.runUpkeep(ctx) })

	delay := newBackoff()
	polls := newPoller(e)
	defer polls.end()
	for ctx.Err() == nil {
		if e.reversing() {
			polls.work(time.Now())
			wakeUp(reverse, 1)
		}
		if int(e.busy.Load()) == e.options.Workers {
			polls.work(time.Now())
			wakeUp(compare, 1)
			e.rest(ctx, polls.next(time.Now())) // the workers look for work themselves
			continue
		}
		found, err := polls.poll(ctx)
		wait := polls.next(time.Now())
		switch {
		case ctx.Err() != nil:
		case errors.Is(err, ErrNotOwner):
			return err
		case err != nil:
			e.setFailure(err)
			e.observeFailure(err)
			wait = delay.NextBackOff()
			e.log.Warn("Waiting for the database", "error", logged(err), "retryIn", wait.Round(time.Millisecond))
		default:
			if !found.work { // else the next batch shows whether the failure is over
				e.clearFailure()
				e.clearStuck() // another engine may have decided what failed here
			}
			delay.Reset()
		}
		if found.work {
			wakeUp(wake, e.options.Workers)
		}
		if found.resync {
			wakeUp(compare, 1)
		}
		e.rest(ctx, wait)
	}
	return nil
}

// rest waits for the given time, until something is declared, or until ctx ends.
func (e *Engine) rest(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-e.stirred:
	case <-timer.C:
	}
}

// Converge runs one batch after the other until none is left that no other engine is running. As
// for workers, one poll serves all batches that follow it. It returns an error if credit is left
// that a reversal cannot take back.
func (e *Engine) Converge(ctx context.Context) error {
	w := newWorker(e, 0)
	reverses := newReverser(e, min(reversalRows, e.usualBatch()))
	retried := false // postponed steps of erasures
	for polled := false; ; {
		if !polled {
			if _, err := e.poll(ctx); err != nil {
				return err
			}
		}
		did, atOnce, err := w.attempt(ctx)
		polled = did
		if err == nil && !did {
			did, atOnce, err = reverses.attemptSoon(ctx)
		}
		switch {
		case err == nil && !did && !retried:
			retried = true
			if !e.mayDecide(e.config.Load()) {
				return nil
			}
			if some, err := e.retryErasures(ctx, true); err != nil || !some {
				return cmp.Or(err, reverses.err())
			}
		case err == nil && !did:
			return reverses.err()
		case errors.Is(err, errMemoryInUse) && ctx.Err() == nil:
			pause(ctx, w.delay.NextBackOff())
		case err != nil && !atOnce:
			return err
		}
	}
}

// wakeUp wakes up to the given number of sleeping goroutines.
func wakeUp(wake chan<- struct{}, most int) {
	for range most {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// reload reads the configuration that the next batches are decided under.
func (e *Engine) reload(ctx context.Context) (*Declared, error) {
	select {
	case e.loading <- struct{}{}:
		defer func() { <-e.loading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	config, err := loadDeclared(ctx, e.db, &e.memory)
	if err == nil {
		e.config.Store(&config)
		e.forgetExhausted(&config)
	}
	e.memory.Shrink(e.config.Load().size())
	if err != nil {
		return nil, fmt.Errorf("while loading the configuration: %w", err)
	}
	return &config, nil
}

// mayDecide reports whether the database is not suspended, belongs to this engine's owner, and has
// the schema and rules versions of this binary.
func (e *Engine) mayDecide(config *Declared) bool {
	return !config.Suspended && config.OwnerUID == e.options.OwnerUID && config.versionsKnown()
}

// Err returns why the engine, or one of its shards, makes no progress at present. It is nil when
// all make progress.
func (e *Engine) Err() error {
	if failure := e.failure.Load(); failure != nil {
		return *failure
	}
	for i := range e.stuck {
		if stuck := e.stuck[i].Load(); stuck != nil {
			return *stuck
		}
	}
	return nil
}

// setStuck stores why one of a worker's shards or campaigns makes no progress; nil: all make
// progress.
func (e *Engine) setStuck(worker int, stuck error) {
	if stuck == nil {
		e.stuck[worker].Store(nil)
		return
	}
	e.stuck[worker].Store(&stuck)
}

// clearStuck records that no worker has a shard or campaign that makes no progress.
func (e *Engine) clearStuck() {
	for i := range e.stuck {
		e.stuck[i].Store(nil)
	}
}

func (e *Engine) setFailure(err error) {
	err = postgres.Short(err)
	e.failure.Store(&err)
}

func (e *Engine) clearFailure() { e.failure.Store(nil) }
