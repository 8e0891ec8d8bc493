package engine_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// hostileDefaults are settings of a role or a database with which the planner avoids the plans that
// the engine's statements need.
const hostileDefaults = `SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off; SET LOCAL enable_tidscan = off;
	SET LOCAL enable_nestloop = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_sort = off;
	SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off`

// What the planner may choose does not depend on the defaults of the role and the database.
func TestDefaultsOfTheRoleChooseNoPlan(t *testing.T) {
	s := newShop(t)
	for _, statement := range []string{"begin", "resync_begin", "verify_begin"} {
		settings := func(defaults string) (all []string) {
			tx, err := s.db.Begin(t.Context())
			testworld.Must(t, err)
			defer func() { _ = tx.Rollback(context.WithoutCancel(t.Context())) }()
			for _, sql := range []string{defaults, s.engine.Statement(statement)} {
				_, err = tx.Exec(t.Context(), sql)
				testworld.Must(t, err)
			}
			rows, err := tx.Query(t.Context(), "SELECT name || ' ' || setting FROM pg_settings WHERE name ~ '^enable_(indexscan|indexonlyscan|tidscan|seqscan|bitmapscan|nestloop|hashjoin|mergejoin|sort)$' ORDER BY 1")
			testworld.Must(t, err)
			all, err = pgx.CollectRows(rows, pgx.RowTo[string])
			testworld.Must(t, err)
			return all
		}
		if diff := cmp.Diff(settings("SELECT"), settings(hostileDefaults)); diff != "" {
			t.Errorf("after %s (-usual defaults +hostile):\n%s", statement, diff)
		}
	}
}

// genericPlan returns how the database carries out one of the engine's statements in a batch, after
// other statements, whatever its arguments are: so it does once the statement was prepared and
// executed a few times.
func (s *shop) genericPlan(statement string, arguments pgx.StrictNamedArgs, before ...string) string {
	s.Helper()
	tx, err := s.db.Begin(s.Context())
	testworld.Must(s, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(s.Context())) }()
	_, err = tx.Exec(s.Context(), hostileDefaults)
	testworld.Must(s, err)
	for _, name := range append([]string{"begin"}, before...) {
		_, err = tx.Exec(s.Context(), s.engine.Statement(name))
		testworld.Must(s, err)
	}
	sql := s.engine.Statement(statement)
	if arguments != nil {
		sql, _, err = arguments.RewriteQuery(s.Context(), tx.Conn(), sql, nil)
		testworld.Must(s, err)
	}
	_, err = tx.Exec(s.Context(), "PREPARE explained AS "+sql)
	testworld.Must(s, err)
	var nulls string
	testworld.Must(s, tx.QueryRow(s.Context(), `SELECT array_to_string(array_fill('NULL'::text, ARRAY[cardinality(parameter_types)]), ', ')
		FROM pg_prepared_statements WHERE name = 'explained'`).Scan(&nulls))
	_, err = tx.Exec(s.Context(), "SET LOCAL plan_cache_mode = force_generic_plan")
	testworld.Must(s, err)
	rows, err := tx.Query(s.Context(), fmt.Sprintf("EXPLAIN (COSTS OFF) EXECUTE explained (%s)", nulls))
	testworld.Must(s, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	testworld.Must(s, err)
	_, err = tx.Exec(s.Context(), "DEALLOCATE explained")
	testworld.Must(s, err)
	return strings.Join(lines, "\n")
}

