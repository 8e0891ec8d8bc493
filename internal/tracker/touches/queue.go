package touches

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Options of a Queue. Zero values get sensible defaults.
type Options struct {
	Capacity int           // most touches waiting; default 20,000
	Bytes    int           // most memory of what is waiting, in bytes; default 8 MiB
	Group    int           // most touches in one statement; default 1,000
	Delay    time.Duration // how long the first of a group waits for others; default 10 ms

	// PerSecond is how many touches are written a second in the long run;
	// default 5,000, negative: as many as the database takes. The shop sells
	// from the same database: a flood of clicks must not become one of writes,
	// when the visitors' tokens remember them all the same.
	PerSecond int

	Log *slog.Logger // default: discards
}

// Queue takes touches and writes them. It never makes anybody wait.
type Queue struct {
	db      *postgres.DB
	options Options
	log     *slog.Logger

	mu      sync.Mutex
	waiting []Touch
	bytes   int
	closed  bool

	wake    chan struct{} // something waits
	ending  chan struct{} // closed: write what there is, and end
	ended   chan struct{} // closed: the writer is gone
	drain   context.Context
	giveUp  context.CancelFunc
	written atomic.Uint64
	shed    atomic.Uint64
	refused atomic.Uint64
}

// Stats are what a queue has done so far, and how many touches wait.
type Stats struct {
	Written uint64
	Shed    uint64 // there was no room for them
	Refused uint64 // the database did not take them as they were
	Depth   int
}

// NewQueue starts a queue. It works until Close.
func NewQueue(ctx context.Context, db *postgres.DB, options Options) *Queue {
	set := func(value *int, standard int) {
		if *value <= 0 {
			*value = standard
		}
	}
	set(&options.Capacity, 20_000)
	set(&options.Bytes, 8<<20)
	set(&options.Group, 1000)
	if options.PerSecond == 0 {
		options.PerSecond = 5000
	}
	if options.Delay <= 0 {
		options.Delay = 10 * time.Millisecond
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	q := &Queue{
		db: db, options: options, log: options.Log,
		wake: make(chan struct{}, 1), ending: make(chan struct{}), ended: make(chan struct{}),
	}
	// The end of whoever started it is when the queue has most to do.
	q.drain, q.giveUp = context.WithCancel(context.WithoutCancel(ctx))
	go q.write()
	return q
}

// Add takes a touch, or returns false: there is no room, or the queue is closed.
func (q *Queue) Add(t Touch) bool {
	t.LandingURL, t.Referer = Address(t.LandingURL), Address(t.Referer)
	size := t.size()
	q.mu.Lock()
	full := q.closed || len(q.waiting) >= q.options.Capacity || q.bytes+size > q.options.Bytes
	if !full {
		q.waiting = append(q.waiting, t)
		q.bytes += size
	}
	q.mu.Unlock()
	if full {
		q.shed.Add(1)
		return false
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// size is about what the touch takes in memory.
func (t *Touch) size() int {
	const headers = 120
	return headers + len(t.VisitorID) + len(t.ID) + len(t.Code) + len(t.LandingURL) + len(t.Referer)
}

// Stats tells how the queue is doing.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{Written: q.written.Load(), Shed: q.shed.Load(), Refused: q.refused.Load(), Depth: len(q.waiting)}
}

// Close takes no more touches and returns when those that wait are written, or
// with ctx's error when it ends first: the rest is lost then.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.ending)
	}
	q.mu.Unlock()
	defer q.giveUp()
	select {
	case <-q.ended:
		return nil
	case <-ctx.Done():
		q.giveUp()
		<-q.ended
		return ctx.Err()
	}
}
