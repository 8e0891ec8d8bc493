package facts

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// Years outside 1 to 9999 cannot be told in RFC 3339. Nobody writes them here;
// by SQL one may.
var (
	earliest = time.Date(1, time.January, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(9999, time.December, 31, 23, 59, 59, 999999000, time.UTC)
)

// instant reads a time in UTC, and nil where there is none.
type instant struct{ into **time.Time }

func (i instant) ScanTimestamptz(value pgtype.Timestamptz) error {
	if !value.Valid {
		*i.into = nil
		return nil
	}
	told := tellable(value)
	*i.into = &told
	return nil
}

// always reads a time that is never null, in UTC.
type always struct{ into *time.Time }

func (a always) ScanTimestamptz(value pgtype.Timestamptz) error {
	*a.into = tellable(value)
	return nil
}

func tellable(value pgtype.Timestamptz) time.Time {
	told := value.Time.UTC()
	switch {
	case value.InfinityModifier == pgtype.Infinity || told.After(latest):
		return latest
	case value.InfinityModifier == pgtype.NegativeInfinity || told.Before(earliest):
		return earliest
	}
	return told
}
