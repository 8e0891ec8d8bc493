package postgres_test

import (
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestInfiniteTimesAreReadAsTheFirstAndTheLast(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	for stored, want := range map[string]string{
		"infinity": "294276-12-31 23:59:59.999999+00", "-infinity": "4714-11-24 00:00:00+00 BC",
		"2026-11-01 00:00:00.000001+00": "2026-11-01 00:00:00.000001+00",
	} {
		var got, wanted time.Time
		var nullable, null *time.Time
		testworld.Must(t, db.QueryRow(t.Context(), "SELECT $1::text::timestamptz, $1::text::timestamptz, NULL::timestamptz, $2::text::timestamptz",
			stored, want).Scan(&got, &nullable, &null, &wanted))
		if !got.Equal(wanted) || nullable == nil || !nullable.Equal(wanted) || null != nil {
			t.Errorf("%s: read %s, %s and %s", stored, got, nullable, null)
		}
		var same bool
		testworld.Must(t, db.QueryRow(t.Context(), "SELECT $1 = $2::text::timestamptz", got, want).Scan(&same))
		if !same {
			t.Errorf("%s: %s is written as another time", stored, got)
		}
	}
	var at time.Time
	if err := db.QueryRow(t.Context(), "SELECT NULL::timestamptz").Scan(&at); err == nil {
		t.Errorf("null is read as %s", at)
	}
}
