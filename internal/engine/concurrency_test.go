package engine_test

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// holdUpFirstBatch writes facts, and returns a transaction that keeps the batch that decides them from
// recording alice's account.
func (s *shop) holdUpFirstBatch() pgx.Tx {
	s.Helper()
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.asOwner("INSERT INTO referral.engine_account (beneficiary_id, currency) VALUES ('alice', 'USD')")
	blocker := s.blocker()
	_, err := blocker.Exec(s.Context(), "SELECT FROM referral.engine_account FOR UPDATE")
	testworld.Must(s, err)
	return blocker
}

// A batch that is running when a suspend is declared must not commit: once the declaration returns,
// nothing is decided under the configuration before it.
func TestNothingCommitsUnderAnOlderConfiguration(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	blocker := s.holdUpFirstBatch()
	converged := make(chan error, 1)
	go func() { converged <- s.engine.Converge(t.Context()) }()
	s.eventually("the batch waits for the account", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "1")

	s.declare("invite", fiveDollars(), inMode(reward.Suspended, 2))
	testworld.Must(t, blocker.Rollback(t.Context()))
	testworld.Must(t, <-converged)
	s.expect("ledger", ledger)
	s.expect("deferred", "SELECT user_id FROM referral.deferred", "bob")
}

func TestEnginesShareWorkAndGrantNothingTwice(t *testing.T) {
	const referees, engines = 600, 3
	s := newShop(t)
	s.declare("invite", fiveDollars())
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var running sync.WaitGroup
	uri, err := url.Parse(s.uri)
	testworld.Must(t, err)
	uri.RawQuery += "&application_name=engines"
	db, err := postgres.Open(t.Context(), postgres.Config{URI: uri.String(), Schema: postgres.DefaultSchema, MaxConnections: 16})
	testworld.Must(t, err)
	t.Cleanup(db.Close)
	for range engines {
		e := engine.New(db, engine.Options{OwnerUID: uid, BatchSize: 50, PollInterval: 5 * time.Millisecond})
		running.Go(func() {
			if err := e.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	// Facts in the worst order, each written twice, by several writers at once. A refund exceeds
	// its purchase, corrected or not.
	var writers sync.WaitGroup
	for _, fact := range []string{
		`INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) SELECT 'u' || n, 'p', 'r', 1000 FROM generate_series(1, 600, 3) n`,
		`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 900, 'USD' FROM generate_series(1, 600) n`,
		`INSERT INTO referral.signup (user_id, code, signed_up_at) SELECT 'u' || n, 'c' || n % 7, now() - interval '1 h' FROM generate_series(1, 600) n`,
		`INSERT INTO referral.link (code, campaign, referrer_id) SELECT 'c' || n, 'invite', 'r' || n FROM generate_series(0, 6) n`,
		`UPDATE referral.purchase SET amount = amount + 1`,
	} {
		writers.Go(func() {
			for range 2 {
				if _, err := s.writer.Exec(ctx, fact+onConflict(fact)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	// Meanwhile connections are lost.
	for range 5 {
		time.Sleep(20 * time.Millisecond)
		s.asOwner("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'engines'")
	}
	writers.Wait()
	s.eventually("all is decided", "SELECT count(*) FROM referral.change", "0")
	stop()
	running.Wait()

	s.converge()
	s.expect("pairs", "SELECT state, count(*) FROM referral.pair GROUP BY 1 ORDER BY 1", fmt.Sprint("Granted ", referees-referees/3))
	s.expect("granted", "SELECT sum(available)::int FROM referral.balance", fmt.Sprint(500*(referees-referees/3)))
}

func TestAllChangesOfAKeyAreDequeuedTogether(t *testing.T) {
	s := newShop(t)
	s.engine = s.newEngine(engine.Options{BatchSize: 1})
	s.declare("invite", fiveDollars())
	s.converge()
	for range 10 {
		s.write(`INSERT INTO referral.signup (user_id) VALUES ('bob') ON CONFLICT (user_id) DO UPDATE SET visitor_id = 'v'`)
	}
	before := s.engine.Stats().Batches
	s.converge()
	if got := s.engine.Stats().Batches - before; got != 1 {
		t.Errorf("%d batches for ten changes of one referee", got)
	}
}

// stopped ends a running engine, and waits for it only because machines are slow.
func stopped(t *testing.T, stop context.CancelFunc, done <-chan error) {
	t.Helper()
	stop()
	select {
	case err := <-done:
		testworld.Must(t, err)
	case <-time.After(time.Minute):
		t.Fatal("the engine goes on")
	}
}

func TestEngineStopsWithoutWaitingForItsNextPoll(t *testing.T) {
	s := newShop(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	e := s.newEngine(engine.Options{PollInterval: time.Hour})
	go func() { done <- e.Run(ctx) }()
	waitFor(t, "the engine has polled", func() bool { return e.Stats().Polls > 0 })
	stopped(t, stop, done)
}

func TestEngineStopsWithoutWaitingForALock(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	blocker := s.holdUpFirstBatch()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	e := s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond})
	e.Replace("begin", "SELECT") // without timeouts the batch waits for ever
	go func() { done <- e.Run(ctx) }()
	s.eventually("the batch waits for the account", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "1")
	stopped(t, stop, done)
	s.eventually("the server's part has ended too", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "0")
	testworld.Must(t, blocker.Rollback(t.Context()))
	s.expect("ledger", ledger)
}

func TestEngineGoesOnAfterAnOutage(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	e := s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond})
	go func() { done <- e.Run(ctx) }()
	s.asOwner("ALTER TABLE referral.meta RENAME TO meta_gone")
	waitFor(t, "the engine fails", func() bool { return e.Err() != nil })
	s.asOwner("ALTER TABLE referral.meta_gone RENAME TO meta")
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.eventually("the credit is granted", "SELECT count(*) FROM referral.ledger", "1")
	waitFor(t, "the engine does not fail any more", func() bool { return e.Err() == nil }) // after the commit
	stop()
	testworld.Must(t, <-done)
}

func onConflict(fact string) string {
	if fact[:6] == "INSERT" {
		return " ON CONFLICT DO NOTHING"
	}
	return ""
}

// eventually waits for a query to return only this row.
func (s *shop) eventually(what, sql, want string) {
	s.Helper()
	waitFor(s, what, func() bool {
		got := s.rows(sql)
		return len(got) == 1 && got[0] == want
	})
}

func waitFor(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}
