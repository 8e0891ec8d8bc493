package engine_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// newHostileShop is a shop whose database and engines' role have these defaults.
func newHostileShop(t testing.TB, defaults string) *shop {
	t.Helper()
	own := testworld.NewDatabaseFrom(t, "engine", migrate)
	own.MakeHostile(t, own.Operator, defaults)
	db, err := postgres.Open(t.Context(), postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema, MaxConnections: 16, AllRows: true})
	testworld.Must(t, err)
	t.Cleanup(db.Close)
	s := &shop{TB: t, db: db, owner: db, uri: own.URI}
	s.engine = s.newEngine(engine.Options{})
	return s
}

// Two engines compete for the last capacity of a budget, many times. The referees' ids begin with Ł,
// which LATIN1 lacks.
func TestHostileDefaultsNeverExceedABudget(t *testing.T) {
	t.Parallel()
	for name, defaults := range testworld.HostileDefaults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A poll sets no timeout of statements, and may take longer than 200 ms beside other tests.
			s := newHostileShop(t, strings.Replace(defaults, "'200ms'", "'5s'", 1))
			s.declare("invite", fiveDollars(), func(d *database.Declaration) { d.Budget = &database.Money{Amount: 500, Currency: "USD"} })
			s.asOwner(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('anna', 'invite', 'anna'), ('bert', 'invite', 'bert')`)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			var running sync.WaitGroup
			for range 2 {
				e := engine.New(s.db, engine.Options{
					OwnerUID: uid, BatchSize: 1, PollInterval: 5 * time.Millisecond, Log: slog.New(slog.NewTextHandler(s.Output(), nil)),
				})
				running.Go(func() {
					if err := e.Run(ctx); err != nil {
						t.Error(err)
					}
				})
			}
			s.asOwner(`INSERT INTO referral.signup (user_id, code)
			         SELECT chr(321) || n, CASE WHEN n % 2 = 0 THEN 'anna' ELSE 'bert' END FROM generate_series(1, 40) AS n`)
			s.asOwner(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
			         SELECT chr(321) || n, 'p', 2000, 'USD' FROM generate_series(1, 40) AS n`)
			s.eventually("all is decided", "SELECT (SELECT count(*) FROM referral.change), (SELECT count(*) FROM referral.pair)", "0 40")
			stop()
			running.Wait()
			s.expect("granted", "SELECT sum(amount)::text FROM referral.ledger", "500")
			s.consistent()
		})
	}
}

// exactMatches are functions and operators for calls that the server's own take as any type. The
// exact match wins, although pg_catalog comes first.
const exactMatches = `
	CREATE SEQUENCE public.called;
	GRANT ALL ON SEQUENCE public.called TO PUBLIC;
	CREATE FUNCTION public.called(value anyelement) RETURNS anyelement LANGUAGE plpgsql AS $$ BEGIN PERFORM nextval('public.called'); RETURN value; END $$;
	CREATE FUNCTION public.concat_ws(text, VARIADIC text[]) RETURNS text LANGUAGE sql RETURN public.called(''::text);
	CREATE FUNCTION public.concat_ws(text, text, text, text) RETURNS text LANGUAGE sql RETURN public.called(''::text);
	CREATE FUNCTION public.concat(VARIADIC text[]) RETURNS text LANGUAGE sql RETURN public.called(''::text);
	CREATE FUNCTION public.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql RETURN public.called(''::text);
	CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE sql BEGIN ATOMIC SELECT public.called(pg_catalog.unnest($1)); END;
	CREATE FUNCTION public.unnest(bigint[]) RETURNS SETOF bigint LANGUAGE sql BEGIN ATOMIC SELECT public.called(pg_catalog.unnest($1)); END;
	CREATE FUNCTION public.cardinality(text[]) RETURNS integer LANGUAGE sql RETURN public.called(pg_catalog.cardinality($1));
	CREATE FUNCTION public.jsonb_build_object(VARIADIC text[]) RETURNS jsonb LANGUAGE sql RETURN public.called('{}'::jsonb);
	CREATE FUNCTION public.joined(bigint, text) RETURNS text LANGUAGE sql RETURN public.called($1::text OPERATOR(pg_catalog.||) $2);
	CREATE FUNCTION public.joined(text, bigint) RETURNS text LANGUAGE sql RETURN public.called($1 OPERATOR(pg_catalog.||) $2::text);
	CREATE FUNCTION public.same(text[], text[]) RETURNS boolean LANGUAGE sql RETURN public.called($1 OPERATOR(pg_catalog.=) $2);
	CREATE OPERATOR public.|| (FUNCTION = public.joined, LEFTARG = bigint, RIGHTARG = text);
	CREATE OPERATOR public.|| (FUNCTION = public.joined, LEFTARG = text, RIGHTARG = bigint);
	CREATE OPERATOR public.= (FUNCTION = public.same, LEFTARG = text[], RIGHTARG = text[])`

