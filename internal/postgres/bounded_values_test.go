package postgres_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// What the driver parses takes many times the bytes of the message.
func TestServerMayNotMakeTheDriverParseLargeValues(t *testing.T) {
	const unknownOID, elements = 1 << 20, 1 << 20
	head := func(lengths ...uint32) []byte {
		value := binary.BigEndian.AppendUint32(nil, uint32(len(lengths)))
		value = binary.BigEndian.AppendUint32(value, 1)
		value = binary.BigEndian.AppendUint32(value, pgtype.TextOID)
		for _, length := range lengths {
			value = binary.BigEndian.AppendUint32(value, length)
			value = binary.BigEndian.AppendUint32(value, 1)
		}
		return value
	}
	nulls := bytes.Repeat([]byte{0xff}, 4*elements-200)
	empty := make([]byte, 4*elements-200)
	binaryList := append(head(elements-50), empty...)
	textList := []byte("{" + strings.Repeat("a,", 2*elements-50) + "a}")
	json := []byte("[" + strings.Repeat("0,", 2*elements-50) + "0]")
	const text, long, no = "in text format", "an array has more than 10000 elements", "cannot scan"
	for name, test := range map[string]struct {
		oid    uint32
		format int16
		value  []byte
		into   any
		want   string
	}{
		"text[] as text":              {pgtype.TextArrayOID, 0, textList, new([]string), text},
		"text[] as text, in quotes":   {pgtype.TextArrayOID, 0, []byte("{" + strings.Repeat(`"a"`, elements) + "}"), new([]string), text},
		"box[] as text":               {pgtype.BoxArrayOID, 0, bytes.ReplaceAll(textList, []byte(","), []byte(";")), new([]string), text},
		"int2[] as text":              {pgtype.Int2ArrayOID, 0, bytes.ReplaceAll(textList, []byte("a"), []byte("0")), new([]int16), text},
		"an unknown type as text":     {unknownOID, 0, textList, new([]string), text},
		"text[]":                      {pgtype.TextArrayOID, 1, binaryList, new([]string), long},
		"text[] of two dimensions":    {pgtype.TextArrayOID, 1, append(head(2, elements/2-25), empty...), new([]string), long},
		"text[] of a negative length": {pgtype.TextArrayOID, 1, append(head(1<<31+1), empty...), new([]string), long},
		"int8[] of NULLs":             {pgtype.Int8ArrayOID, 1, append(head(elements-50), nulls...), new([]*int64), long},
		"an unknown type":             {unknownOID, 1, binaryList, new([]string), long},
		"json":                        {pgtype.JSONOID, 0, json, new([]int64), no},
		"jsonb":                       {pgtype.JSONBOID, 0, json, new([]int64), no},
		"jsonb in binary format":      {pgtype.JSONBOID, 1, append([]byte{1}, json...), new([]int64), no},
		"xml":                         {pgtype.XMLOID, 0, bytes.Repeat([]byte("<a>"), elements), new(int64), no},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, uriOf(listen(t, func(c io.ReadWriter) error {
				return valued(c, test.oid, test.format, test.value)
			})), postgres.DefaultSchema)
			var err error
			grown := testworld.HeapGrowth(func() { err = db.QueryRow(t.Context(), "SELECT 1").Scan(test.into) })
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v", err)
			}
			if grown > 32<<20 {
				t.Errorf("the heap grew by %d MiB", grown>>20)
			}
		})
	}
}

func TestArraysOfUsualSizeAreRead(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	var texts, none, matrix, null []string
	var numbers []*int64
	var document, same []byte
	testworld.Must(t, db.QueryRow(t.Context(), `SELECT array_fill('a'::text, ARRAY[10000]), '{}'::text[], '{{a,b},{c,d}}'::text[], NULL::text[],
		'{1,NULL}'::bigint[], '{"a": 1}'::jsonb, '[1]'::json`).Scan(&texts, &none, &matrix, &null, &numbers, &document, &same))
	if len(texts) != 10_000 || none == nil || len(none) != 0 || len(matrix) != 4 || null != nil || len(numbers) != 2 || numbers[1] != nil ||
		string(document) != `{"a": 1}` || string(same) != "[1]" {
		t.Error(len(texts), none, matrix, null, numbers, string(document), string(same))
	}
}

// An element takes 16 bytes beside its text, and four in a message.
func TestElementsOfArraysCountInRowsThatAreKept(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	for _, test := range []struct {
		rows int
		fits bool
	}{{70, true}, {100, false}} {
		rows, err := db.Query(t.Context(), "SELECT array_fill(''::text, ARRAY[10000]) FROM generate_series(1, $1)", test.rows)
		testworld.Must(t, err)
		lists, err := postgres.CollectRows(rows, pgx.RowTo[[]string])
		switch {
		case test.fits && (err != nil || len(lists) != test.rows):
			t.Errorf("%d rows: %d, %v", test.rows, len(lists), err)
		case !test.fits && (err == nil || !strings.Contains(err.Error(), "the rows have more than 16 MiB")):
			t.Errorf("%d rows: %v", test.rows, err)
		}
	}
}
