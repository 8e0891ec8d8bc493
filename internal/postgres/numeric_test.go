package postgres_test

import (
	"encoding/binary"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// A server chooses the type of a column. The driver computes a numeric of many digits, or with a
// large exponent, for seconds that no context interrupts.
func TestLargeNumericsAreRefusedBeforeTheyAreComputed(t *testing.T) {
	number := func(digits uint16, weight, scale int16) []byte {
		value := make([]byte, 8+2*int(digits))
		binary.BigEndian.PutUint16(value, digits)
		binary.BigEndian.PutUint16(value[2:], uint16(weight))
		binary.BigEndian.PutUint16(value[6:], uint16(scale))
		if digits > 0 {
			value[9] = 14
		}
		return value
	}
	array := func(element []byte, count int) []byte {
		value := make([]byte, 20, 20+count*(4+len(element)))
		binary.BigEndian.PutUint32(value, 1)
		binary.BigEndian.PutUint32(value[8:], pgtype.NumericOID)
		binary.BigEndian.PutUint32(value[12:], uint32(count))
		binary.BigEndian.PutUint32(value[16:], 1)
		for range count {
			value = binary.BigEndian.AppendUint32(value, uint32(len(element)))
			value = append(value, element...)
		}
		return value
	}
	text := []byte(strings.Repeat("7", 1<<20))
	for name, test := range map[string]struct {
		oid    uint32
		format int16
		value  []byte
		into   any
	}{
		"65,535 digits into an integer": {pgtype.NumericOID, 1, number(math.MaxUint16, 0, 1), new(int64)},
		"65,535 digits into a text":     {pgtype.NumericOID, 1, number(math.MaxUint16, 0, 1), new(string)},
		"65,535 digits into a float":    {pgtype.NumericOID, 1, number(math.MaxUint16, 0, 1), new(float64)},
		"a million characters":          {pgtype.NumericOID, 0, text, new(int64)},
		"a large exponent":              {pgtype.NumericOID, 1, number(1, math.MaxInt16, 0), new(int64)},
		"a small exponent":              {pgtype.NumericOID, 1, number(1, math.MinInt16, 0), new(int64)},
		"a large scale":                 {pgtype.NumericOID, 1, number(1, 0, math.MaxInt16), new(int64)},
		"an array of large exponents":   {pgtype.NumericArrayOID, 1, array(number(1, math.MaxInt16, 0), 10_000), new([]int64)},
		"an array with many digits":     {pgtype.NumericArrayOID, 1, array(number(math.MaxUint16, 0, 1), 30), new([]int64)},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, uriOf(listen(t, func(c io.ReadWriter) error {
				return valued(c, test.oid, test.format, test.value)
			})), postgres.DefaultSchema)
			err := db.QueryRow(t.Context(), "SELECT 1").Scan(test.into)
			if err == nil || !strings.Contains(err.Error(), "a numeric has more digits than any sum has") {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Sums of integers are numeric.
func TestNumericsOfUsualSizeAreRead(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	var sum, negative, none int64
	var null *int64
	var fraction float64
	var list []int64
	testworld.Must(t, db.QueryRow(t.Context(), `SELECT sum(n), -9223372036854775808::numeric, 0::numeric, NULL::numeric, 0.000125::numeric, ARRAY[10000000000000000::numeric, 1]
		FROM unnest('{9223372036854775807,-1}'::bigint[]) AS n`).Scan(&sum, &negative, &none, &null, &fraction, &list))
	if sum != math.MaxInt64-1 || negative != math.MinInt64 || none != 0 || null != nil || fraction != 0.000125 || len(list) != 2 || list[0] != 1e16 {
		t.Error(sum, negative, none, null, fraction, list)
	}
}

// valued lets any user in, and answers every statement with messages and one row of one value.
func valued(c io.ReadWriter, oid uint32, format int16, value []byte, beside ...pgproto3.BackendMessage) error {
	if err := login(c); err != nil {
		return err
	}
	backend := pgproto3.NewBackend(c, c)
	for {
		received, err := backend.Receive()
		if err != nil {
			return err
		}
		switch message := received.(type) {
		case *pgproto3.Query:
			backend.Send(&pgproto3.EmptyQueryResponse{})
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Parse:
			backend.Send(&pgproto3.ParseComplete{})
		case *pgproto3.Describe:
			if message.ObjectType == 'S' {
				backend.Send(&pgproto3.ParameterDescription{})
			}
			backend.Send(&pgproto3.RowDescription{Fields: []pgproto3.FieldDescription{{Name: []byte("value"), DataTypeOID: oid, DataTypeSize: -1, TypeModifier: -1, Format: format}}})
		case *pgproto3.Bind:
			backend.Send(&pgproto3.BindComplete{})
		case *pgproto3.Execute:
			for _, message := range beside {
				backend.Send(message)
			}
			backend.Send(&pgproto3.DataRow{Values: [][]byte{value}})
			backend.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		case *pgproto3.Sync:
			backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		case *pgproto3.Terminate:
			return nil
		}
		if err := backend.Flush(); err != nil {
			return err
		}
	}
}
