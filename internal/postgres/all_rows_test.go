package postgres_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestHiddenRowsAreAnErrorWhereAllRowsAreNeeded(t *testing.T) {
	own := testworld.NewDatabase(t)
	all, err := postgres.Open(t.Context(), postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema, AllRows: true})
	testworld.Must(t, err)
	defer all.Close()
	visible := open(t, own.URI, postgres.DefaultSchema)
	_, err = all.Exec(t.Context(), "CREATE TABLE public.fact AS SELECT 1 AS id; ALTER TABLE public.fact ENABLE ROW LEVEL SECURITY")
	testworld.Must(t, err)

	const count = "SELECT count(*) FROM public.fact"
	for name, ask := range map[string]func(ctx context.Context, db *postgres.DB) (rows int, err error){
		"one that writes": func(ctx context.Context, db *postgres.DB) (rows int, err error) {
			err = db.QueryRow(ctx, count).Scan(&rows)
			return rows, err
		},
		"one with limits": func(ctx context.Context, db *postgres.DB) (rows int, err error) {
			err = db.WithLimits(postgres.Limits{Lock: time.Second, Statement: time.Minute}).QueryRow(ctx, count).Scan(&rows)
			return rows, err
		},
		"a snapshot": func(ctx context.Context, db *postgres.DB) (rows int, err error) {
			err = db.Snapshot(ctx, func(tx pgx.Tx) error { return tx.QueryRow(ctx, count).Scan(&rows) })
			return rows, err
		},
		"a bare statement": func(ctx context.Context, db *postgres.DB) (rows int, err error) {
			err = db.QueryBare(ctx, count).Scan(&rows)
			return rows, err
		},
	} {
		t.Run(name, func(t *testing.T) {
			expect := func(who string, db *postgres.DB, want int) {
				t.Helper()
				if rows, err := ask(t.Context(), db); err != nil || rows != want {
					t.Errorf("%s: %d rows, %v, want %d", who, rows, err, want)
				}
			}
			force := func(how string) {
				t.Helper()
				_, err := all.Exec(t.Context(), "ALTER TABLE public.fact "+how+" ROW LEVEL SECURITY")
				testworld.Must(t, err)
			}
			expect("the owner", all, 1)
			force("FORCE")
			expect("a role that may see fewer rows", visible, 0)
			_, err := ask(t.Context(), all)
			if class := postgres.Classify(err); class != postgres.ClassPermissionDenied || postgres.FaultOf(err) != postgres.FaultDatabase {
				t.Errorf("%s: %v", class, err)
			}
			message := postgres.Message(err)
			if !strings.Contains(message, "NO FORCE ROW LEVEL SECURITY") || strings.Contains(message, "make the user the owner") {
				t.Error(message)
			}
			force("NO FORCE")
			expect("the owner, without FORCE", all, 1)
		})
	}
}
