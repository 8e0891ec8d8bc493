package postgres_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// An error of a database is kept in states, and as the cause of what failed.
func TestErrorsKeepLittleOfWhatAServerSays(t *testing.T) {
	long := strings.Repeat("x", 15_000)
	refusal := &pgproto3.ErrorResponse{
		Severity: long, SeverityUnlocalized: long, Code: "23505", Message: long, Detail: long, Hint: long, InternalQuery: long, Where: long,
		SchemaName: long, TableName: long, ColumnName: long, DataTypeName: long, ConstraintName: long, File: long, Routine: long,
	}
	for name, c := range map[string]struct {
		serve func(io.ReadWriter) error
		want  postgres.Class
	}{
		"a refused login":     {func(c io.ReadWriter) error { return refusingLogin(c, refusal) }, postgres.ClassData},
		"a refused statement": {func(c io.ReadWriter) error { return refusing(c, false, refusal) }, postgres.ClassData},
		"a value": {func(c io.ReadWriter) error {
			return answeringText(c, long)
		}, postgres.ClassUnknown},
		"a short message, long fields": {func(c io.ReadWriter) error {
			short := *refusal
			short.Severity, short.Message = "ERROR", "a row is there"
			return refusing(c, false, &short)
		}, postgres.ClassData},
	} {
		t.Run(name, func(t *testing.T) {
			uri := uriOf(listen(t, c.serve))
			var all []error
			if kept := kept(func() {
				for range 16 {
					all = append(all, readNumber(t.Context(), uri))
				}
			}); kept > 2<<20 {
				t.Errorf("%d KiB are kept", kept>>10)
			}
			for _, err := range all {
				if class := postgres.Classify(err); class != c.want || len(err.Error()) > 1500 || len(postgres.Constraint(err)) > 300 {
					t.Fatalf("%s, %d bytes, constraint %.20s: %.300v", class, len(err.Error()), postgres.Constraint(err), err)
				}
			}
		})
	}
}

func TestConstraintOfARefusalIsKept(t *testing.T) {
	refusal := &pgproto3.ErrorResponse{Severity: "ERROR", Code: "23505", Message: hostileWords, ConstraintName: "link_code"}
	err := use(t.Context(), uriOf(listen(t, func(c io.ReadWriter) error { return refusing(c, false, refusal) })))
	if got := postgres.Constraint(err); got != "link_code" || !postgres.AlreadyExists(err) || postgres.FaultOf(err) != postgres.FaultBatch {
		t.Errorf("constraint %q of %v", got, err)
	}
}

// readNumber reads one number.
func readNumber(ctx context.Context, uri string) error {
	db, err := postgres.Open(ctx, postgres.Config{URI: uri, Schema: postgres.DefaultSchema})
	if err != nil {
		return err
	}
	defer db.Close()
	return db.QueryRow(ctx, "SELECT 1").Scan(new(int))
}
