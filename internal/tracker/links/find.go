package links

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// remembered is a link in memory, and when it was read.
type remembered struct {
	link  *Link
	since time.Time
}

// Find returns the link of a code in any spelling, or ErrUnknown, ErrEnded or ErrUnavailable.
//
// A link that is followed often is read again before it is too old, while visitors get the
// remembered one. While the database is away, or if ctx ends before it answers, the remembered link
// is the answer, however old.
func (d *Directory) Find(ctx context.Context, code string) (*Link, error) {
	code = d.normal(code)
	link, err := d.find(ctx, code)
	if err == ErrUnavailable { //nolint:errorlint // find wraps nothing
		// Only the database knows how it writes this spelling. Nearly always A to Z are in lower case.
		if known, ok := d.links.Get(lowerASCII(code)); ok {
			return usable(known.link, d.now())
		}
	}
	return link, err
}

// FindOnPage is Find for the value of a parameter on a page of the shop, which may have another
// purpose. A code that had no link when it was last looked up is ErrUnknown, however long ago that
// was, where Find returns ErrUnavailable.
func (d *Directory) FindOnPage(ctx context.Context, code string) (*Link, error) {
	link, err := d.Find(ctx, code)
	if err == ErrUnavailable { //nolint:errorlint // Find wraps nothing
		if _, ok := d.unknown.Get(lowerASCII(d.normal(code))); ok {
			return nil, ErrUnknown
		}
	}
	return link, err
}

func (d *Directory) find(ctx context.Context, code string) (*Link, error) {
	now := d.now()
	if known, ok := d.links.Get(code); ok {
		switch age := now.Sub(known.since); {
		case age < renewLink, d.away.Load():
			return usable(known.link, now)
		case age < freshLink:
			_, _ = d.loader.request(ctx, code) // if too many wait, a later visitor requests it again
			return usable(known.link, now)
		}
	} else if since, ok := d.unknown.Get(code); ok && now.Sub(since) < freshUnknown {
		return nil, ErrUnknown
	}
	if d.away.Load() {
		return nil, ErrUnavailable
	}
	return d.await(ctx, code)
}

// normal returns the code as the database writes it if that is known, else the code as given.
func (d *Directory) normal(given string) string {
	if code, ok := d.spellings.Get(given); ok {
		return code
	}
	return given
}

// Forget removes a code from memory, because its link was created or changed.
func (d *Directory) Forget(code string) {
	d.links.Remove(code)
	d.unknown.Remove(code)
}

// usable returns the link, or ErrEnded if it has expired or is disabled.
func usable(link *Link, now time.Time) (*Link, error) {
	if !link.live(now) {
		return nil, ErrEnded
	}
	return link, nil
}

// await requests a code and waits for the answer, for at most askTimeout or until ctx ends.
func (d *Directory) await(ctx context.Context, code string) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := d.loader.request(ctx, code)
	if err != nil {
		return nil, ErrUnavailable
	}
	answer, err := request.Wait(ctx)
	switch {
	case err != nil:
		return nil, ErrUnavailable
	case answer.err != nil:
		return nil, answer.err
	}
	return usable(answer.link, d.now())
}

// load reads the links of codes from the database and remembers them, also those that have ended.
func (d *Directory) load(ctx context.Context, codes []string) (map[string]*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	now := d.now()
	rows, err := d.db.Query(ctx, d.sql.links, codes)
	var found []answered
	if err == nil {
		found, err = postgres.CollectRows(rows, scan)
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
		if a.link != nil {
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

// answered is the database's answer about one code.
type answered struct {
	given, code string // as it was requested, and as the database writes it
	link        *Link  // nil: none
}

func scan(row pgx.CollectableRow) (answered, error) {
	var a answered
	var found bool
	link := new(Link)
	err := row.Scan(&a.given, &a.code, &found, &link.Destination, &link.CampaignDestination,
		&link.ExpiresAt, &link.DisabledAt, &link.ReferrerVisitor)
	link.Destination, link.CampaignDestination = followable(link.Destination), followable(link.CampaignDestination)
	if link.Code = a.code; found {
		a.link = link
	}
	return a, err
}

// followable returns a stored destination escaped for a header, or nothing if it is unsafe.
func followable(destination string) string {
	if CheckDestination(destination) != nil {
		return ""
	}
	return escape(destination)
}
