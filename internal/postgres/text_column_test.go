package postgres_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestTextColumnsArriveUnchanged(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	for name, column := range map[string][]string{
		"NULL":                      nil,
		"empty":                     {},
		"one":                       {"bob"},
		"what text arrays escape":   {"", "NULL", `"`, `\`, "{", "}", ",", " a b ", "ü\n😀"},
		"more than a buffer's room": {strings.Repeat("x", 1<<20), "y", strings.Repeat("z", 1<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			var isNull bool
			var count int
			testworld.Must(t, db.QueryRow(t.Context(), "SELECT $1::text[], $1::text[] IS NULL, coalesce(cardinality($1::text[]), 0)", column).Scan(&got, &isNull, &count))
			if diff := cmp.Diff(column, got); diff != "" || isNull != (column == nil) || count != len(column) {
				t.Errorf("null %t, %d elements, %s", isNull, count, diff)
			}
		})
	}
}
