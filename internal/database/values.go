package database

import "time"

// Mode is what a declared campaign does.
type Mode string

const (
	Open          Mode = "Open"          // attributes signups, admits pairs
	Suspended     Mode = "Suspended"     // its pairs stay as they are; new ones join the waitlist
	PolicyMissing Mode = "PolicyMissing" // admitted pairs live on; new ones join the waitlist
	Closed        Mode = "Closed"        // deleted: admitted pairs live on, waiting ones wait
	Reversing     Mode = "Reversing"     // deleted: everything that was granted is taken back
)

// AttributionModel is which touch decides a signup's attribution.
type AttributionModel string

const (
	LastTouch  AttributionModel = "LastTouch"
	FirstTouch AttributionModel = "FirstTouch"
)

// Money is an amount in minor units.
type Money struct {
	Amount   int64
	Currency string
}

// timeOf reads a time that may be null, which is the zero time.
func timeOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// nullable returns null for the zero time. Postgres keeps microseconds.
func nullable(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.Truncate(time.Microsecond)
	return &t
}
