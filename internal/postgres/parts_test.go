package postgres_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

func TestBatchIsSplitOnlyForAReasonOfSomeOfItsRows(t *testing.T) {
	const trigger = "PL/pgSQL function public.note() line 1 at SQL statement"
	for name, test := range map[string]struct {
		err              error
		splits, refusing bool
	}{
		"value out of range":          {sqlstate("22003"), true, true},
		"exception of a trigger":      {sqlstate("P0001"), true, true},
		"lock timeout":                {sqlstate("55P03"), true, false},
		"statement timeout":           {sqlstate("57014"), true, false},
		"rows that cannot be read":    {errors.New("cannot scan NULL"), true, false},
		"missing table":               {sqlstate("42P01"), false, false},
		"missing right":               {sqlstate("42501"), false, false},
		"table missing to a trigger":  {&pgconn.PgError{Code: "42P01", SeverityUnlocalized: "ERROR", Where: trigger}, true, true},
		"right missing to a trigger":  {&pgconn.PgError{Code: "42501", SeverityUnlocalized: "ERROR", Where: trigger}, true, true},
		"server missing to a trigger": {&pgconn.PgError{Code: "08001", SeverityUnlocalized: "ERROR", Where: trigger}, true, true},
		"shut down within a trigger":  {&pgconn.PgError{Code: "57P01", SeverityUnlocalized: "FATAL", Where: trigger}, false, false},
		"deadlock":                    {sqlstate("40P01"), false, false},
		"disk full":                   {sqlstate("53100"), false, false},
	} {
		if got := postgres.Split([]int{1, 2}, test.err) != nil; got != test.splits {
			t.Errorf("%s: split %v", name, got)
		}
		if got := postgres.Refused(test.err); got != test.refusing {
			t.Errorf("%s: refused %v", name, got)
		}
		if postgres.Split([]int{1}, test.err) != nil {
			t.Errorf("%s: one row is split", name)
		}
	}
}

func TestPartsAreAllRowsInTheirOrder(t *testing.T) {
	for size := 2; size <= 257; size++ {
		rows := make([]int, size)
		for i := range rows {
			rows[i] = i
		}
		var all []int
		parts := postgres.Split(rows, sqlstate("22003"))
		for _, part := range parts {
			all = append(all, part...)
		}
		if diff := cmp.Diff(rows, all); diff != "" || len(parts) < 2 || len(parts) > 16 {
			t.Errorf("%d rows in %d parts (-want +got):\n%s", size, len(parts), diff)
		}
	}
}

// A failure for another reason says nothing about how long an attempt takes.
func TestOnlyALimitThatIsReachedShortensFurtherAttempts(t *testing.T) {
	whole := postgres.Limits{Lock: time.Second, Statement: 3 * time.Second}
	if got := whole.After(sqlstate("23514")); got != whole {
		t.Errorf("after a refusal: %+v", got)
	}
	locked := whole.After(sqlstate("55P03"))
	if locked.Lock >= whole.Lock || locked.Statement != whole.Statement {
		t.Errorf("after a lock timeout: %+v", locked)
	}
	slow := whole.After(sqlstate("57014"))
	if slow.Statement >= whole.Statement || slow.Lock >= slow.Statement || slow.Lock <= locked.Lock {
		t.Errorf("after a statement timeout: %+v", slow)
	}
	if got := locked.After(sqlstate("55P03")); got != locked {
		t.Errorf("after two lock timeouts: %+v", got)
	}
	if got := slow.After(sqlstate("57014")); got != slow {
		t.Errorf("after two statement timeouts: %+v", got)
	}
}
