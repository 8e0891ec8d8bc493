package reward

import "time"

// maturesAt is when the hold of a purchase ends: a time that Postgres can keep,
// so no finer than a microsecond and no later than its calendar goes.
func maturesAt(purchasedAt time.Time, hold time.Duration) time.Time {
	at := purchasedAt.Add(hold)
	if whole := at.Truncate(time.Microsecond); whole.Before(at) {
		at = whole.Add(time.Microsecond)
	}
	if at.After(endOfTime) {
		return endOfTime
	}
	return at
}

// endOfTime is the last timestamp of Postgres.
var endOfTime = time.Date(294276, time.December, 31, 23, 59, 59, 999999000, time.UTC)
