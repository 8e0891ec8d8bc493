package engine_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// begin is the first statement of a batch, with a shorter lock timeout.
const begin = `SELECT set_config('idle_in_transaction_session_timeout', '30s', true),
       set_config('statement_timeout', '30s', true), set_config('lock_timeout', '300ms', true),
       set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true), set_config('jit', 'off', true)`

// panics returns an override of a user that it was not asked about, which panics.
const panics = "SELECT 'stranger', 'p', 'Deny', 0::bigint WHERE $1::text[] IS NOT NULL"

// signUp adds that many users with one purchase each.
func (s *shop) signUp(many int) {
	s.Helper()
	s.write(`INSERT INTO referral.signup (user_id, code) SELECT 'u' || n, 'alice1' FROM generate_series(1, $1::int) n`, many)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 900, 'USD' FROM generate_series(1, $1::int) n`, many)
}

// onLedger runs PL/pgSQL before each entry of the ledger.
func (s *shop) onLedger(body string) {
	s.Helper()
	s.asOwner(`CREATE FUNCTION on_ledger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ` + body + ` RETURN NEW; END $$`)
	s.asOwner(`CREATE TRIGGER on_ledger BEFORE INSERT ON referral.ledger FOR EACH ROW EXECUTE FUNCTION on_ledger()`)
}

func TestRefereeThatTimesOutIsSetAside(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	// Only batches of this referee have a short timeout: on a slow server the others need theirs.
	s.asOwner(`CREATE FUNCTION hurry() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN PERFORM set_config('statement_timeout', '400ms', true); RETURN OLD; END $$`)
	s.asOwner(`CREATE TRIGGER hurry BEFORE DELETE ON referral.change FOR EACH ROW WHEN (OLD.key = 'u13') EXECUTE FUNCTION hurry()`)
	s.onLedger(`IF NEW.user_id = 'u13' THEN PERFORM pg_sleep(60); END IF;`)
	s.signUp(40)
	s.converge()
	s.expect("granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "39")
	s.expect("set aside", "SELECT user_id, cause LIKE '%statement timeout%' FROM referral.set_aside", "u13 true")
	s.expect("changes", "SELECT count(*) FROM referral.change", "0")
}

// The client ends a batch whose statements take too long together, though each of them is fast
// enough for the server.
func TestBatchThatTakesTooLongAltogetherIsSplit(t *testing.T) {
	s := newShop(t)
	s.sharded(1)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	s.onLedger(`PERFORM pg_sleep(0.05);`)
	s.signUp(40)
	e := s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond, Workers: 1})
	e.SetBatchTime(time.Second)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	s.eventually("all are granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "40")
	stop()
	testworld.Must(t, <-ended)
	s.expect("set aside", "SELECT FROM referral.set_aside")
}

func TestUnknownErrorIsSplitDownToItsReferee(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	s.onLedger(`IF NEW.user_id IN ('u13', 'u31') THEN RAISE EXCEPTION 'no'; END IF;`)
	s.signUp(40)
	s.converge()
	s.expect("granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "38")
	s.expect("set aside", "SELECT user_id FROM referral.set_aside ORDER BY 1", "u13", "u31")
}

func TestStackOfAPanicIsLogged(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.signUp(1)
	var logged strings.Builder
	e := engine.New(s.db, engine.Options{OwnerUID: uid, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	e.Replace("load_override", panics)
	testworld.Must(t, e.Converge(t.Context()))
	s.expect("set aside", "SELECT user_id FROM referral.set_aside", "u1")
	if !strings.Contains(logged.String(), "engine.(*batch).load(") {
		t.Errorf("no stack in %s", logged.String())
	}
	if strings.Contains(logged.String(), "stranger") {
		t.Errorf("the user is in %s", logged.String())
	}
}

// Pairs already follow a revision that the batch does not know. The batch is rolled back, so nobody
// is set aside, and the log does not say so.
func TestBatchUnderAnOlderConfigurationSetsNobodyAside(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 3)
	s.converge()
	var logged strings.Builder
	slow := engine.New(s.db, engine.Options{OwnerUID: uid, Log: slog.New(slog.NewTextHandler(&logged, nil))})
	slow.Replace("begin", strings.Replace(slow.Statement("begin"), "SELECT set_config", "SELECT pg_advisory_xact_lock_shared(1), set_config", 1))
	const changes = "UPDATE referral.signup SET attributes = jsonb_build_object('change', random())"
	s.write(changes)
	done := make(chan error, 1)
	s.holding("SELECT pg_advisory_xact_lock(1)", func() {
		go func() { done <- slow.Converge(t.Context()) }()
		s.eventually("its batch waits", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'", "1")
		s.declare("invite", fiveDollars(), revised(2, 700, reward.AllPairs))
		s.converge()
		s.expect("another engine decides", underTerms, "2 3")
		s.write(changes)
	})
	testworld.Must(t, <-done)
	if failures := slow.Stats().Failures; failures != 1 {
		t.Errorf("%d batches were rolled back", failures)
	}
	s.expect("set aside", "SELECT FROM referral.set_aside")
	s.expect("nothing is pending", "SELECT FROM referral.change")
	if logged.Len() > 0 {
		t.Errorf("logged: %s", logged.String())
	}
}

func TestFailingDatabaseSetsNoRefereeAside(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	s.onLedger(`RAISE EXCEPTION 'no entry today';`)
	s.signUp(40)
	if err := s.engine.Converge(t.Context()); err == nil || !strings.Contains(err.Error(), "no entry today") {
		t.Errorf("the engine converged with: %v", err)
	}
	s.expect("set aside", "SELECT FROM referral.set_aside")
	s.asOwner("DROP TRIGGER on_ledger ON referral.ledger")
	s.converge()
	s.expect("granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "40")
}

// The workers take turns at the one shard: each finds it locked while the other one fails.
func TestTwoWorkersSplitOneShard(t *testing.T) {
	s := newShop(t)
	s.sharded(1)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	s.onLedger(`IF NEW.user_id = 'u77' THEN PERFORM pg_sleep(0.1); RAISE EXCEPTION 'no'; END IF;`)
	s.signUp(500)
	e := s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	s.eventually("all others are granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "499")
	s.eventually("set aside", "SELECT user_id FROM referral.set_aside", "u77")
	stop()
	testworld.Must(t, <-done)
	if failures := e.Stats().Failures; failures > 60 {
		t.Errorf("%d batches failed", failures)
	}
}

func TestLockThatDoesNotEndShowsAndStopsNoOtherShard(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	e := s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond, Workers: 1})
	e.Replace("begin", begin)
	blocker := s.blocker()
	defer func() { _ = blocker.Rollback(context.WithoutCancel(t.Context())) }()
	_, err := blocker.Exec(t.Context(), "INSERT INTO referral.pair SELECT 'u13', 'p', 'invite', 'alice', 1, 1, NULL, now(), now(), 'Reversed', 'Refunded'")
	testworld.Must(t, err)
	s.signUp(40)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	s.eventually("the other shards are decided", "SELECT count(DISTINCT shard)::int FROM referral.change", "1")
	waitFor(t, "the lock shows", func() bool { return postgres.FaultOf(e.Err()) == postgres.FaultPassing })
	s.expect("set aside", "SELECT FROM referral.set_aside")
	testworld.Must(t, blocker.Rollback(t.Context()))
	s.eventually("all are granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "40")
	waitFor(t, "the engine is well again", func() bool { return e.Err() == nil })
	stop()
	testworld.Must(t, <-done)
}

// On several replicas another engine often decides what failed here, while the workers of this one
// pause.
func TestEngineIsWellOnceAnotherHasDecidedWhatFailed(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.write(link)
	s.converge()
	s.onLedger(`RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'No space left on device';`)
	e := s.newEngine(engine.Options{PollInterval: 5 * time.Millisecond, Workers: 1})
	s.signUp(4)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	const untilPausesAreLong = 10 // failures in a row
	waitFor(t, "the failure shows", func() bool { return e.Stats().Failures >= untilPausesAreLong && e.Err() != nil })
	s.asOwner("DELETE FROM referral.change") // as the batch of another engine does
	waitFor(t, "the engine is well again", func() bool { return e.Err() == nil })
	stop()
	testworld.Must(t, <-done)
}
