package engine

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"sync/atomic"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/jitter"
)

const (
	// busyFor is how long an engine polls at the shortest interval after it has found work.
	busyFor = time.Minute

	// settleAfter is how long after work was found an engine finds out whether the queue is empty for
	// good.
	settleAfter = 2 * time.Second

	// fullPollInterval is how often an engine makes a full poll although the queue is known to be
	// empty.
	fullPollInterval = 2 * time.Minute

	// pollTimeout bounds a poll.
	pollTimeout = 10 * time.Second

	// pollShare is how much of the clock one engine may count on for a poll while others of the
	// process have work too: together they poll once per pollShare.
	pollShare = 2 * time.Millisecond
)

// Pace bounds how often all engines of a process poll together: while n of them have work, each
// polls at most once in 2n milliseconds.
type Pace struct{ busy atomic.Int32 }

// interval returns the time between two polls of an engine that has work.
func (p *Pace) interval(shortest, longest time.Duration) time.Duration {
	return min(max(shortest, time.Duration(p.busy.Load())*pollShare), longest)
}

// polled is what a full poll found.
type polled struct {
	work, resync bool       // that this engine may do
	holdEnds     *time.Time // the next hold, by the database's clock; nil: there is none
	drawn        int64      // numbers that changes and allocation requests have drawn
	oldestOpen   int64      // the lowest id of the transactions that were open
}

func (p *polled) nothing() bool { return !p.work && !p.resync }

// poll reports whether there is work, or a step of a resync, that this engine may do. It reloads
// the configuration when the epoch has moved. It is one query.
func (e *Engine) poll(ctx context.Context) (found polled, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	var epoch int64
	var erasures bool
	var snapshot string
	var firsts queueStartColumns
	from := e.queueStarts.columns(time.Now())
	err = e.db.QueryBare(ctx, e.statement("poll"), from.shard, from.xid, from.id, from.seen).
		Scan(&epoch, &found.work, &found.resync, &erasures, &found.holdEnds, &found.drawn, &found.oldestOpen,
			&snapshot, &firsts.shard, &firsts.xid, &firsts.id)
	if err == nil && (len(firsts.xid) != len(firsts.shard) || len(firsts.id) != len(firsts.shard)) {
		err = errors.New("the database names some shards without their oldest change: check that the connection URI names a Postgres server")
	}
	if err != nil {
		e.queueStarts.forget()
		return polled{}, fmt.Errorf("while looking for work: %w", err)
	}
	for i, shard := range firsts.shard {
		e.queueStarts.record(time.Now(), oldestChange{shard, firsts.xid[i], firsts.id[i]}, snapshot)
	}
	e.stats.polls.Add(1)
	config := e.config.Load()
	if config == nil || config.Epoch != epoch {
		if config, err = e.reload(ctx); err != nil {
			return polled{}, err
		}
		e.stir()
	}
	if config.OwnerUID != e.options.OwnerUID {
		return polled{}, ErrNotOwner
	}
	may := e.mayDecide(config)
	if may && erasures {
		some, err := e.retryErasures(ctx, false)
		if err != nil {
			return polled{}, err
		}
		found.work = found.work || some
	}
	found.work, found.resync = found.work && may, found.resync && may
	return found, nil
}

// poller decides when an engine polls next, and by which query.
//
//	work was found within the last minute ─► every --poll-interval
//	none was                              ─► less and less often, down to --idle-poll-interval
//	numbers were drawn                    ─► again more often at first
//	the queue is known to be empty        ─► polls that only compare numbers
//
// The engines of all replicas on one database share the polls while it is idle: each polls in its
// own turn by the clock, so that one of them polls every --idle-poll-interval, whatever their
// number. Where clocks differ the polls are spread unevenly, and nothing else changes.
type poller struct {
	engine *Engine
	phase  time.Duration // of the turns; the same in all replicas

	busy   bool          // counted in the pace
	fresh  bool          // the connections have been closed since there was work
	worked time.Time     // when work was last found; zero: not yet
	wait   time.Duration // before the last poll

	config   *Declared // as of the last poll
	declared time.Time // when it was first polled under

	// The queue is known to be empty while no more numbers are drawn, once a full poll
	// has found nothing and all transactions that might have drawn the numbers had ended by then.
	empty    bool
	drawn    int64
	bound    int64 // ids of these transactions are lower; 0: not known
	holdEnds *time.Time
	fullPoll time.Time // when a full poll is due
}

func newPoller(e *Engine) *poller {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(e.options.OwnerUID))
	phase := time.Duration(hash.Sum64() % uint64(e.options.IdlePollInterval))
	return &poller{engine: e, phase: phase, wait: e.options.IdlePollInterval}
}

// poll makes the poll that is enough at present.
func (p *poller) poll(ctx context.Context) (polled, error) {
	if p.empty && time.Now().Before(p.fullPoll) {
		moved, err := p.pollIdle(ctx)
		if err != nil {
			p.forget()
		}
		if err != nil || !moved {
			return polled{}, err
		}
		p.engine.stir()
	}
	found, err := p.engine.poll(ctx)
	if err == nil {
		err = p.learn(ctx, &found)
	}
	if err != nil {
		p.forget()
	}
	return found, err
}

