package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestRowsThatAreKeptAreBounded(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	const large = "SELECT repeat('x', 1 << 20) FROM generate_series(1, $1)"
	for name, read := range map[string]func(pgx.Rows) (int, error){
		"CollectRows": func(rows pgx.Rows) (int, error) {
			texts, err := postgres.CollectRows(rows, pgx.RowTo[string])
			return len(texts), err
		},
		"ForEachRow": func(rows pgx.Rows) (n int, err error) {
			var text string
			err = postgres.ForEachRow(rows, []any{&text}, func() error { n++; return nil })
			return n, err
		},
	} {
		for _, test := range []struct {
			rows int
			fits bool
		}{{15, true}, {17, false}} {
			err := pgx.BeginFunc(t.Context(), db, func(tx pgx.Tx) error {
				rows, err := tx.Query(t.Context(), large, test.rows)
				testworld.Must(t, err)
				n, err := read(rows)
				switch {
				case test.fits && (err != nil || n != test.rows):
					t.Errorf("%s of %d MiB: %d, %v", name, test.rows, n, err)
				case !test.fits && (err == nil || !strings.Contains(err.Error(), "the rows have more than 16 MiB")):
					t.Errorf("%s of %d MiB: %v", name, test.rows, err)
				}
				// The connection can still be used.
				var one int
				return tx.QueryRow(t.Context(), "SELECT 1").Scan(&one)
			})
			testworld.Must(t, err)
		}
	}
}
