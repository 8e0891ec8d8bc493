package links

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// remembered is a link, and since when.
type remembered struct {
	link  *Link
	since time.Time
}

// Find returns the link of a code, however it is spelled, ErrUnknown or
// ErrUnavailable.
//
// A link that is followed all the time is asked for again before it is too old,
// and nobody waits for that. While the database is away, what is remembered
// goes on being the answer, however old.
func (d *Directory) Find(ctx context.Context, code string) (*Link, error) {
	now := d.now()
	code = d.normal(code)
	if known, ok := d.links.Get(code); ok {
		age := now.Sub(known.since)
		switch {
		case age < renewLink, d.away.Load():
			return known.answer(now)
		case age < freshLink:
			d.loader.ask(ctx, code)
			return known.answer(now)
		}
		link, err := d.await(ctx, code)
		if err == ErrUnavailable { //nolint:errorlint // await wraps nothing
			return known.answer(now)
		}
		return link, err
	}
	if since, ok := d.unknown.Get(code); ok && now.Sub(since) < freshUnknown {
		return nil, ErrUnknown
	}
	if d.away.Load() {
		return nil, ErrUnavailable
	}
	return d.await(ctx, code)
}

// Remembers reports whether a link of that code is known without asking.
func (d *Directory) Remembers(code string) bool { return d.links.Contains(d.normal(code)) }

// normal is the code as links are remembered by it, where the database has said
// so before; else as it was given.
func (d *Directory) normal(given string) string {
	if code, ok := d.spellings.Get(given); ok {
		return code
	}
	return given
}

// Forget has the code of a link asked for again: the link was made or changed here.
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

// await asks for a code and waits for the answer, if not for ever.
func (d *Directory) await(ctx context.Context, code string) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	call := d.loader.ask(ctx, code)
	select {
	case <-call.done:
		return call.link, call.err
	case <-ctx.Done():
		return nil, ErrUnavailable
	}
}

// load is the loader's way to the database. What it finds is remembered.
func (d *Directory) load(ctx context.Context, codes []string) (map[string]*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	now := d.now()
	rows, err := d.db.Query(ctx, d.sql.links, codes)
	var found []answered
	if err == nil {
		found, err = pgx.CollectRows(rows, scan)
	}
	if err != nil {
		d.lost(err)
		return nil, ErrUnavailable
	}
	links := make(map[string]*Link, len(found))
	for _, a := range found {
		if a.code != a.given {
			d.spellings.Add(a.given, a.code)
		}
		if a.link.live(now) {
			links[a.given] = a.link
			d.unknown.Remove(a.code)
			d.links.Add(a.code, remembered{link: a.link, since: now})
		} else {
			d.links.Remove(a.code)
			d.unknown.Add(a.code, now)
		}
	}
	return links, nil
}

// answered is what the database says about one code.
type answered struct {
	given, code string // as it was asked for, and as links are stored by it
	link        *Link  // nil: there is none
}

func scan(row pgx.CollectableRow) (answered, error) {
	var a answered
	var found bool
	link := new(Link)
	var expires, disabled *time.Time
	err := row.Scan(&a.given, &a.code, &found, &link.Campaign, &link.ReferrerID, &link.Destination, &link.CampaignDestination,
		&expires, &disabled, &link.ReferrerVisitor)
	if expires != nil {
		link.ExpiresAt = *expires
	}
	if disabled != nil {
		link.DisabledAt = *disabled
	}
	link.Destination, link.CampaignDestination = followable(link.Destination), followable(link.CampaignDestination)
	if link.Code = a.code; found {
		a.link = link
	}
	return a, err
}

// followable is a stored destination as it may stand in a header, or nothing if
// browsers should not follow it.
func followable(destination string) string {
	if CheckDestination(destination) != nil {
		return ""
	}
	return escape(destination)
}
