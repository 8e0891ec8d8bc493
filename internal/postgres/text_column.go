package postgres

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
)

// useTextColumns makes a connection encode []string as text[] by textColumn.
//
// A batch of the engine sends some sixty columns of thousands of strings. The driver makes an
// interface value of each string, which was a fifth of the engine's processor time.
func useTextColumns(_ context.Context, connection *pgx.Conn) error {
	types := connection.TypeMap()
	array, ok := types.TypeForOID(pgtype.TextArrayOID)
	if !ok {
		return fmt.Errorf("the driver does not know type %d, which is text[]", pgtype.TextArrayOID)
	}
	types.RegisterType(&pgtype.Type{Name: array.Name, OID: array.OID, Codec: textColumn{array.Codec}})
	return nil
}

// textColumn is the codec of text[] with an encoding of its own for []string.
type textColumn struct{ pgtype.Codec }

// PlanEncode returns the driver's plan for everything but []string in binary format.
func (c textColumn) PlanEncode(types *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if _, ok := value.([]string); ok && format == pgtype.BinaryFormatCode {
		return encodeTextColumn{}
	}
	return c.Codec.PlanEncode(types, oid, format, value)
}

// encodeTextColumn writes an array of one dimension as array_recv reads it: number of dimensions,
// whether there are nulls, the elements' type; the dimension's length and lower bound; then for
// each element its length and bytes.
type encodeTextColumn struct{}

func (encodeTextColumn) Encode(value any, buf []byte) ([]byte, error) {
	column, ok := value.([]string)
	if !ok {
		return nil, fmt.Errorf("text column is a %T, not a []string", value)
	}
	if column == nil {
		return nil, nil // NULL
	}
	const header, perElement = 20, 4
	size := header + perElement*len(column)
	for _, element := range column {
		size += len(element)
	}
	if cap(buf)-len(buf) < size {
		buf = append(make([]byte, 0, max(2*cap(buf), len(buf)+size)), buf...)
	}
	dimensions := min(len(column), 1)
	buf = appendNumbers(buf, dimensions, 0, pgtype.TextOID)
	if dimensions == 1 {
		buf = appendNumbers(buf, len(column), 1)
	}
	for _, element := range column {
		buf = appendNumbers(buf, len(element))
		buf = append(buf, element...)
	}
	return buf, nil
}

func appendNumbers(buf []byte, numbers ...int) []byte {
	for _, n := range numbers {
		buf = binary.BigEndian.AppendUint32(buf, uint32(n))
	}
	return buf
}
