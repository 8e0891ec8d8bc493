package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// settings are what a shop's small production server might have. Commits wait for the disk. The
// planner's just-in-time compiler is off, because it costs the in-database baseline more than it
// brings.
var settings = map[string]string{
	"shared_buffers":         "2GB",
	"work_mem":               "64MB",
	"maintenance_work_mem":   "256MB",
	"effective_cache_size":   "6GB",
	"max_wal_size":           "8GB",
	"checkpoint_timeout":     "15min",
	"random_page_cost":       "1.1",
	"jit":                    "off",
	"max_connections":        "1500", // a thousand databases
	"track_commit_timestamp": "on",   // latency is measured by it
}

// world is one Postgres server, on which everything is measured.
type world struct {
	options
	report  *report
	subject string // what is being measured

	postgres   *testworld.Postgres
	admin      *pgx.Conn // a superuser, for what only one may see or do
	statistics bool      // pg_stat_statements is there
	profileTo  *os.File
	large      *shop // see million
}

// newWorld returns a world that must be closed even when there is an error.
func newWorld(ctx context.Context, o options) (*world, error) {
	w := &world{options: o, report: newReport(), subject: "world"}
	if err := w.start(ctx); err != nil {
		return w, fmt.Errorf("while starting the world: %w", err)
	}
	return w, nil
}

func (w *world) start(ctx context.Context) (err error) {
	w.say("starting Postgres")
	w.postgres, err = testworld.StartPostgres(ctx, testworld.PostgresOptions{Durable: true, Settings: settings})
	if err != nil {
		return err
	}
	if err := w.loadStatistics(ctx); err != nil {
		return fmt.Errorf("while loading pg_stat_statements: %w", err)
	}
	if w.admin, err = pgx.Connect(ctx, w.postgres.AdminURI); err != nil {
		return err
	}
	if w.profile == "" {
		return nil
	}
	if w.profileTo, err = os.Create(w.profile); err != nil {
		return err
	}
	return pprof.StartCPUProfile(w.profileTo)
}

// loadStatistics loads pg_stat_statements where the server has it, which takes a restart. Some
// builds of Postgres come without.
func (w *world) loadStatistics(ctx context.Context) error {
	connection, err := pgx.Connect(ctx, w.postgres.AdminURI)
	if err != nil {
		return err
	}
	err = func() error {
		const available = "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements')"
		if err := connection.QueryRow(ctx, available).Scan(&w.statistics); err != nil || !w.statistics {
			return err
		}
		if _, err := connection.Exec(ctx, "ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'"); err != nil {
			return err
		}
		_, err := connection.Exec(ctx, "CREATE EXTENSION pg_stat_statements")
		return err
	}()
	err = errors.Join(err, connection.Close(context.WithoutCancel(ctx)))
	if err != nil || !w.statistics {
		return err
	}
	return errors.Join(w.postgres.Halt(), w.postgres.Start(ctx))
}

// close takes everything down.
func (w *world) close() error {
	ctx := context.Background()
	var errs []error
	if w.profileTo != nil {
		pprof.StopCPUProfile()
		errs = append(errs, w.profileTo.Close())
	}
	if w.large != nil {
		w.large.close()
	}
	if w.admin != nil {
		errs = append(errs, w.admin.Close(ctx))
	}
	if w.postgres != nil {
		errs = append(errs, w.postgres.Stop())
	}
	return errors.Join(append(errs, testworld.StopAll(ctx))...)
}

// scaled is a size at the scale that was asked for.
func (w *world) scaled(size int) int { return max(1, int(float64(size)*w.scale)) }

func (w *world) say(format string, arguments ...any) {
	w.report.say(w.subject, fmt.Sprintf(format, arguments...))
}

// detail prints details about where time is spent.
func (w *world) detail(format string, arguments ...any) {
	if w.statements {
		w.say(format, arguments...)
	}
}

// checkpoint makes what follows start without a backlog of dirty pages.
func (w *world) checkpoint(ctx context.Context) error {
	_, err := w.admin.Exec(ctx, "CHECKPOINT")
	return err
}

// wait waits, or returns why it must not go on.
func (w *world) wait(ctx context.Context, period time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(period):
		return nil
	}
}
