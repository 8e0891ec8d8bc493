package database_test

import (
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

const normalCode = "SELECT referral.normal_code($1)"

func TestNormalCodeTrimsASCIIWhiteSpaceAndLowersCase(t *testing.T) {
	w := newWorld(t)
	for given, want := range map[string]string{
		"abc": "abc", "ABC": "abc", "\x20Ab C\x20": "ab c", "\t\n\v\f\rabc\r\n": "abc", "v": "v",
	} {
		if got := testworld.Value[string](t, w.writer, normalCode, given); got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
	}
	for _, blank := range []any{"", " ", " \t\n\v\f\r", nil} {
		if got := testworld.Value[*string](t, w.writer, normalCode, blank); got != nil {
			t.Errorf("%q becomes %q, want none", blank, *got)
		}
	}
	// Other letters are the database's to lower, and no other white space is trimmed.
	for _, given := range []string{"\u00a0ABC\u00a0", "İSTANBUL", "STRAẞE", "ΟΔΟΣ", "\u2003x"} {
		if !testworld.Value[bool](t, w.writer, "SELECT referral.normal_code($1) = lower($1)", given) {
			t.Errorf("%q is not lowered as the database does", given)
		}
	}
}

func TestNormalCodeFollowsTheLocaleOfTheDatabase(t *testing.T) {
	server := testworld.NewPostgres(t, testworld.PostgresOptions{Locale: "tr-TR"})
	own, err := server.CreateDatabase(t.Context())
	testworld.Must(t, err)
	db := open(t, own.URI, postgres.DefaultSchema)
	testworld.Must(t, database.Migrate(t.Context(), db))
	lowered := testworld.Value[string](t, db, "SELECT lower('SIMIT')")
	if server.Major >= 15 && lowered != "sımıt" {
		t.Fatalf("the server lowers SIMIT to %q: it is not Turkish", lowered)
	}
	if got := testworld.Value[string](t, db, normalCode, " SIMIT "); got != lowered {
		t.Errorf("got %q, want %q", got, lowered)
	}
	testworld.Exec(t, db, insertLink, lowered, "c", "r")
	if _, err := db.Exec(t.Context(), insertLink, "SIMIT", "c", "r"); testworld.SQLState(err) != checkViolation {
		t.Errorf("a link with an upper-case code: %v", err)
	}
}

// The planner inlines the function, so a condition that calls it uses the indexes.
func TestCodesAreFoundByIndex(t *testing.T) {
	w := newWorld(t)
	for index, query := range map[string]string{
		"touch_code":  "SELECT visitor_id FROM referral.touch WHERE referral.normal_code(code) = 'abc' ORDER BY visitor_id",
		"signup_code": "SELECT user_id FROM referral.signup WHERE referral.normal_code(code) = 'abc' ORDER BY user_id",
		"link_pkey": `SELECT l.campaign FROM referral.signup AS s JOIN referral.link AS l ON l.code = referral.normal_code(s.code)
		              WHERE s.user_id = 'u'`,
	} {
		tx := w.beginBatch(t)
		testworld.Exec(t, tx, "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
		plan := testworld.Column[string](t, tx, "EXPLAIN "+query)
		if text := strings.Join(plan, "\n"); !strings.Contains(text, index) {
			t.Errorf("%s is not used:\n%s", index, text)
		}
	}
}
