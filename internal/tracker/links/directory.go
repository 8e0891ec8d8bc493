package links

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/referral-operator/referral-operator/internal/jitter"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

var (
	// ErrUnknown is returned for a code without a link.
	ErrUnknown = errors.New("there is no such link")
	// ErrEnded is returned for a link that has expired or is disabled.
	ErrEnded = errors.New("the link has expired or is disabled")
	// ErrUnavailable is returned when the database is away, or too many codes wait for it, and the link
	// is not in memory.
	ErrUnavailable = errors.New("the database is away, and the link is not in memory")
)

// DefaultWindow is the attribution window where no campaign is declared.
const DefaultWindow = 720 * time.Hour

// unreadWindow stands for the longest window until that is read: as long as most browsers keep a
// cookie. A shorter one would shorten cookies that have longer left, and lose their first touches;
// the engine judges the windows anyway.
const unreadWindow = 400 * 24 * time.Hour

// Options of a Directory. Zero values get sensible defaults.
type Options struct {
	Links   int              // most memory of links, in bytes; default 8 MiB, for more than 10,000
	Unknown int              // likewise of codes known to be unknown, and of spellings; default 2 MiB
	Log     *slog.Logger     // default: discards
	Now     func() time.Time // default: time.Now
}

const (
	freshLink    = 10 * time.Second // an edit of a link is seen after at most this long
	renewLink    = 5 * time.Second  // and after this long, if the link is followed often
	freshUnknown = 2 * time.Second  // a new link is seen after at most this long
	freshWindow  = 10 * time.Second
	askTimeout   = time.Second
	probePause   = 500 * time.Millisecond // between queries while the database is away
)

// Directory finds links by their codes and remembers them. The database normalises codes.
type Directory struct {
	db      *postgres.DB
	sql     struct{ links, window string }
	log     *slog.Logger
	now     func() time.Time
	links   *cache[remembered]
	unknown *cache[time.Time] // since when
	// spellings maps a code as it was given to the code as the database writes it, where the two
	// differ. It is a cache of its own, so that many spellings of one code evict no link.
	spellings *cache[string]
	loader    *loader
	window    atomic.Int64  // nanoseconds
	away      atomic.Bool   // the last query failed: no visitor waits for the next
	probe     chan struct{} // wakes Run
}

// NewDirectory returns an empty directory. Only Run notices that the database is back.
func NewDirectory(db *postgres.DB, options Options) *Directory {
	if options.Links <= 0 {
		options.Links = 8 << 20
	}
	if options.Unknown <= 0 {
		options.Unknown = 2 << 20
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	d := &Directory{db: db, log: options.Log, now: options.Now, probe: make(chan struct{}, 1)}
	d.sql.links, d.sql.window = db.Qualify(queries.Get("find_links")), db.Qualify(queries.Get("longest_window"))
	d.loader = newLoader(d.load)
	d.links = newCache(options.Links, func(r remembered) int { return r.link.size() })
	d.unknown = newCache(options.Unknown, func(time.Time) int { return 0 })
	d.spellings = newCache(options.Unknown, func(code string) int { return len(code) })
	d.window.Store(int64(unreadWindow))
	return d
}

// LongestWindow is the longest attribution window of any campaign: a visitor's token need not live
// longer. Until the first Refresh succeeds it is 400 days.
func (d *Directory) LongestWindow() time.Duration { return time.Duration(d.window.Load()) }

// Run reads the longest attribution window again and again until ctx ends, more often while the
// database is away, and returns nil.
func (d *Directory) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		pause := freshWindow
		if err := d.Refresh(ctx); err != nil {
			pause = probePause
		}
		timer := time.NewTimer(jitter.Spread(pause))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-d.probe:
			// A query has just failed: wait a moment before the next.
			timer.Reset(jitter.Spread(probePause))
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		timer.Stop()
	}
	return nil
}

// Refresh reads the longest attribution window now, and so notices whether the database is away.
// Run calls it.
func (d *Directory) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var microseconds int64
	if err := d.db.QueryRow(ctx, d.sql.window).Scan(&microseconds); err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) { // else the caller gave up, not the database
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

// lost records that a query failed.
func (d *Directory) lost(err error) {
	if !d.away.Swap(true) {
		d.log.Warn("Answering from memory until the database is back", "error", postgres.Message(err))
	}
	select {
	case d.probe <- struct{}{}:
	default:
	}
}
