package database_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// A counter comes from a server that is not trusted, as do the number of currencies and their
// names.
func TestCreditsThatNoSchemaHoldsAreRefused(t *testing.T) {
	credits := func(granted string) string {
		return `[{"currency": "USD", "granted": ` + granted + `, "held": 0, "reversed": 0}]`
	}
	const (
		counter = "counter granted of the credits of campaign invite in USD "
		cure    = ": where its rows of credit_count have no whole number of at most 36 digits, set one, " +
			"rather too high than too low; leave the other rows; the next resync corrects the sum, and until then the budget counts it as it is"
	)
	for name, c := range map[string]struct{ credits, want string }{
		"a counter of megabytes": {credits(strings.Repeat("7", 4_100_000)),
			"the credits of campaign invite have more than 64 KiB: remove the rows of credit_count whose currency is not one of its rewards"},
		"a counter of 60,000 digits": {credits(strings.Repeat("7", 60_000)), counter + "has more than 40 digits" + cure},
		"41 digits":                  {credits("1" + strings.Repeat("0", 40)), counter + "has more than 40 digits" + cure},
		"null":                       {credits("null"), counter + "is NULL" + cure},
		"a counter that is missing":  {`[{"currency": "USD"}]`, counter + "is NULL" + cure},
		"a fraction":                 {credits("1.5"), counter + "is not a whole number" + cure},
		"an exponent":                {credits("1e999999999"), counter + "is not a whole number" + cure},
		"a currency for a terminal": {strings.Replace(credits("null"), "USD", `\u001b[31m`, 1),
			"the credits of campaign invite are in currency \"??31m\", which is not three capital letters: remove its rows of credit_count"},
		"a currency in small letters": {strings.Replace(credits("1"), "USD", "other", 1),
			"the credits of campaign invite are in currency \"other\", which is not three capital letters: remove its rows of credit_count"},
		"no currency": {`[{"granted": 1, "held": 0, "reversed": 0}]`,
			"the credits of campaign invite are in currency \"\", which is not three capital letters: remove its rows of credit_count"},
		"a currency twice": {strings.TrimSuffix(credits("1"), "]") + ", " + strings.TrimPrefix(credits("2"), "["),
			"the server lists the credits of campaign invite in USD twice"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := database.ReadCredits("invite", []byte(c.credits))
			if err == nil || err.Error() != c.want {
				t.Errorf("error %.300v, want %s", err, c.want)
			}
			if took := time.Since(began); took > time.Second {
				t.Errorf("took %s", took)
			}
		})
	}
	most := "-" + strings.Repeat("9", 40)
	if read, err := database.ReadCredits("invite", []byte(credits(most))); err != nil || fmt.Sprint(read) != "[{USD "+most+" 0 0}]" {
		t.Errorf("of 40 digits: %v, %v", read, err)
	}
}

// A report is kept for as long as its database is served.
func TestReportOfAllCampaignsIsBounded(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	refused := func(what, want string) {
		t.Helper()
		_, err := database.ReadStatus(t.Context(), w.DB)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", what, err, want)
		}
	}
	copies := `INSERT INTO referral.campaign SELECT (jsonb_populate_record(c, jsonb_build_object('name', 'copy-' || n))).*
		FROM referral.campaign AS c, generate_series($1::int, $2::int) AS n WHERE c.name = 'invite-friends'`
	testworld.Exec(t, w, copies, 1, 9_999)
	status, err := database.ReadStatus(t.Context(), w.DB)
	testworld.Must(t, err)
	if len(status.Campaigns) != 10_000 {
		t.Errorf("%d campaigns", len(status.Campaigns))
	}
	testworld.Exec(t, w, "UPDATE referral.campaign SET uid = repeat('x', 500) WHERE name LIKE 'copy-%'")
	refused("long uids", "the names, uids and other texts of all campaigns have more than 4 MiB: remove the rows of table campaign")
	testworld.Exec(t, w, "UPDATE referral.campaign SET uid = 'u'")
	testworld.Exec(t, w, copies, 10_000, 10_000)
	refused("one more campaign", "table campaign has more than 10000 rows: remove")
	testworld.Exec(t, w, "DELETE FROM referral.campaign WHERE name LIKE 'copy-%' AND name > 'copy-2'")
	testworld.Exec(t, w, `INSERT INTO referral.credit_count (campaign, shard, currency, granted)
		SELECT c.name, 0, 'A' || chr(65 + n / 26) || chr(65 + n % 26), 12345 FROM referral.campaign AS c, generate_series(0, 49) AS n`)
	refused("many currencies", "the credits of all campaigns have more than 2 MiB: remove the rows of credit_count")
}

func TestBudgetInACurrencyThatIsNoneIsRefused(t *testing.T) {
	w := newWorld(t)
	w.declare(invite())
	testworld.Exec(t, w, "UPDATE referral.campaign SET budget_amount = 1, budget_currency = 'other'")
	_, err := database.ReadStatus(t.Context(), w.DB)
	if want := `the budget of campaign invite-friends is in currency "other", which is not three capital letters`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
}
