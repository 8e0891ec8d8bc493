package links

import "time"

// Link is what the edge needs to know of a link.
type Link struct {
	Code string

	Destination         string // the link's own; empty: none, or an unsafe one
	CampaignDestination string // likewise

	ExpiresAt  *time.Time // nil: never
	DisabledAt *time.Time // nil: it is not disabled

	ReferrerVisitor string // visitor id of the referrer's own signup; empty: not known
}

// live reports whether the link is neither expired nor disabled.
func (l *Link) live(now time.Time) bool {
	return (l.ExpiresAt == nil || now.Before(*l.ExpiresAt)) && (l.DisabledAt == nil || now.Before(*l.DisabledAt))
}

// size is the approximate memory of the link, in bytes.
func (l *Link) size() int {
	const headers = 200
	return headers + len(l.Code) + len(l.Destination) + len(l.CampaignDestination) + len(l.ReferrerVisitor)
}
