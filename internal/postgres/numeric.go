package postgres

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// A server chooses the type of each column. The driver computes a numeric in binary format digit by
// digit, and powers of ten for its exponent, whatever Go type it is read into: one of 128 KiB takes
// ten seconds, which no context interrupts. No statement returns more than a sum of integers.
const (
	numericBytes    = 64
	numericExponent = 16 // most groups of four digits before or after the point
)

var errLongNumeric = errors.New("a numeric has more digits than any sum has")

// useShortNumerics makes a connection refuse long values of numeric and numeric[].
func useShortNumerics(_ context.Context, connection *pgx.Conn) error {
	types := connection.TypeMap()
	numeric, ok := types.TypeForOID(pgtype.NumericOID)
	if !ok {
		return fmt.Errorf("the driver does not know type %d, which is numeric", pgtype.NumericOID)
	}
	short := &pgtype.Type{Name: numeric.Name, OID: numeric.OID, Codec: shortNumeric{numeric.Codec}}
	types.RegisterType(short)
	types.RegisterType(&pgtype.Type{Name: "_numeric", OID: pgtype.NumericArrayOID, Codec: &pgtype.ArrayCodec{ElementType: short}})
	return nil
}

// shortNumeric is the codec of numeric for short values.
type shortNumeric struct{ pgtype.Codec }

// PlanScan returns the driver's plan, which is never reached by a long value.
func (c shortNumeric) PlanScan(types *pgtype.Map, oid uint32, format int16, target any) pgtype.ScanPlan {
	plan := c.Codec.PlanScan(types, oid, format, target)
	if plan == nil {
		return nil
	}
	return scanShortNumeric{plan, format}
}

// DecodeDatabaseSQLValue returns a short value for a sql.Scanner.
func (c shortNumeric) DecodeDatabaseSQLValue(types *pgtype.Map, oid uint32, format int16, value []byte) (driver.Value, error) {
	if !isShortNumeric(value, format) {
		return nil, errLongNumeric
	}
	return c.Codec.DecodeDatabaseSQLValue(types, oid, format, value)
}

// DecodeValue returns a short value for an interface.
func (c shortNumeric) DecodeValue(types *pgtype.Map, oid uint32, format int16, value []byte) (any, error) {
	if !isShortNumeric(value, format) {
		return nil, errLongNumeric
	}
	return c.Codec.DecodeValue(types, oid, format, value)
}

type scanShortNumeric struct {
	pgtype.ScanPlan
	format int16
}

func (p scanShortNumeric) Scan(value []byte, target any) error {
	if !isShortNumeric(value, p.format) {
		return errLongNumeric
	}
	return p.ScanPlan.Scan(value, target)
}

// isShortNumeric reads the head of a value in binary format: the number of groups of digits, the
// exponent of the first one, the sign, and the number of digits after the point.
func isShortNumeric(value []byte, format int16) bool {
	if len(value) > numericBytes {
		return false
	}
	if format != pgtype.BinaryFormatCode || len(value) < 8 {
		return true // which the driver refuses if it is binary, or NULL
	}
	exponent, scale := int16(binary.BigEndian.Uint16(value[2:])), int16(binary.BigEndian.Uint16(value[6:]))
	return exponent >= -numericExponent && exponent <= numericExponent && scale <= 4*numericExponent
}
