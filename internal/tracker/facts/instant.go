package facts

import (
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/referral-operator/referral-operator/internal/postgres"
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
	switch value.InfinityModifier {
	case pgtype.Infinity:
		return postgres.LatestTime
	case pgtype.NegativeInfinity:
		return postgres.EarliestTime
	default:
		return postgres.Representable(value.Time)
	}
}