func TestFunctionsOfAnotherRoleNeverRunWithTheOwnersRights(t *testing.T) {
	t.Parallel()
	s := newCrowd(t)
	s.asOwner("GRANT CREATE ON SCHEMA public TO " + testworld.WriterRole)
	s.write(exactMatches)
	s.behind("UPDATE referral.purchase SET amount = 1 WHERE user_id = 'bob'", "UPDATE referral.pair_count SET granted = granted + 1")
	s.resync()
	s.declare("share", fiveDollars(), func(d *database.Declaration) { d.Budget = &database.Money{Amount: 500, Currency: "USD"} })
	s.write(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('share', 'share', 'anna')`)
	s.write(`INSERT INTO referral.signup (user_id, code) VALUES ('u1', 'share'), ('u2', 'share')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u1', 'p', 2000, 'USD'), ('u2', 'p', 2000, 'USD')`)
	s.write(`INSERT INTO referral.erasure (user_id) VALUES ('u1')`)
	s.converge()
	testworld.Must(t, database.GrantRoles(t.Context(), s.db, uid, 0, database.Roles{Writers: []string{testworld.WriterRole}, Readers: []string{testworld.ReaderRole}}))
	s.expect("calls", "SELECT is_called FROM public.called", "false")
}

// A server may answer other shards and campaigns than it was asked to lock.
func TestUnitsThatWereNotAskedForFailTheBatch(t *testing.T) {
	t.Parallel()
	const locked = ` AS s(shard) WHERE coalesce(@first_shard::int, @limit::int, @only::smallint) IS NOT NULL
	    AND coalesce(@excluded::smallint[] IS NULL, @start_shards::smallint[] IS NULL, @start_xids::text[] IS NULL, @start_ids::bigint[] IS NULL, @start_snapshots::text[] IS NULL) IS NOT NULL`
	const notAsked = "which the batch may not work on: restore table shard and its primary key"
	const request = "the database locks an allocation request that the batch may not work on: remove the rows of table allocation_request that no declared campaign has"
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for name, c := range map[string]struct{ statement, answer, want string }{
		"more shards than the limit":  {"lock_shards_with_work", "SELECT s.shard, '', 0::bigint, '1:2:' FROM unnest('{0,1,2,3,4}'::smallint[])" + locked, "locks shard 4, " + notAsked},
		"a shard that repeats":        {"lock_shards_with_work", "SELECT s.shard, '', 0::bigint, '1:2:' FROM (VALUES (3::smallint), (3))" + locked, "locks shard 3, " + notAsked},
		"a shard below zero":          {"lock_shards_with_work", "SELECT s.shard, '', 0::bigint, '1:2:' FROM (VALUES (-1::smallint))" + locked, "locks shard -1, " + notAsked},
		"a shard beyond the last":     {"lock_shards_with_work", "SELECT s.shard, '', 0::bigint, '1:2:' FROM (VALUES (256::smallint))" + locked, "locks shard 256, " + notAsked},
		"two campaigns":               {"lock_allocation_request", "SELECT unnest('{a,b}'::text[]) WHERE coalesce($1::text, $2::text[]::text) IS NOT NULL", request},
		"a campaign with a long name": {"lock_allocation_request", "SELECT repeat('a', 256) WHERE coalesce($1::text, $2::text[]::text) IS NOT NULL", request},
		"shards without their changes": {"poll", strings.Replace(s.engine.Statement("poll"), "queue.shard, queue.xid,", "queue.shard, '{}'::pg_catalog.text[],", 1),
			"names some shards without their oldest change"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.in(t) // no batch of it commits
			s.engine.Replace(c.statement, c.answer)
			err := s.engine.Attempts(t.Context(), 1)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
			if got := s.engine.Err(); c.statement != "poll" && (got == nil || got.Error() != err.Error()) {
				t.Errorf("the engine's error is %v", got) // it would be none if one shard or campaign were suspected
			}
		})
	}
}

// A server may dequeue more keys than it was asked for, or longer ones than any table takes.
func TestKeysThatWereNotAskedForFailTheBatch(t *testing.T) {
	t.Parallel()
	const parameters = ` WHERE coalesce($1::smallint[]::text, $2::text[]::text, $3::bigint[]::text, $4::int::text) IS NOT NULL`
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.converge()
	for _, fact := range []string{link, typed} {
		s.write(fact)
	}
	for name, c := range map[string]struct{ answer, want string }{
		"too many referees": {"SELECT 'Referee', 'u' || n, '', '' FROM generate_series(1, 4001) AS n" + parameters, "dequeues changes of more keys than the batch asked for"},
		"too many erasures": {"SELECT 'Erasure', 'u' || n, '', '' FROM generate_series(1, 100000) AS n" + parameters, "dequeues changes of more keys than the batch asked for"},
		"too many codes":    {"SELECT 'Code', 'u' || n, '', '' FROM generate_series(1, 100000) AS n" + parameters, "dequeues changes of more keys than the batch asked for"},
		"a long referee":    {"SELECT 'Referee', repeat('u', 100000), '', ''" + parameters, "an id of more than 255 characters"},
		"a long visitor":    {"SELECT 'Visitor', repeat('u', 100000), '', ''" + parameters, "an id of more than 255 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.in(t) // no batch of it commits
			s.engine.Replace("dequeue", c.answer)
			err := s.engine.Attempts(t.Context(), 1)
			if err == nil || !strings.Contains(err.Error(), c.want) || len(err.Error()) > 1500 {
				t.Errorf("error %.1500v, want %s", err, c.want)
			}
		})
	}
}