// Most users have one row of a kind, and some have thousands. An erasure, and the deletion of old
// touches, must not read all rows of a user or a visitor for each row that they change.
func TestErasureFindsEachRowByItsWholeKey(t *testing.T) {
	s := newShop(t)
	s.behind(`INSERT INTO referral.signup (user_id, visitor_id, fingerprints) SELECT 'u' || n, 'u' || n, ARRAY['card of ' || n] FROM generate_series(1, 10000) AS n`)
	for _, users := range []string{
		"SELECT 'u' || n AS user_id, n FROM generate_series(1, 10000) AS n", "SELECT 'ben' AS user_id, n FROM generate_series(1, 4000) AS n",
	} {
		s.write(`INSERT INTO referral.action (user_id, visitor_id, action_id, action) SELECT u.user_id, u.user_id AS visitor_id, n::text, 'view' FROM (` + users + `) AS u`)
		s.behind(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT user_id, n::text, 1000, 'USD' FROM (` + users + `) AS u`)
		s.behind(`INSERT INTO referral.touch (visitor_id, touch_id, code, touched_at) SELECT user_id, n::text, 'a', now() - n * interval '1 second' FROM (` + users + `) AS u`)
	}
	check := func(t *testing.T) {
		t.Helper()
		for _, c := range []struct {
			statement, want string
			times           int
			arguments       pgx.StrictNamedArgs
			before          []string
		}{
			{"erase_actions", `on action a\n *TID Cond: \(ctid = portion\.ctid\)`, 1, nil, nil},
			{"erase_purchases", `using purchase_pkey on purchase p\n *Index Cond: .*\bpurchase_id = given\.purchase_id`, 1,
				pgx.StrictNamedArgs{"user_id": "", "purchase_ids": nil, "hashes": nil, "conditions_held": nil, "limit": 0}, nil},
			{"erase_purchases", `on purchase p_1\n *TID Cond: \(ctid = portion\.ctid\)`, 1,
				pgx.StrictNamedArgs{"user_id": "", "purchase_ids": nil, "hashes": nil, "conditions_held": nil, "limit": 0}, nil},
			{"erase_touches", `on touch t_3\n *TID Cond: \(ctid = p_1\.ctid\)`, 1, nil, nil},
			{"erase_share", `Bitmap Index Scan on signup_fingerprint`, 1, nil, []string{"use_bitmaps"}},
			{"expire_touches", `using touch_pkey on touch\n *Index Cond: \(ROW\(`, 1, pgx.StrictNamedArgs{"limit": 0}, nil},
			{"expire_touches", `on touch t(?:_\d)?\n *TID Cond: \(ctid = (?:seen|old)\.ctid\)`, 2, pgx.StrictNamedArgs{"limit": 0}, nil},
		} {
			plan := s.genericPlan(c.statement, c.arguments, c.before...)
			if found := len(regexp.MustCompile(c.want).FindAllString(plan, -1)); found < c.times {
				t.Errorf("%s: found %d times, want %d times, %s:\n%s", c.statement, found, c.times, c.want, plan)
			}
		}
	}
	t.Run("not analyzed", check)
	s.asOwner("VACUUM referral.touch, referral.signup, referral.action, referral.purchase")
	t.Run("vacuumed", check)
	s.asOwner("ANALYZE referral.touch, referral.signup, referral.action, referral.purchase")
	t.Run("analyzed", check)
}

// Only the statement that searches fingerprints reads an index by a bitmap.
func TestErasureSearchesFingerprintsByBitmap(t *testing.T) {
	s := newShop(t)
	s.asOwner("CREATE TABLE public.settings (statement text, bitmapscan text, indexscan text)")
	const remember = "INSERT INTO public.settings SELECT '%s', current_setting('enable_bitmapscan'), current_setting('enable_indexscan') WHERE %s IS NOT NULL RETURNING 0::bigint"
	s.engine.Replace("erase_share", fmt.Sprintf(remember, "erase_share", "coalesce($1::text, $2::int::text)"))
	s.engine.Replace("erase_signup", fmt.Sprintf(remember, "erase_signup", "coalesce($1::text, $2::bigint::text)"))
	s.write("INSERT INTO referral.signup (user_id, fingerprints) VALUES ('ben', '{card}'); SELECT referral.erase_user('ben')")
	testworld.Must(t, s.engine.Attempts(t.Context(), 3))
	s.expect("settings", "SELECT DISTINCT * FROM public.settings ORDER BY 1", "erase_share on off", "erase_signup off on")
}
