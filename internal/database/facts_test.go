package database_test

import (
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// SQLSTATEs that a writer meets.
const (
	checkViolation    = "23514"
	notNullViolation  = "23502"
	uniqueViolation   = "23505"
	integrityViolated = "23000"
	denied            = "42501"
)

const (
	insertLink       = "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ($1, $2, $3)"
	insertTouch      = "INSERT INTO referral.touch (visitor_id, touch_id, code) VALUES ($1, $2, $3)"
	insertSignup     = "INSERT INTO referral.signup (user_id, visitor_id, code) VALUES ($1, $2, $3)"
	insertPurchase   = "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, $2, $3, $4)"
	insertRefund     = "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ($1, $2, $3, $4)"
	insertOverride   = "INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ($1, $2, $3)"
	insertRedemption = "INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency) VALUES ($1, $2, $3, $4)"
	insertAdjustment = "INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency) VALUES ($1, $2, $3, $4)"
)

func TestInvalidFactsAreRefused(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("é", 256)
	for name, test := range map[string]struct {
		sql       string
		arguments []any
	}{
		"link: empty code":                  {insertLink, []any{"", "c", "r"}},
		"link: code too long":               {insertLink, []any{long, "c", "r"}},
		"link: upper-case code":             {insertLink, []any{"ABC", "c", "r"}},
		"link: blanks around a code":        {insertLink, []any{" a", "c", "r"}},
		"link: a tab after a code":          {insertLink, []any{"a\t", "c", "r"}},
		"link: blank code":                  {insertLink, []any{"  ", "c", "r"}},
		"link: empty campaign":              {insertLink, []any{"a", "", "r"}},
		"link: empty referrer":              {insertLink, []any{"a", "c", ""}},
		"link: referrer too long":           {insertLink, []any{"a", "c", long}},
		"touch: empty visitor":              {insertTouch, []any{"", "t", "c"}},
		"touch: empty id":                   {insertTouch, []any{"v", "", "c"}},
		"touch: empty code":                 {insertTouch, []any{"v", "t", ""}},
		"touch: code too long":              {insertTouch, []any{"v", "t", long}},
		"signup: empty user":                {insertSignup, []any{"", "v", "c"}},
		"signup: user too long":             {insertSignup, []any{long, "v", "c"}},
		"signup: empty visitor":             {insertSignup, []any{"u", "", "c"}},
		"signup: code too long":             {insertSignup, []any{"u", "v", long}},
		"signup: attributes are no object":  {"INSERT INTO referral.signup (user_id, attributes) VALUES ('u', '[]')", nil},
		"signup: at infinity":               {"INSERT INTO referral.signup (user_id, signed_up_at) VALUES ('u', 'infinity')", nil},
		"purchase: empty user":              {insertPurchase, []any{"", "p", 1, "USD"}},
		"purchase: empty id":                {insertPurchase, []any{"u", "", 1, "USD"}},
		"purchase: id too long":             {insertPurchase, []any{"u", long, 1, "USD"}},
		"purchase: amount below 0":          {insertPurchase, []any{"u", "p", -1, "USD"}},
		"purchase: lower-case currency":     {insertPurchase, []any{"u", "p", 1, "usd"}},
		"purchase: two letters of currency": {insertPurchase, []any{"u", "p", 1, "US"}},
		"purchase: a currency and a line":   {insertPurchase, []any{"u", "p", 1, "USD\n"}},
		"refund: amount 0":                  {insertRefund, []any{"u", "p", "r", 0}},
		"refund: amount below 0":            {insertRefund, []any{"u", "p", "r", -1}},
		"refund: empty id":                  {insertRefund, []any{"u", "p", "", 1}},
		"override: unknown verdict":         {insertOverride, []any{"u", "p", "Perhaps"}},
		"override: empty purchase":          {insertOverride, []any{"u", "", "Deny"}},
		"adjustment: amount 0":              {insertAdjustment, []any{"b", "a", 0, "USD"}},
		"adjustment: lower-case currency":   {insertAdjustment, []any{"b", "a", 1, "usd"}},
		"adjustment: empty id":              {insertAdjustment, []any{"b", "", 1, "USD"}},
		"adjustment: empty beneficiary":     {insertAdjustment, []any{"", "a", 1, "USD"}},
		"redemption: amount 0":              {insertRedemption, []any{"b", "r", 0, "USD"}},
		"redemption: amount below 0":        {insertRedemption, []any{"b", "r", -1, "USD"}},
		"redemption: more than there is":    {insertRedemption, []any{"b", "r", 1, "USD"}},
		"action: of what":                   {"INSERT INTO referral.action (user_id, action) VALUES ('u', '')", nil},
		"action: upper-case code":           {"INSERT INTO referral.action (user_id, action, code) VALUES ('u', 'view', 'A')", nil},
		"action: blanks around a code":      {"INSERT INTO referral.action (user_id, action, code) VALUES ('u', 'view', ' a')", nil},
		"action: blank code":                {"INSERT INTO referral.action (user_id, action, code) VALUES ('u', 'view', ' ')", nil},
		"erasure: of an empty user":         {"SELECT referral.erase_user('')", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := w.writer.Exec(t.Context(), test.sql, test.arguments...); testworld.SQLState(err) != checkViolation {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, err := w.writer.Exec(t.Context(), insertPurchase, "u", "p", nil, "USD"); testworld.SQLState(err) != notNullViolation {
		t.Errorf("a purchase without amount: %v", err)
	}
}

func TestFactsWithoutTheirCounterpartsAreAccepted(t *testing.T) {
	w := newWorld(t)
	id := strings.Repeat("é", 255) // characters, not bytes
	testworld.Exec(t, w.writer, insertRefund, id, id, id, int64(1)<<62)
	testworld.Exec(t, w.writer, insertPurchase, id, "without a signup", int64(1<<63-1), "XTS")
	testworld.Exec(t, w.writer, insertPurchase, id, "free of charge", 0, "USD")
	testworld.Exec(t, w.writer, insertSignup, id, id, "NoSuchCode")
	testworld.Exec(t, w.writer, insertSignup, "alone", nil, nil)
	testworld.Exec(t, w.writer, insertTouch, id, id, "NoSuchCode")
	testworld.Exec(t, w.writer, insertLink, id, "no-such-campaign", id)
	testworld.Exec(t, w.writer, insertOverride, id, id, "Allow")
	testworld.Exec(t, w.writer, insertAdjustment, id, id, int64(-1<<63), "XTS")
	testworld.Exec(t, w.writer, "INSERT INTO referral.touch (visitor_id, code) VALUES ('v', 'c'), ('v', 'c')")
}

func TestARetriedWriteIsHarmless(t *testing.T) {
	w := newWorld(t)
	for name, sql := range map[string]string{
		"link":       insertLink,
		"touch":      insertTouch,
		"signup":     insertSignup,
		"purchase":   insertPurchase,
		"refund":     insertRefund,
		"override":   insertOverride,
		"adjustment": insertAdjustment,
	} {
		arguments := map[string][]any{
			"link": {"c", "campaign", "r"}, "touch": {"v", "t", "c"}, "signup": {"u", "v", "c"},
			"purchase": {"u", "p", 1, "USD"}, "refund": {"u", "p", "r", 1}, "override": {"u", "p", "Deny"}, "adjustment": {"b", "a", 5, "USD"},
		}[name]
		update := map[string]string{
			"link": "(code) DO UPDATE SET referrer_id = excluded.referrer_id", "touch": "(visitor_id, touch_id) DO UPDATE SET code = excluded.code",
			"signup":   "(user_id) DO UPDATE SET code = excluded.code, visitor_id = excluded.visitor_id",
			"purchase": "(user_id, purchase_id) DO UPDATE SET amount = excluded.amount, currency = excluded.currency",
			"refund":   "(user_id, purchase_id, refund_id) DO UPDATE SET amount = excluded.amount",
			"override": "(user_id, purchase_id) DO UPDATE SET verdict = excluded.verdict",
		}[name]
		t.Run(name, func(t *testing.T) {
			testworld.Exec(t, w.writer, sql, arguments...)
			testworld.Exec(t, w.writer, sql+" ON CONFLICT DO NOTHING", arguments...)
			if update != "" {
				testworld.Exec(t, w.writer, sql+" ON CONFLICT "+update, arguments...)
			}
			if _, err := w.writer.Exec(t.Context(), sql, arguments...); testworld.SQLState(err) != uniqueViolation {
				t.Errorf("got %v", err)
			}
			if n := testworld.Value[int](t, w, "SELECT count(*)::int FROM referral."+name); n != 1 {
				t.Errorf("%d rows", n)
			}
		})
	}
	if available := testworld.Value[int](t, w.writer, "SELECT available::int FROM referral.balance WHERE beneficiary_id = 'b'"); available != 5 {
		t.Errorf("adjusted by %d", available)
	}
}

func TestOnlyTheDatabaseSetsArrivedAt(t *testing.T) {
	w := newWorld(t)
	for _, sql := range []string{
		"INSERT INTO referral.signup (user_id, arrived_at) VALUES ('u', '2000-01-01')",
		"INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, arrived_at) VALUES ('u', 'p', 1, 'USD', '2000-01-01')",
		"UPDATE referral.signup SET arrived_at = '2000-01-01'",
		"UPDATE referral.purchase SET arrived_at = '2000-01-01'",
	} {
		if _, err := w.writer.Exec(t.Context(), sql); testworld.SQLState(err) != denied {
			t.Errorf("%s: %v", sql, err)
		}
	}
	testworld.Exec(t, w.writer, insertSignup, "u", "v", "c")
	testworld.Exec(t, w.writer, insertPurchase, "u", "p", 1, "USD")
	testworld.Exec(t, w.writer, "UPDATE referral.signup SET code = 'd'")
	testworld.Exec(t, w.writer, "UPDATE referral.purchase SET amount = 2")
	testworld.Exec(t, w, "UPDATE referral.signup SET arrived_at = '2000-01-01'") // as the owner
	testworld.Exec(t, w, "UPDATE referral.purchase SET arrived_at = '2000-01-01'")
	for _, arrived := range testworld.Column[time.Time](t, w, "SELECT arrived_at FROM referral.signup UNION ALL SELECT arrived_at FROM referral.purchase") {
		if arrived.Year() == 2000 {
			t.Error("arrived_at was set")
		}
	}
}

func TestWritersAndReadersKeepToTheirTables(t *testing.T) {
	w := newWorld(t)
	facts := []string{"link", "touch", "signup", "purchase", "refund", "override", "adjustment", "action", "redemption", "erasure"}
	results := []string{"attribution", "pair", "credit", "ledger", "balance", "set_aside", "erasure_progress", "shared_fingerprint", "campaign", "revision", "rollout", "meta", "owner", "waitlist", "referrer", "credit_count", "link_count", "link_count_change"}
	for _, table := range append(facts, results...) {
		testworld.Column[string](t, w.writer, "SELECT x::text FROM referral."+table+" AS x")
		testworld.Column[string](t, w.reader, "SELECT x::text FROM referral."+table+" AS x")
	}
	others := testworld.Column[string](t, w, `
		SELECT relname::text FROM pg_class WHERE relnamespace = 'referral'::regnamespace AND relkind IN ('r', 'v', 'S') AND relname <> ALL ($1)`,
		append(facts, results...))
	if len(others) < 10 {
		t.Fatalf("only %v beside facts and results", others)
	}
	for _, role := range []string{testworld.WriterRole, testworld.ReaderRole} {
		for _, privilege := range []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"} {
			if left := testworld.Column[string](t, w, `
				SELECT relname::text FROM pg_class WHERE relnamespace = 'referral'::regnamespace AND relkind IN ('r', 'v') AND relname = ANY ($1)
				   AND CASE $3 WHEN 'DELETE' THEN has_table_privilege($2, oid, $3) WHEN 'TRUNCATE' THEN has_table_privilege($2, oid, $3)
				       ELSE has_any_column_privilege($2, oid, $3) END`, others, role, privilege); len(left) > 0 {
				t.Errorf("%s may %s %v", role, privilege, left)
			}
		}
		for _, table := range results {
			if testworld.Value[bool](t, w, "SELECT has_any_column_privilege($1, 'referral.' || $2, 'INSERT, UPDATE') OR has_table_privilege($1, 'referral.' || $2, 'DELETE, TRUNCATE')", role, table) {
				t.Errorf("%s may write %s", role, table)
			}
		}
	}
	for _, sql := range []string{
		"DELETE FROM referral.adjustment", "UPDATE referral.adjustment SET amount = 1", "TRUNCATE referral.purchase", "CREATE TABLE referral.mine ()",
		"DELETE FROM referral.redemption", "UPDATE referral.redemption SET amount = 1", "DELETE FROM referral.action", "DELETE FROM referral.erasure",
		"UPDATE referral.signup SET blanked = true", "UPDATE referral.purchase SET condition_held = true", "UPDATE referral.touch SET blanked = true",
		"INSERT INTO referral.signup (user_id, blanked) VALUES ('u', true)", "INSERT INTO referral.touch (visitor_id, code, blanked) VALUES ('v', '', true)",
	} {
		if _, err := w.writer.Exec(t.Context(), sql); testworld.SQLState(err) != denied {
			t.Errorf("a writer may %s: %v", sql, err)
		}
	}
	if _, err := w.reader.Exec(t.Context(), "INSERT INTO referral.signup (user_id) VALUES ('u')"); testworld.SQLState(err) != denied {
		t.Errorf("a reader may write: %v", err)
	}
}

// A role that may execute a trigger function with its owner's rights could feed it rows of a table
// of its own, and give itself credit.
func TestWritersCannotExecuteTriggerFunctions(t *testing.T) {
	w := newWorld(t)
	functions := testworld.Column[string](t, w, "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'referral'::regnamespace AND prorettype = 'trigger'::regtype")
	if len(functions) < 5 {
		t.Fatalf("only %v", functions)
	}
	for _, function := range functions {
		_, err := w.reader.Exec(t.Context(), `
			CREATE TEMPORARY TABLE mine (beneficiary_id text, currency text, amount bigint);
			CREATE TRIGGER mine AFTER INSERT ON mine REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION `+function)
		if testworld.SQLState(err) != denied {
			t.Errorf("%s: %v", function, err)
		}
	}
}

func TestAppendOnlyTablesRefuseEvenTheirOwner(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w, `INSERT INTO referral.ledger (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason)
		VALUES ('u', 'p', 'inviter', 1, 'c', 1, 'r', 500, 'USD', 'Grant', 'Qualified')`)
	testworld.Exec(t, w.writer, insertAdjustment, "b", "a", 1, "USD")
	for table, assignment := range map[string]string{
		"ledger": "amount = 1000", "adjustment": "amount = 1000", "redemption": "amount = 1000", "erasure": "requested_at = now()",
	} {
		for _, sql := range []string{
			"UPDATE referral." + table + " SET " + assignment,
			"UPDATE referral." + table + " SET " + assignment + " WHERE false",
			"DELETE FROM referral." + table,
			"TRUNCATE referral." + table,
		} {
			_, err := w.Exec(t.Context(), sql)
			if testworld.SQLState(err) != integrityViolated || !strings.Contains(err.Error(), "append-only") {
				t.Errorf("%s: %v", sql, err)
			}
		}
	}
	if _, err := w.Exec(t.Context(), `INSERT INTO referral.ledger (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason)
		VALUES ('u', 'p', 'inviter', 1, 'c', 1, 'r', 500, 'USD', 'Grant', 'Qualified')`); testworld.SQLState(err) != uniqueViolation {
		t.Errorf("a second grant with the number of the first: %v", err)
	}
}

func TestAdjustmentsChangeTheBalanceInTheirTransaction(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w.writer, `INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency)
		VALUES ('b', '1', 9223372036854775807, 'USD'), ('b', '2', 9223372036854775807, 'USD'), ('b', '3', -5, 'EUR'), ('c', '1', 1, 'USD')`)
	got := testworld.Column[string](t, w.writer, `SELECT beneficiary_id || ' ' || available || ' ' || currency FROM referral.balance ORDER BY 1`)
	if want := "b -5 EUR, b 18446744073709551614 USD, c 1 USD"; strings.Join(got, ", ") != want {
		t.Errorf("got %v", got)
	}
}
