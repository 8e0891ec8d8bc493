package engine_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// step runs one step of an expansion and returns how many changes it appended
// and how many entries of the tables' indexes it read.
func (s *shop) step(statement, key, stage, resumeAfter string, limit int) (appended, read int64) {
	s.Helper()
	tx, err := s.db.Begin(s.Context())
	testworld.Must(s, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(s.Context())) }()
	_, err = tx.Exec(s.Context(), s.engine.Statement("begin"))
	testworld.Must(s, err)
	// Statistics of a connection add up over its transactions.
	count := func(sign int64) {
		var changes, entries int64
		testworld.Must(s, tx.QueryRow(s.Context(), `
			SELECT (SELECT count(*) FROM referral.change), sum(pg_stat_get_xact_tuples_returned(indexrelid))::bigint FROM pg_index
			 WHERE indrelid IN ('referral.link'::regclass, 'referral.touch'::regclass, 'referral.signup'::regclass, 'referral.attribution'::regclass)`).
			Scan(&changes, &entries))
		appended, read = appended+sign*changes, read+sign*entries
	}
	count(-1)
	_, err = tx.Exec(s.Context(), s.engine.Statement(statement), pgx.NamedArgs{
		"keys": []string{key}, "stages": []string{stage}, "resume_after": []string{resumeAfter}, "limit": limit,
	})
	testworld.Must(s, err)
	count(+1)
	return appended, read
}

func TestEachStepOfAnExpansionIsBounded(t *testing.T) {
	const many, limit = 10_000, 50
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.behind(
		`INSERT INTO referral.link (code, campaign, referrer_id) SELECT 'l' || n, 'invite', 'r' FROM generate_series(1, `+fmt.Sprint(many)+`) n`,
		`INSERT INTO referral.touch (visitor_id, code) SELECT 'v' || n % 3, 'one' FROM generate_series(1, `+fmt.Sprint(many)+`) n`,
		`INSERT INTO referral.touch (visitor_id, code) SELECT 'w' || n % 500, 'some' FROM generate_series(1, `+fmt.Sprint(many)+`) n`,
		`INSERT INTO referral.signup (user_id, visitor_id, code) SELECT 'u' || n, 'v' || n % 3, 'typed' FROM generate_series(1, `+fmt.Sprint(many)+`) n`,
		`INSERT INTO referral.signup (user_id, visitor_id) SELECT 'x' || n, 'w' || n FROM generate_series(0, 499) n`,
		`INSERT INTO referral.attribution (user_id, campaign, code, referrer_id, touched_at, source) SELECT 'u' || n, 'invite', 'one', 'r', now(), 'Touch' FROM generate_series(1, `+fmt.Sprint(many)+`) n`,
	)
	for _, test := range []struct {
		name, statement, key, stage, resumeAfter string
		appended                                 int64
	}{
		{"a visitor with many signups", "expand_visitor", "v1", "", "", limit + 1},
		{"a code with many touches of three visitors", "expand_code", "one", "", "", 3},
		{"a code with many touches of many visitors", "expand_code", "some", "", "", limit + 1},
		{"its next step", "expand_code", "some", "Visitors", "w140", limit + 1},
		{"a code typed by many", "expand_code", "typed", "", "", limit + 1},
		{"a campaign with many links", "expand_campaign", "invite", "", "", limit + 1},
		{"a campaign with many referees without a link", "expand_campaign", "invite", "Fixed", "", limit + 1},
		{"a referrer with many referees", "expand_referrer", "r", "", "", limit + 1},
		{"a rollout over many referees", "expand_rollout", "invite", "", "", limit + 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			appended, read := s.step(test.statement, test.key, test.stage, test.resumeAfter, limit)
			if appended != test.appended {
				t.Errorf("appended %d changes, want %d", appended, test.appended)
			}
			if read > 5*limit {
				t.Errorf("read %d entries of indexes, want at most %d", read, 5*limit)
			}
		})
	}
}

