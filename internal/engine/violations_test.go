package engine_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// violating causes one violation of each kind, and maybe others.
var violating = map[string][]string{
	"credit of a stranger":                             {"UPDATE referral.credit SET beneficiary_id = 'mallory' WHERE user_id = 'u001'"},
	"admitted pair without the credits it should have": {"DELETE FROM referral.credit WHERE user_id = 'u001'"},
	"pair without its attribution":                     {"DELETE FROM referral.attribution WHERE user_id = 'u001'"},
	"two first purchases": {`INSERT INTO referral.pair (user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal, qualified_at, matures_at, state, reason, credits)
			VALUES ('u001', 'second', 'invite', 'anna', 1, 999, 9, now(), now(), 'Granted', 'Qualified', 0)`},
	"hold that is overdue for a month": {"UPDATE referral.pair SET state = 'Held', matures_at = now() - interval '1 year' WHERE user_id = 'u001'"},
	"held pair that is postponed for no reason": {
		"UPDATE referral.pair SET state = 'Held', postponed = true WHERE user_id = 'u001'"},
	"budget exceeded":     {"UPDATE referral.credit_count SET granted = granted + 5000"},
	"waits and would fit": {"UPDATE referral.campaign SET budget_amount = 2000"},
	"waits and is not on the waitlist, or not in its place": {"UPDATE referral.waitlist SET admission_order = 77"},
	"is on the waitlist and does not wait":                  {"UPDATE referral.pair SET state = 'Reversed' WHERE user_id = 'u003'"},
	"is passed over for no reason":                          {"UPDATE referral.waitlist SET passed_over = true"},
	"what waits of a referrer is off":                       {"UPDATE referral.waitlist_referrer SET least_need = 1"},
	"ledger sum is neither 0 nor its credit":                {"UPDATE referral.ledger SET amount = 700 WHERE user_id = 'u001'"},
	"granted credit without its ledger sum":                 {"DELETE FROM referral.ledger WHERE user_id = 'u001'"},
	"credit of a pair that is neither held nor granted":     {"UPDATE referral.pair SET state = 'Reversed' WHERE user_id = 'u001'"},
	"engine's row of an account is off its sums":            {"UPDATE referral.engine_account SET earned = earned + 1"},
	"writers' row of an account is off its sums":            {"INSERT INTO referral.writer_account VALUES ('anna', 'USD', 7, 0)"},
	"pair counters are off":                                 {"UPDATE referral.pair_count SET granted = granted + 1"},
	"credit counters are off":                               {"UPDATE referral.credit_count SET held = held + 1"},
	"referrer counter is off":                               {"UPDATE referral.referrer SET pairs = pairs + 1"},
	"cap exceeded":                                          {"UPDATE referral.campaign SET highest_cap = 1"},
	"incident counts other pairs than are withheld":         {"INSERT INTO referral.withheld VALUES ('invite', 'u001', 'p', 'MassReversal', 'invite-1')"},
}

func TestViolationsAndVerificationFindEachKind(t *testing.T) {
	for wrong, damage := range violating {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			s := newShopWith(t, "two granted pairs and a waiting one", func(s *shop) {
				s.declare("invite", fiveDollars(), budget(1000))
				s.friends(1, 3)
			})
			s.behind(damage...)
			if found := s.rows("SELECT DISTINCT wrong FROM referral.violations()"); !slices.Contains(found, wrong) {
				t.Errorf("violations() says %s", strings.Join(found, "; "))
			}
			result, err := engine.NewVerification(s.db, 1000, 1000).Run(s.Context(), func(int64, int64) {})
			testworld.Must(t, err)
			verified := map[string][]string{}
			for _, v := range result.Examples {
				verified[v.Rule] = append(verified[v.Rule], v.Key)
			}
			for _, rule := range s.rows("SELECT DISTINCT wrong FROM referral.violations()") {
				keys := s.keysOf(rule)
				slices.Sort(verified[rule])
				if diff := cmp.Diff(keys, slices.Compact(verified[rule])); diff != "" {
					t.Errorf("%s (-violations() +verification):\n%s", rule, diff)
				}
			}
		})
	}
}

// keysOf lists the keys that violations() reports for a rule.
func (s *shop) keysOf(rule string) []string {
	s.Helper()
	keys := s.rows("SELECT DISTINCT what FROM referral.violations() WHERE wrong = $1", rule)
	slices.Sort(keys)
	return keys
}

