package postgres

import "time"

// EarliestTime and LatestTime bound the times that RFC 3339 can express: it has no years outside 1
// to 9999. Postgres stores more: a hold may end after the year 9999, and SQL may write any year.
var (
	EarliestTime = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)
	LatestTime   = time.Date(9999, time.December, 31, 23, 59, 59, 999999000, time.UTC)
)

// Representable returns the time that is nearest to a stored one and that RFC 3339 can express, in
// UTC. JSON cannot be written of other times.
func Representable(stored time.Time) time.Time {
	t := stored.UTC()
	switch {
	case t.After(LatestTime):
		return LatestTime
	case t.Before(EarliestTime):
		return EarliestTime
	}
	return t
}
