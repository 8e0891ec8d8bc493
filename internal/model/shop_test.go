package model

import (
	"context"
	_ "embed"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

//go:embed testdata/record.sql
var recordSQL string

//go:embed testdata/reset.sql
var resetSQL string

//go:embed testdata/advance.sql
var advanceSQL string

//go:embed testdata/busy.sql
var busySQL string

//go:embed testdata/again.sql
var againSQL string

const ownerUID = "0b9d5a52-1111-4222-8333-444455556666"

// shop is the system under test: a database with engines. Histories use it one after the other.
type shop struct {
	db     *postgres.DB  // connections of the operator
	writer *pgxpool.Pool // connections of the application
	admin  *pgxpool.Pool // connections of a superuser, which can move times and bypass triggers
	reader *pgxpool.Pool // connections of a superuser that bypass no triggers: to bypass them discards the plans of a connection
	cutter *cutter       // the proxy of an engine that crashes
	paused *cutter       // the proxy of an engine that pauses
	pauses *postgres.DB  // connections through paused

	coverage *coverage
	engines  int // number of engines that converge at once

	lossLimit  int64     // the engines' limit of losses
	hidden     bool      // facts are written without triggers
	pending    *pending  // the application's open transaction; nil: none is open
	into       *pending  // the transaction that facts are written in; nil: each has its own
	wrote      int64     // how many rows the last fact changed that was written in it
	mute       bool      // facts are not written, since they have been written already
	zero       time.Time // time 0 of the history
	generation int64
}

func newShop(t testing.TB) *shop {
	t.Helper()
	own := testworld.NewDatabaseFrom(t, "model", migrate)
	s := &shop{
		db:       openFor(t, own.URI),
		writer:   newPool(t, own.WriterURI),
		admin:    newPool(t, own.AdminURI),
		reader:   newPool(t, own.AdminURI),
		cutter:   newCutter(t, own.URI),
		paused:   newCutter(t, own.URI),
		coverage: &coverage{},
		engines:  enginesOf(t),
	}
	s.paused.keep()
	s.pauses = openFor(t, s.paused.uri)
	s.execute(t, recordSQL)
	t.Cleanup(func() { s.expectNoDeadlocks(t) })
	return s
}

// expectNoDeadlocks fails the test if two transactions waited for each other: all are to take their
// locks in one order. That one of them was tried again hides it from everything else.
func (s *shop) expectNoDeadlocks(t testing.TB) {
	t.Helper()
	var deadlocks int
	err := s.reader.QueryRow(context.WithoutCancel(t.Context()),
		"SELECT deadlocks FROM pg_catalog.pg_stat_database WHERE datname = pg_catalog.current_database()").Scan(&deadlocks)
	must(t, err)
	if deadlocks > 0 {
		t.Errorf("%d deadlocks: the log of the server names the statements", deadlocks)
	}
}

// enginesOf returns how many engines converge at once: ENGINES, or 1 if it is unset.
func enginesOf(t testing.TB) int {
	t.Helper()
	wanted := os.Getenv("ENGINES")
	if wanted == "" {
		return 1
	}
	engines, err := strconv.Atoi(wanted)
	must(t, err)
	if engines < 1 {
		t.Fatalf("ENGINES is %d: must be at least 1", engines)
	}
	return engines
}

// openFor opens a database for the operator, with prepared statements and one plan for each, unlike
// the operator itself: the server would spend most of its time on planning tiny batches. An engine
// that is to crash connects as the operator does.
func openFor(t testing.TB, uri string) *postgres.DB {
	t.Helper()
	config, err := postgres.ParseConfig(uri, nil)
	must(t, err)
	config.ConnConfig.DefaultQueryExecMode, config.ConnConfig.StatementCacheCapacity = pgx.QueryExecModeCacheStatement, manyStatements
	config.ConnConfig.RuntimeParams["plan_cache_mode"] = "force_generic_plan"
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	must(t, err)
	db := postgres.NewDB(pool, postgres.DefaultSchema)
	t.Cleanup(db.Close)
	return db
}

// manyStatements is more than an engine has.
const manyStatements = 1000

func newPool(t testing.TB, uri string) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), uri)
	must(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// migrate creates the schema in the template of the databases.
func migrate(ctx context.Context, own *testworld.Database) error {
	db, err := postgres.Open(ctx, postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema})
	if err != nil {
		return err
	}
	defer db.Close()
	if err := database.Migrate(ctx, db); err != nil {
		return err
	}
	if _, err := database.Claim(ctx, db, database.Identity{Installation: "default", Name: "growth/shop", UID: ownerUID}, ""); err != nil {
		return err
	}
	return database.GrantRoles(ctx, db, ownerUID, 0, database.Roles{Writers: []string{testworld.WriterRole}})
}

