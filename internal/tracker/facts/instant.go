package facts

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// RFC 3339 has no years outside 1 to 9999. SQL can write them, so they are read as the nearest of
// these.
var (
	earliest = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, time.December, 31, 23, 59, 59, 999999000, time.UTC)
)

// instant scans a nullable time, in UTC.
type instant struct{ into **time.Time }

func (i instant) ScanTimestamptz(value pgtype.Timestamptz) error {
	if !value.Valid {
		*i.into = nil
		return nil
	}
	t := representable(value)
	*i.into = &t
	return nil
}

// always scans a time that is never null, in UTC.
type always struct{ into *time.Time }

func (a always) ScanTimestamptz(value pgtype.Timestamptz) error {
	*a.into = representable(value)
	return nil
}

// representable returns the nearest time that RFC 3339 can express.
func representable(value pgtype.Timestamptz) time.Time {
	t := value.Time.UTC()
	switch {
	case value.InfinityModifier == pgtype.Infinity || t.After(latest):
		return latest
	case value.InfinityModifier == pgtype.NegativeInfinity || t.Before(earliest):
		return earliest
	}
	return t
}
