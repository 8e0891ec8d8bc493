package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

func TestFaultOfAFailedBatch(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want postgres.Fault
	}{
		{"no error", nil, postgres.FaultNone},
		{"value out of range", sqlstate("22003"), postgres.FaultBatch},
		{"unique violation", sqlstate("23505"), postgres.FaultBatch},
		{"too many columns", sqlstate("54011"), postgres.FaultBatch},
		{"statement timeout", sqlstate("57014"), postgres.FaultBatch},
		{"idle in transaction timeout", sqlstate("25P03"), postgres.FaultBatch},
		{"transaction timeout", sqlstate("25P04"), postgres.FaultBatch},
		{"out of memory", sqlstate("53200"), postgres.FaultBatch},
		{"exception of a trigger", sqlstate("P0001"), postgres.FaultBatch},
		{"unreadable page", sqlstate("XX001"), postgres.FaultBatch},
		{"column that cannot be scanned", pgx.ScanArgError{Err: errors.New("cannot scan NULL")}, postgres.FaultBatch},
		{"lock timeout", sqlstate("55P03"), postgres.FaultPassing},
		{"deadlock", sqlstate("40P01"), postgres.FaultPassing},
		{"serialization failure", sqlstate("40001"), postgres.FaultPassing},
		{"disk full", sqlstate("53100"), postgres.FaultPassing},
		{"input or output error", sqlstate("58030"), postgres.FaultPassing},
		{"shut down", sqlstate("57P01"), postgres.FaultPassing},
		{"lost connection", io.ErrUnexpectedEOF, postgres.FaultPassing},
		{"no answer in time", context.DeadlineExceeded, postgres.FaultPassing},
		{"stopped", context.Canceled, postgres.FaultPassing},
		{"missing table", sqlstate("42P01"), postgres.FaultDatabase},
		{"missing right", sqlstate("42501"), postgres.FaultDatabase},
		{"standby", sqlstate("25006"), postgres.FaultDatabase},
		{"wrong password", sqlstate("28P01"), postgres.FaultDatabase},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.err
			if err != nil {
				err = fmt.Errorf("while recording results: %w", err)
			}
			if got := postgres.FaultOf(err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestStateClassIsBounded(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want string
	}{
		{"no error", nil, ""},
		{"no error of the database", errors.New("the configuration moved"), ""},
		{"stopped", context.Canceled, ""},
		{"deadlock", fmt.Errorf("while recording: %w", sqlstate("40P01")), "40"},
		{"a class that Postgres does not have", sqlstate("ZZ123"), postgres.OtherClass},
		{"a code of a hostile server", sqlstate("40"), postgres.OtherClass},
		{"lost connection", io.ErrUnexpectedEOF, postgres.ConnectionClass},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := postgres.StateClass(test.err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func sqlstate(code string) error { return &pgconn.PgError{Code: code} }
