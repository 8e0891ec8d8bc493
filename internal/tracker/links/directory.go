package links

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

var (
	// ErrUnknown says that there is no such link, or none any more. Which of the
	// two is nobody's business, and takes the same time to find out.
	ErrUnknown = errors.New("there is no such link")
	// ErrUnavailable says that the database cannot be asked, and nothing is
	// remembered.
	ErrUnavailable = errors.New("the database cannot be asked about this link")
)

// DefaultWindow is how long a touch can bind a signup where no campaign says so.
const DefaultWindow = 720 * time.Hour

// Options of a Directory. Zero values get sensible defaults.
type Options struct {
	Links   int              // most links remembered; default 20,000
	Unknown int              // most codes remembered to be unknown, and most spellings; default 20,000
	Log     *slog.Logger     // default: discards
	Now     func() time.Time // default: time.Now
}

const (
	freshLink    = 10 * time.Second // an edit of a link is seen after this long
	renewLink    = 5 * time.Second  // or sooner, if the link is followed all the time
	freshUnknown = 2 * time.Second  // a new link after this long
	freshWindow  = 10 * time.Second
	askTimeout   = time.Second
	probePause   = 500 * time.Millisecond // between looks whether the database is back
)

// Directory finds links by their codes, which it asks about as they are given.
type Directory struct {
	db      *postgres.DB
	sql     struct{ links, window string }
	log     *slog.Logger
	now     func() time.Time
	links   *lru.Cache[string, remembered]
	unknown *lru.Cache[string, time.Time] // since when
	// spellings are codes as they were given, and as the database writes them, where
	// that is not the same. It is a memory of its own, so that spellings of one code
	// push out no link.
	spellings *lru.Cache[string, string]
	loader    loader
	window    atomic.Int64  // nanoseconds
	away      atomic.Bool   // nobody waits for a database that did not answer the last question
	probe     chan struct{} // wakes Run
}

// NewDirectory returns a directory that remembers nothing yet. Run it, or it
// never learns that the database is back.
func NewDirectory(db *postgres.DB, options Options) *Directory {
	orDefault := func(n int) int {
		if n <= 0 {
			return 20_000
		}
		return n
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	d := &Directory{db: db, log: options.Log, now: options.Now, probe: make(chan struct{}, 1)}
	d.sql.links, d.sql.window = db.Qualify(queries.Get("find_links")), db.Qualify(queries.Get("longest_window"))
	d.loader.load = d.load
	// They fail only for a size that is not positive.
	d.links, _ = lru.New[string, remembered](orDefault(options.Links))
	d.unknown, _ = lru.New[string, time.Time](orDefault(options.Unknown))
	d.spellings, _ = lru.New[string, string](orDefault(options.Unknown))
	d.window.Store(int64(DefaultWindow))
	return d
}

// LongestWindow is the longest attribution window of any campaign: how long a
// visitor is worth remembering.
func (d *Directory) LongestWindow() time.Duration { return time.Duration(d.window.Load()) }

// Run follows the longest attribution window until ctx ends, and asks after a
// database that is away.
func (d *Directory) Run(ctx context.Context) {
	for ctx.Err() == nil {
		pause := freshWindow
		if err := d.Refresh(ctx); err != nil {
			pause = probePause
		}
		timer := time.NewTimer(pause*3/4 + rand.N(pause/2))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-d.probe:
			// The database has just failed somebody: give it a moment.
			timer.Reset(probePause*3/4 + rand.N(probePause/2))
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		timer.Stop()
	}
}

// Refresh asks for the longest attribution window now, and so whether the
// database is there. Run does so by itself.
func (d *Directory) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var microseconds int64
	if err := d.db.QueryRow(ctx, d.sql.window).Scan(&microseconds); err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) { // or it is us who did not wait
			d.lost(err)
		}
		return err
	}
	window := time.Duration(microseconds) * time.Microsecond
	if window <= 0 {
		window = DefaultWindow
	}
	d.window.Store(int64(window))
	if d.away.Swap(false) {
		d.log.Info("The database answers again")
	}
	return nil
}

// lost notes that the database did not answer.
func (d *Directory) lost(err error) {
	if !d.away.Swap(true) {
		d.log.Warn("Answering from memory until the database is back", "error", postgres.Message(err))
	}
	select {
	case d.probe <- struct{}{}:
	default:
	}
}