// A visitor that is touched, or a link that is updated, before each batch reaches its last referees
// too, and its first ones again.
func TestKeyThatIsWrittenAllTheTimeReachesAllItsReferees(t *testing.T) {
	for _, test := range []struct{ name, signups, write, read string }{
		{"visitor with many signups",
			`INSERT INTO referral.signup (user_id, visitor_id) SELECT 'u' || n, 'v' FROM generate_series(101, 160) n`,
			`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) VALUES ('v', 't' || $1::int, 'alice1', now() - interval '1 h' + $1 * interval '1 s')`,
			`SELECT touch_id FROM referral.attribution WHERE user_id = '%s'`},
		{"code that was typed, and touched by many visitors",
			`INSERT INTO referral.touch (visitor_id, code, touched_at) SELECT 'v' || n, 'alice1', now() - interval '1 h' FROM generate_series(131, 160) n;
			 INSERT INTO referral.signup (user_id, code) SELECT 'u' || n, 'alice1' FROM generate_series(101, 130) n;
			 INSERT INTO referral.signup (user_id, visitor_id) SELECT 'u' || n, 'v' || n FROM generate_series(131, 160) n`,
			`UPDATE referral.link SET label = 't' || $1::int`,
			`SELECT label FROM referral.attribution WHERE user_id = '%s'`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newShop(t)
			s.sharded(1)
			s.declare("invite", fiveDollars())
			s.write(link)
			s.write(test.signups)
			s.converge()
			s.engine = s.newEngine(engine.Options{BatchSize: 20})
			const batches = 120
			decided := map[string]map[string]bool{"u101": {}, "u160": {}} // by user_id: what it was decided by
			for n := range batches {
				s.write(test.write, n)
				testworld.Must(t, s.engine.Attempts(t.Context(), 1))
				for user, by := range decided {
					for _, id := range s.rows(fmt.Sprintf(test.read, user)) {
						by[id] = true
					}
				}
			}
			for user, by := range decided {
				if len(by) < 3 {
					t.Errorf("%s was decided by %v while there were always fresh changes", user, by)
				}
			}
			if waiting := s.count("SELECT count(*) FROM referral.change WHERE kind <> 'Referee'"); waiting > 10 {
				t.Errorf("%d changes are left to be expanded", waiting)
			}
			s.converge()
			for user := range decided {
				s.expect(user, fmt.Sprintf(test.read, user), fmt.Sprint("t", batches-1))
			}
		})
	}
}

// A batch has read the referrer's fingerprints and waits for a campaign when they change. The
// change reaches the referees that are attributed to the referrer, among which the batch's are not
// yet.
func TestChangedFingerprintsReachARefereeThatIsJustBeingAttributed(t *testing.T) {
	s := newShop(t)
	anna := s.rows("SELECT 'anna' || n FROM generate_series(1, 99) n WHERE referral.shard_of('anna' || n) NOT IN (referral.shard_of('ben'), referral.shard_of('carl')) LIMIT 1")[0]
	s.declare("invite", fiveDollars(), limited(1, 0, 1000))
	s.write("INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'invite', $1)", anna)
	s.write("INSERT INTO referral.signup (user_id, fingerprints) VALUES ($1, '{card}')", anna)
	s.converge()
	s.write(`
		INSERT INTO referral.signup (user_id, code, fingerprints) VALUES ('ben', 'a', '{card}'), ('carl', 'a', '{other}');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('ben', 'p', 1000, 'USD'), ('carl', 'p', 1000, 'USD')`)
	release := s.hold("SELECT FROM referral.campaign FOR UPDATE")
	other := s.newEngine(engine.Options{})
	ended := make(chan error, 1)
	go func() { ended <- other.Attempts(context.WithoutCancel(t.Context()), 1) }()
	s.eventually("the batch waits", "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'", "1")
	s.write("UPDATE referral.signup SET fingerprints = '{new}' WHERE user_id = $1", anna)
	testworld.Must(t, s.engine.Attempts(t.Context(), 20))
	s.expect("the change was expanded", "SELECT count(*) FROM referral.change WHERE kind = 'Referrer' AND key LIKE 'anna%'", "0")
	release()
	testworld.Must(t, <-ended)
	s.converge()
	s.expect("pairs", pairs, "ben p Granted Qualified", "carl p Granted Qualified")
}