// The rows of a reversal are counted as those of a batch.
func TestReversalOfTooManyRowsFails(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.friends(1, 1)
	s.converge()
	s.askToReverse("invite")
	s.engine.Replace("reverse_ledger", `SELECT 'u' || n, 'p', 'r', 'b', 'USD', 500::bigint, n::bigint, 1 FROM generate_series(1, 40000) AS n
		WHERE coalesce(@campaign::text, @after_user::text, @after_purchase::text, @last_user::text, @last_purchase::text) IS NOT NULL`)
	err := s.engine.Converge(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the facts and results of the batch are more than 16 MiB") {
		t.Errorf("error %v", err)
	}
}

// What an engine remembers across failures does not grow with the referees that a server names.
func TestResyncRemembersFewReferees(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.arrive(1, 150)
	s.converge()
	s.request()
	s.engine.Replace("resync_find", "SELECT ($1::text || $2::text || (1 / ($3::int - $3::int))::text)")
	failed, err := s.engine.FailedAlone(t.Context(), 140)
	testworld.Must(t, err)
	if failed != 100 || s.engine.ResyncErr() == nil {
		t.Errorf("%d referees are remembered; the resync fails with %v", failed, s.engine.ResyncErr())
	}
}

func TestResyncRefusesLongIDs(t *testing.T) {
	t.Parallel()
	for statement, sql := range map[string]string{
		"resync_range": "SELECT repeat('u', 100000) WHERE coalesce($1::text, $2::int::text) IS NOT NULL",
		"resync_find":  "SELECT repeat('u', 100000) WHERE coalesce($1::text, $2::text, $3::int::text) IS NOT NULL",
	} {
		t.Run(statement, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.friends(1, 3)
			s.request()
			s.engine.Replace(statement, sql)
			failed, err := s.engine.FailedAlone(t.Context(), 10)
			testworld.Must(t, err)
			if err := s.engine.ResyncErr(); err == nil || !strings.Contains(err.Error(), "an id of more than 255 characters") || failed > 3 {
				t.Errorf("%d referees are remembered; the resync fails with %v", failed, err)
			}
		})
	}
}

// A comparison keeps the keys of sums that are off. A server may name any number, of any length.
func TestResyncKeepsFewBytesOfSumsThatAreOff(t *testing.T) {
	const long = "an id of more than 255 characters"
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.request()
	for _, c := range []struct {
		name  string
		keys  string
		fails string
	}{
		{"long keys", "SELECT 'EngineAccount', '', n || repeat('k', 3900000), 'USD', '0', '0', '0', '0', '0' FROM generate_series(1, 22) AS n", long},
		{"long campaigns", "SELECT 'Pairs', n || repeat('k', 3900000), '', '', '0', '0', '0', '0', '0' FROM generate_series(1, 22) AS n", long},
		{"long currencies", "SELECT 'Credits', '', '', n || repeat('k', 3900000), '0', '0', '0', '0', '0' FROM generate_series(1, 22) AS n", long},
		{"long sums", "SELECT 'Credits', '', '', '', '0', '0', '0', '0', n || repeat('0', 3900000) FROM generate_series(1, 22) AS n", long},
		{"an unknown kind", "SELECT 'Others', '', '', '', '0', '0', '0', '0', '0'", "names a kind of sums that there is not, Others"},
		// The last, since it completes the resync.
		{"many keys", "SELECT k, 'invite', repeat('😀', 250) || n, 'USD', '0', '0', '0', '0', '0' FROM unnest('{EngineAccount,WriterAccount,Referrer,Waitlist,Pairs,Credits}'::text[]) AS k, generate_series(1, 10000) AS n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.in(t)
			s.engine.Replace("resync_sums", c.keys)
			_, peak := allocated(func() {
				_, err := s.engine.FailedAlone(t.Context(), 5)
				testworld.Must(t, err)
			})
			if peak > 40 {
				t.Errorf("%d MiB in use at one time, want at most 40", peak)
			}
			if err := s.engine.ResyncErr(); (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("error %.1000v, want %s", err, c.fails)
			}
			s.expect("finished", "SELECT count(*) > 0 FROM referral.resync_campaign WHERE drift_corrected > 0", fmt.Sprint(c.fails == ""))
		})
	}
}

func TestEngineForgetsCampaignsThatAreNotDeclared(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, name := range []string{"invite", "gone"} {
		names, err := s.engine.Exhausted(t.Context(), name)
		testworld.Must(t, err)
		if len(names) != 1 || names[0] != "invite" {
			t.Errorf("remembered are %s", names)
		}
	}
}
