package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// firstTime and lastTime are the first and the last finite time of Postgres.
var (
	firstTime = time.Date(-4713, time.November, 24, 0, 0, 0, 0, time.UTC)
	lastTime  = time.Date(294276, time.December, 31, 23, 59, 59, 999999000, time.UTC)
)

// useFiniteTimes makes a connection read timestamptz into time.Time by finiteTimes.
func useFiniteTimes(_ context.Context, connection *pgx.Conn) error {
	types := connection.TypeMap()
	usual, ok := types.TypeForOID(pgtype.TimestamptzOID)
	if !ok {
		return fmt.Errorf("the driver does not know type %d, which is timestamptz", pgtype.TimestamptzOID)
	}
	types.RegisterType(&pgtype.Type{Name: usual.Name, OID: usual.OID, Codec: finiteTimes{usual.Codec}})
	return nil
}

// finiteTimes is the codec of timestamptz that reads an infinite time as firstTime or lastTime.
//
// The driver refuses to read it. No writer can store one, but an altered row may have it, and then
// nothing that reads the row beside others would go on: no poll, no configuration, no repair.
type finiteTimes struct{ pgtype.Codec }

// PlanScan returns the driver's plan, which for *time.Time scans into a finiteTime.
func (c finiteTimes) PlanScan(types *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	if _, ok := target.(*time.Time); !ok {
		return c.Codec.PlanScan(types, oid, format, target)
	}
	plan := c.Codec.PlanScan(types, oid, format, new(finiteTime))
	if plan == nil { // the server sends an unknown format
		return nil
	}
	return scanFiniteTime{plan}
}

type scanFiniteTime struct{ pgtype.ScanPlan }

func (s scanFiniteTime) Scan(stored []byte, target any) error {
	into, ok := target.(*time.Time)
	if !ok {
		return fmt.Errorf("cannot scan a time into %T", target)
	}
	return s.ScanPlan.Scan(stored, (*finiteTime)(into))
}

type finiteTime time.Time

// ScanTimestamptz implements pgtype.TimestamptzScanner.
func (t *finiteTime) ScanTimestamptz(stored pgtype.Timestamptz) error {
	switch {
	case !stored.Valid:
		return errors.New("cannot scan NULL into *time.Time")
	case stored.InfinityModifier == pgtype.Infinity:
		*t = finiteTime(lastTime)
	case stored.InfinityModifier == pgtype.NegativeInfinity:
		*t = finiteTime(firstTime)
	default:
		*t = finiteTime(stored.Time)
	}
	return nil
}