func TestEveryKindOfViolationIsTested(t *testing.T) {
	s := newShop(t)
	definition := strings.Join(s.rows("SELECT pg_get_functiondef('referral.violations'::regproc)"), "\n")
	kinds := regexp.MustCompile(`(?m)^ *SELECT '((?:[^']|'')+)'::text(?: AS wrong)?,`).FindAllStringSubmatch(definition, -1)
	if len(kinds) < 20 {
		t.Fatalf("only %d kinds were found in\n%s", len(kinds), definition)
	}
	for _, kind := range kinds {
		if name := strings.ReplaceAll(kind[1], "''", "'"); violating[name] == nil {
			t.Errorf("no row of the table causes %q", name)
		}
	}
}

func TestViolationsReportsOverspendAfterTheCampaignIsDeclaredAgain(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars(), budget(1000))
	s.friends(1, 2)
	s.declare("invite", fiveDollars(), edited(2, budget(700)))
	s.converge() // which finds no violation: the budget was lowered
	s.behind("UPDATE referral.credit_count SET granted = granted + 500 WHERE granted > 0")
	s.declare("invite", fiveDollars(), edited(3, budget(700)), func(d *database.Declaration) { d.Destination = "https://elsewhere.test/" })
	if found := s.rows("SELECT what FROM referral.violations() WHERE wrong = 'budget exceeded'"); len(found) != 1 {
		t.Errorf("it says %v", found)
	}
}

// What was spent before the budget was lowered allows no overspend once it is taken back.
func TestViolationsReportsOverspendBelowWhatWasSpentBefore(t *testing.T) {
	lowered := edited(2, budget(700))
	for name, back := range map[string]func(s *shop){
		"reversed and declared again": func(s *shop) {
			s.askToReverse("invite")
			s.converge()
			s.askToReverse("invite") // which ends the reversal
			s.declare("invite", fiveDollars(), edited(3, budget(700)), func(d *database.Declaration) { d.UID = "another-uid" })
		},
		"refunded, closed and declared again": func(s *shop) {
			s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) SELECT user_id, purchase_id, 'r', amount FROM referral.purchase")
			s.converge()
			_, err := database.CloseCampaign(t.Context(), s.db, database.Campaign{OwnerUID: uid, Name: "invite", UID: "invite-uid"})
			testworld.Must(t, err)
			s.declare("invite", fiveDollars(), edited(3, budget(700)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars(), budget(1000))
			s.friends(1, 2)
			s.declare("invite", fiveDollars(), lowered)
			s.converge()
			back(s)
			s.converge()
			s.expect("more than the budget is spent", "SELECT sum(granted + held) > 700 FROM referral.credit_count", "false")
			s.behind("UPDATE referral.credit_count SET granted = CASE shard WHEN (SELECT min(shard) FROM referral.credit_count) THEN 900 ELSE 0 END")
			if found := s.rows("SELECT what FROM referral.violations() WHERE wrong = 'budget exceeded'"); len(found) != 1 {
				t.Errorf("it says %v", found)
			}
		})
	}
}

// Resuming a campaign reports no violation at any moment.
func TestResumingReportsNoViolation(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.HoldPeriod = 2 * time.Hour
	s.declare("invite", terms, budget(500))
	s.friends(1, 2)
	s.behind("UPDATE referral.pair SET state = 'Held', matures_at = now() - interval '1 hour' WHERE false")
	s.arrive(3, 3)
	s.declare("invite", terms, edited(2, budget(500)), inMode(reward.Suspended, 2))
	s.write("UPDATE referral.signup SET attributes = '{}'")
	s.converge()
	s.declare("invite", terms, edited(3, budget(1500)))
	s.consistent()
	s.converge()
}

// A step of a reversal frees budget, but admits no pair with it. A growing pair that would fit
// meanwhile is no violation.
func TestReversalReportsNoViolation(t *testing.T) {
	s := newShop(t)
	s.declare("invite", tenPerCent(), budget(400))
	s.joins("u001", "anna", 2000)
	s.joins("u003", "anna", 2000)
	s.converge()
	s.write("UPDATE referral.purchase SET amount = 4000 WHERE user_id = 'u003'")
	s.converge()
	s.expect("waits for more", "SELECT user_id, growing, least_need FROM referral.waitlist", "u003 true 200")
	s.askToReverse("invite")
	testworld.Must(t, s.engine.Attempts(t.Context(), 1)) // reads the configuration
	for range 2 {                                        // the attribution, then the pair
		_, err := s.engine.ReverseStep(t.Context(), 1)
		testworld.Must(t, err)
	}
	s.expect("halfway", "SELECT user_id, state FROM referral.pair ORDER BY 1", "u001 Reversed", "u003 Granted")
	s.consistent()
}
