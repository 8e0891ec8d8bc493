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

// live reports whether there is a link for a visit now.
func (l *Link) live(now time.Time) bool {
	return l != nil && (l.ExpiresAt.IsZero() || now.Before(l.ExpiresAt)) && (l.DisabledAt.IsZero() || now.Before(l.DisabledAt))
}
