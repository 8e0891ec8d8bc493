package links

import "time"

// Link is what the edge has to know of a link.
type Link struct {
	Code       string
	Campaign   string
	ReferrerID string

	Destination         string // its own; empty: none, or none that is safe to follow
	CampaignDestination string // likewise

	ExpiresAt  time.Time // zero: never
	DisabledAt time.Time // zero: not disabled

	ReferrerVisitor string // as whom the referrer signed up; empty: not known
}

// live tells whether the link is there for a visitor who comes now.
func (l *Link) live(now time.Time) bool {
	return (l.ExpiresAt.IsZero() || now.Before(l.ExpiresAt)) && (l.DisabledAt.IsZero() || now.Before(l.DisabledAt))
}
