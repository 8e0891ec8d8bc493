package reward

import "time"

// maturesAt returns when the hold of a purchase ends, as a time that Postgres can store: rounded up
// to the microsecond and at most endOfTime.
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
