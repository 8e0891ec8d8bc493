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

// A server that answers no more, although its connection stays open, keeps no statement of a
// transaction for longer than its timeout and some time, whatever the context says.
func TestStatementsEndAlthoughTheServerIsSilent(t *testing.T) {
	t.Parallel()
	own := testworld.NewDatabase(t)
	type end struct {
		of  string
		err error
	}
	ended, asked := make(chan end, 8), 0
	for name, ask := range map[string]func(ctx context.Context, tx pgx.Tx) error{
		"Exec": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT 1")
			return err
		},
		"Query": func(ctx context.Context, tx pgx.Tx) error {
			rows, err := tx.Query(ctx, "SELECT 1")
			if err != nil {
				return err
			}
			_, err = pgx.CollectRows(rows, pgx.RowTo[int])
			return err
		},
		"QueryRow": func(ctx context.Context, tx pgx.Tx) error {
			var one int
			return tx.QueryRow(ctx, "SELECT 1").Scan(&one)
		},
		"SendBatch": func(ctx context.Context, tx pgx.Tx) error {
			var batch pgx.Batch
			batch.Queue("SELECT 1")
			batch.Queue("SELECT 2")
			return tx.SendBatch(ctx, &batch).Close()
		},
		"a savepoint": func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Begin(ctx)
			return err
		},
		"Commit": func(ctx context.Context, tx pgx.Tx) error { return tx.Commit(ctx) },
	} {
		proxy := testworld.NewProxy(t, own.Server().Address())
		db := open(t, strings.Replace(own.URI, own.Server().Address(), proxy.Address(), 1), postgres.DefaultSchema)
		tx, err := db.Begin(t.Context())
		testworld.Must(t, err)
		t.Cleanup(func() { // before the pool is closed, which waits for its connections
			proxy.Cut()
			_ = tx.Rollback(context.Background())
		})
		testworld.Must(t, postgres.SetTimeouts(t.Context(), tx, time.Second, time.Second))
		proxy.Swallow()
		go func() { ended <- end{name, ask(t.Context(), tx)} }()
		asked++
	}
	timeout := time.After(time.Minute)
	for range asked {
		select {
		case end := <-ended:
			if class := postgres.Classify(end.err); class != postgres.ClassUnreachable {
				t.Errorf("%s ends with %v, of class %s", end.of, end.err, class)
			}
		case <-timeout:
			t.Fatal("not all have ended within a minute")
		}
	}
}