// execute runs statements as the superuser in one transaction. Those that contain $1 get the
// arguments.
func (s *shop) execute(t fataler, sql string, arguments ...any) {
	t.Helper()
	ctx := context.Background()
	must(t, pgx.BeginFunc(ctx, s.admin, func(tx pgx.Tx) error {
		if len(arguments) == 0 {
			_, err := tx.Exec(ctx, sql)
			return err
		}
		var batch pgx.Batch
		for statement := range strings.SplitSeq(sql, ";") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if strings.Contains(statement, "$1") {
				batch.Queue(statement, arguments...)
			} else {
				batch.Queue(statement)
			}
		}
		return tx.SendBatch(ctx, &batch).Close()
	}))
}

// begin deletes the history before, and starts the clock.
func (s *shop) begin(t fataler) {
	t.Helper()
	if s.pending != nil {
		must(t, s.pending.Rollback(context.Background()))
	}
	s.execute(t, resetSQL)
	var now time.Time
	must(t, s.reader.QueryRow(context.Background(), "SELECT now()").Scan(&now))
	s.zero = now.Add(-time.Duration(start) * time.Microsecond)
	s.generation, s.lossLimit, s.hidden, s.pending, s.into, s.mute = 0, 0, false, nil, nil, false
}

// time returns the database's time for a time of the history; null: none.
func (s *shop) time(t at) *time.Time {
	if t == 0 {
		return nil
	}
	when := s.zero.Add(time.Duration(t) * time.Microsecond)
	return &when
}

// advance lets time pass.
func (s *shop) advance(t fataler, by at) {
	t.Helper()
	passed := time.Duration(by) * time.Microsecond
	s.execute(t, advanceSQL, passed)
	s.zero = s.zero.Add(-passed)
}

// write writes a fact as the application.
func (s *shop) write(t fataler, sql string, arguments ...any) {
	t.Helper()
	ctx := context.Background()
	if s.mute {
		return
	}
	if s.into != nil {
		tag, err := s.into.Exec(ctx, sql, arguments...)
		must(t, err)
		s.wrote = tag.RowsAffected()
		return
	}
	if !s.hidden {
		_, err := s.writer.Exec(ctx, sql, arguments...)
		must(t, err)
		return
	}
	must(t, pgx.BeginFunc(ctx, s.admin, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL session_replication_role = replica"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, sql, arguments...)
		return err
	}))
}

func (s *shop) engine(db *postgres.DB, batch int) *engine.Engine {
	return engine.New(db, engine.Options{OwnerUID: ownerUID, BatchSize: batch, LossLimit: s.lossLimit})
}

// fataler is what *testing.T and *rapid.T have in common.
type fataler interface {
	Helper()
	Logf(format string, arguments ...any)
	Fatalf(format string, arguments ...any)
}

func must(t fataler, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v", err)
	}
}

func (k purchaseKey) String() string { return fmt.Sprint(k.user, "/", k.id) }

// TestMain keeps rapid from writing failures into the tree: a failing history is printed as a test.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.nofailfile", "true"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	testworld.Main(m)
}
