package links

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed find_link.sql
var findLink string

//go:embed longest_window.sql
var longestWindow string

// Find returns the link of a normalized code, ErrUnknown or ErrUnavailable.
//
// A link is asked for again when it was remembered for some seconds. While the
// database is away, what is remembered goes on being the answer, however old.
func (d *Directory) Find(ctx context.Context, code string) (*Link, error) {
	now := d.now()
	if known, ok := d.links.Get(code); ok {
		if now.Sub(known.since) < freshLink || d.away.Load() {
			return known.answer(now)
		}
		switch link, err := d.ask(ctx, code); {
		case errors.Is(err, ErrUnavailable):
			return known.answer(now)
		default:
			return link, err
		}
	}
	if since, ok := d.unknown.Get(code); ok && now.Sub(since) < freshUnknown {
		return nil, ErrUnknown
	}
	if d.away.Load() {
		return nil, ErrUnavailable
	}
	return d.ask(ctx, code)
}

// Remembers tells whether a link of that code is known without asking.
func (d *Directory) Remembers(code string) bool { return d.links.Contains(code) }

// Forget has the code asked for again: its link was made or changed here.
func (d *Directory) Forget(code string) {
	d.links.Remove(code)
	d.unknown.Remove(code)
}

func (r remembered) answer(now time.Time) (*Link, error) {
	if !r.link.live(now) {
		return nil, ErrUnknown
	}
	return r.link, nil
}

// ask has the database answer: one question at a time about one code.
func (d *Directory) ask(ctx context.Context, code string) (*Link, error) {
	// Whoever asked first may leave while others wait for the same answer.
	shared := context.WithoutCancel(ctx)
	answer, err, _ := d.asking.Do(code, func() (any, error) { return d.load(shared, code) })
	link, _ := answer.(*Link)
	return link, err
}

func (d *Directory) load(ctx context.Context, code string) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	link := &Link{Code: code}
	var expires, disabled *time.Time
	now := d.now()
	err := d.db.QueryRow(ctx, d.sql.link, code).Scan(&link.Campaign, &link.ReferrerID, &link.Destination,
		&link.CampaignDestination, &expires, &disabled, &link.ReferrerVisitor)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, d.rememberUnknown(code, now)
	case err != nil:
		d.lost(ctx, err)
		return nil, ErrUnavailable
	}
	link.Destination, link.CampaignDestination = followable(link.Destination), followable(link.CampaignDestination)
	if expires != nil {
		link.ExpiresAt = *expires
	}
	if disabled != nil {
		link.DisabledAt = *disabled
	}
	if !link.live(now) {
		return nil, d.rememberUnknown(code, now)
	}
	d.unknown.Remove(code)
	d.links.Add(code, remembered{link: link, since: now})
	return link, nil
}

func (d *Directory) rememberUnknown(code string, now time.Time) error {
	d.links.Remove(code)
	d.unknown.Add(code, now)
	return ErrUnknown
}

// followable is a stored destination as it may stand in a header, or nothing if
// browsers should not follow it.
func followable(destination string) string {
	if CheckDestination(destination) != nil {
		return ""
	}
	return escape(destination)
}