// forget makes the next poll a full one: the database was away, and may be another server now.
func (p *poller) forget() {
	p.empty, p.bound = false, 0
	p.engine.queueStarts.forget()
}

// pollIdle reports whether a full poll may find something.
func (p *poller) pollIdle(ctx context.Context) (moved bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	var epoch, drawn int64
	var due bool
	err = p.engine.db.QueryBare(ctx, p.engine.statement("poll_idle"), p.holdEnds).Scan(&epoch, &drawn, &due)
	if err != nil {
		return false, fmt.Errorf("while looking for work: %w", err)
	}
	p.engine.stats.polls.Add(1)
	config := p.engine.config.Load()
	if config == nil || epoch != config.Epoch {
		return true, nil
	}
	if !p.engine.mayDecide(config) {
		return false, nil // only another epoch can change that
	}
	return due || drawn != p.drawn, nil
}

// learn draws conclusions from a full poll.
func (p *poller) learn(ctx context.Context, found *polled) (err error) {
	now := time.Now()
	if !found.nothing() {
		p.work(now)
	}
	if config := p.engine.config.Load(); config != p.config {
		p.config, p.declared = config, now
	}
	if found.drawn != p.drawn {
		p.drawn, p.bound = found.drawn, 0
		p.wait = 0 // the transaction that has drawn them may commit at any moment
		p.engine.stir()
	}
	p.holdEnds, p.fullPoll, p.empty = found.holdEnds, now.Add(jitter.Spread(fullPollInterval)), false
	switch {
	case now.Sub(p.worked) < settleAfter:
	case !p.engine.mayDecide(p.engine.config.Load()):
		p.empty = true // as far as this engine is concerned
	case p.bound == 0:
		p.bound, err = p.engine.newestTransaction(ctx)
	default:
		p.empty = found.oldestOpen > p.bound
	}
	return err
}

// newestTransaction returns a transaction id above those of all transactions so far.
func (e *Engine) newestTransaction(ctx context.Context) (id int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	if err := e.db.QueryBare(ctx, e.statement("newest_transaction")).Scan(&id); err != nil {
		return 0, fmt.Errorf("while reading the newest transaction id: %w", err)
	}
	return id, nil
}

// work records that there is work.
func (p *poller) work(now time.Time) {
	p.worked, p.fresh = now, false
	p.engine.stir()
}

// isBusy reports whether there has been work within the last minute. It keeps the pace up to date.
// The engine counts as idle once nothing has been declared for a minute either.
func (p *poller) isBusy(now time.Time) bool {
	busy := !p.worked.IsZero() && now.Sub(p.worked) < busyFor
	switch {
	case busy && !p.busy:
		p.engine.options.Pace.busy.Add(1)
	case !busy && p.busy:
		p.engine.options.Pace.busy.Add(-1)
	}
	p.busy = busy
	p.engine.idle.Store(!busy && p.empty && now.Sub(p.declared) >= busyFor)
	return busy
}

// end takes the engine out of the pace.
func (p *poller) end() {
	p.worked = time.Time{}
	p.isBusy(time.Now())
}

// next returns how long to wait before the next poll.
func (p *poller) next(now time.Time) time.Duration {
	if !p.isBusy(now) && p.empty && !p.fresh {
		// The connections of a busy time remember many statements, here and in the server.
		p.engine.db.Reset()
		p.fresh = true
	}
	options := &p.engine.options
	shortest := options.Pace.interval(options.PollInterval, options.IdlePollInterval)
	if p.isBusy(now) {
		p.wait = shortest
		return jitter.Spread(shortest)
	}
	if p.wait = max(p.wait, shortest) * 3 / 2; p.wait < options.IdlePollInterval {
		return jitter.Spread(p.wait)
	}
	p.wait = options.IdlePollInterval
	return untilTurn(now, p.phase, options.IdlePollInterval, p.engine.place.Load())
}

// untilTurn returns the time until the next turn of a replica: of the periods of the given length
// since the beginning of time, shifted by phase, each replica has every n-th.
func untilTurn(now time.Time, phase, interval time.Duration, place *database.Place) time.Duration {
	if place == nil {
		place = &database.Place{Of: 1}
	}
	cycle := int64(place.Of) * int64(interval)
	first := int64(phase) + int64(place.Rank)*int64(interval)
	return time.Duration(cycle - (now.UnixNano()-first)%cycle)
}

// Share tells the engine its place among the engines of all replicas on this database.
func (e *Engine) Share(place database.Place) { e.place.Store(&place) }

// Stir makes the engine poll at once: something was declared.
func (e *Engine) Stir() {
	e.stir()
	wakeUp(e.stirred, 1)
}

// stir records that something that status reports may have changed.
func (e *Engine) stir() { e.activity.Add(1) }

// Activity is a number that changes when something has changed that status reports; idle is false
// while that may happen without being noticed at once.
func (e *Engine) Activity() (number uint64, idle bool) {
	return e.activity.Load(), e.idle.Load() && e.Err() == nil
}
