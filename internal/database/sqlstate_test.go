package database_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/database"
)

func TestFaultOfAFailedBatch(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want database.Fault
	}{
		{"no error", nil, database.FaultNone},
		{"value out of range", sqlstate("22003"), database.FaultBatch},
		{"unique violation", sqlstate("23505"), database.FaultBatch},
		{"too many columns", sqlstate("54011"), database.FaultBatch},
		{"statement timeout", sqlstate("57014"), database.FaultBatch},
		{"idle in transaction timeout", sqlstate("25P03"), database.FaultBatch},
		{"transaction timeout", sqlstate("25P04"), database.FaultBatch},
		{"out of memory", sqlstate("53200"), database.FaultBatch},
		{"exception of a trigger", sqlstate("P0001"), database.FaultBatch},
		{"unreadable page", sqlstate("XX001"), database.FaultBatch},
		{"column that cannot be scanned", pgx.ScanArgError{Err: errors.New("cannot scan NULL")}, database.FaultBatch},
		{"lock timeout", sqlstate("55P03"), database.FaultPassing},
		{"deadlock", sqlstate("40P01"), database.FaultPassing},
		{"serialization failure", sqlstate("40001"), database.FaultPassing},
		{"disk full", sqlstate("53100"), database.FaultPassing},
		{"input or output error", sqlstate("58030"), database.FaultPassing},
		{"shut down", sqlstate("57P01"), database.FaultPassing},
		{"lost connection", io.ErrUnexpectedEOF, database.FaultPassing},
		{"no answer in time", context.DeadlineExceeded, database.FaultPassing},
		{"stopped", context.Canceled, database.FaultPassing},
		{"missing table", sqlstate("42P01"), database.FaultDatabase},
		{"missing right", sqlstate("42501"), database.FaultDatabase},
		{"standby", sqlstate("25006"), database.FaultDatabase},
		{"wrong password", sqlstate("28P01"), database.FaultDatabase},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.err
			if err != nil {
				err = fmt.Errorf("while recording results: %w", err)
			}
			if got := database.FaultOf(err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func sqlstate(code string) error { return &pgconn.PgError{Code: code} }
