package touches

import (
	"context"
	"log/slog"
	"strings"
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

	// PerSecond is how many touches are written a second in the long run; default 5,000, negative:
	// as many as the database takes. The shop sells from the same database: a flood of clicks must
	// not become a flood of writes. A touch that is not written is still in the visitor's token.
	PerSecond int

	Log *slog.Logger // default: discards
}

// Queue takes touches and writes them. Add never waits.
type Queue struct {
	db      *postgres.DB
	options Options
	log     *slog.Logger
	slow    time.Duration // statementTimeout, except in tests

	mu      sync.Mutex
	waiting []Touch
	bytes   int
	closed  bool
	full    bool // touches were shed since a touch was last removed

	wake    chan struct{} // a touch waits
	ending  chan struct{} // closed: Run writes the waiting touches and returns
	ended   chan struct{} // closed: Run has returned
	giveUp  chan struct{} // closed: Run returns at once
	abandon sync.Once     // closes giveUp
	written atomic.Uint64
	shed    atomic.Uint64
	refused atomic.Uint64
}

// Stats are what a queue has done so far, and how many touches wait.
type Stats struct {
	Written uint64
	Shed    uint64 // dropped because the queue was full or closed
	Refused uint64 // dropped because the database refused them
	Depth   int
}

// NewQueue returns an empty queue. It writes while Run runs.
func NewQueue(db *postgres.DB, options Options) *Queue {
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
	return &Queue{
		db: db, options: options, log: options.Log, slow: statementTimeout,
		wake: make(chan struct{}, 1), ending: make(chan struct{}), ended: make(chan struct{}), giveUp: make(chan struct{}),
	}
}

// Run writes touches. It returns nil once the queue is closed and empty, or when ctx ends: touches
// that still wait are then lost. Call it once; give it a context that outlives Close.
func (q *Queue) Run(ctx context.Context) error {
	defer close(q.ended)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-q.giveUp:
			cancel()
		case <-ctx.Done():
		}
	}()
	q.write(ctx)
	return nil
}

// Add enqueues a touch. It returns false if the queue is full or closed. What waits are copies: the
// texts of a touch are parts of its request, which would be kept whole.
func (q *Queue) Add(t Touch) bool {
	t.LandingURL, t.Referer = address(t.LandingURL), address(t.Referer)
	size := t.size()
	q.mu.Lock()
	full := len(q.waiting) >= q.options.Capacity || q.bytes+size > q.options.Bytes
	q.full = q.full || full
	taken := !q.closed && !full
	if taken {
		t.Code, t.LandingURL, t.Referer = strings.Clone(t.Code), strings.Clone(t.LandingURL), strings.Clone(t.Referer)
		q.waiting = append(q.waiting, t)
		q.bytes += size
	}
	q.mu.Unlock()
	if !taken {
		q.shed.Add(1)
		return false
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
	return true
}

// size is the approximate memory of the touch, in bytes.
func (t *Touch) size() int {
	const headers = 120
	return headers + len(t.VisitorID) + len(t.ID) + len(t.Code) + len(t.LandingURL) + len(t.Referer)
}

// Stats returns the counters of the queue and its depth.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return Stats{Written: q.written.Load(), Shed: q.shed.Load(), Refused: q.refused.Load(), Depth: len(q.waiting)}
}

// Close stops taking touches and returns once the waiting ones are written. If ctx ends first, it
// returns ctx's error and the rest is lost. Run must have been called.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	if !q.closed {
		q.closed = true
		close(q.ending)
	}
	q.mu.Unlock()
	select {
	case <-q.ended:
		return nil
	case <-ctx.Done():
		q.abandon.Do(func() { close(q.giveUp) })
		<-q.ended
		return ctx.Err()
	}
}
