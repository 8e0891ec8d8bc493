package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// verify runs a verification and returns "rule: key" of its examples.
func (s *shop) verify() (found []string, violations int64) {
	s.Helper()
	result, err := engine.Verify(s.Context(), s.db, nil)
	testworld.Must(s, err)
	for _, e := range result.Examples {
		found = append(found, e.Rule+": "+e.Key)
	}
	return found, result.Violations
}

// clean checks that a verification finds nothing.
func (s *shop) clean() {
	s.Helper()
	if found, violations := s.verify(); violations > 0 {
		s.Errorf("%d violations, such as\n%s", violations, strings.Join(found, "\n"))
	}
}

// The audit story: an altered entry is named, a resync corrects the sum by appending, and the next
// verification finds nothing.
func TestVerificationNamesAnAlteredEntryUntilAResyncCorrectsIt(t *testing.T) {
	for name, damage := range map[string]string{
		"amount":                "UPDATE referral.ledger SET amount = 700 WHERE user_id = 'bob'",
		"currency":              "UPDATE referral.ledger SET currency = 'EUR' WHERE user_id = 'bob'",
		"deletion":              "DELETE FROM referral.ledger WHERE user_id = 'bob'",
		"a first entry deleted": "DELETE FROM referral.ledger WHERE user_id = 'carol' AND seq = 1",
		"forged entry": `INSERT INTO referral.ledger (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason, checksum)
			VALUES ('bob', 'p1', 'inviter', 2, 'invite', 1, 'mallory', 700, 'USD', 'Grant', 'Qualified', 7)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newCrowd(t)
			s.clean()
			s.behind(damage)
			found, _ := s.verify()
			if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, "bob/") || strings.Contains(f, "carol/") }) {
				t.Errorf("no example names the entry: %q", found)
			}
			s.resync()
			s.clean()
		})
	}
}

func TestVerificationNamesAnEntryThatNoSumShows(t *testing.T) {
	s := newCrowd(t)
	s.behind("UPDATE referral.ledger SET reason = 'Overridden' WHERE user_id = 'bob'")
	found, violations := s.verify()
	want := []string{"ledger entry was altered, or the engine did not write it: " + s.rows("SELECT user_id || '/' || purchase_id || '/' || reward || '/' || seq FROM referral.ledger WHERE user_id = 'bob'")[0]}
	if diff := cmp.Diff(want, found); diff != "" || violations != 1 {
		t.Errorf("%d violations (-want +got):\n%s", violations, diff)
	}
}

func TestVerificationFindsRowsThatDifferFromTheirChecksums(t *testing.T) {
	for rule, damage := range map[string]string{
		"attribution was altered":                    "UPDATE referral.attribution SET label = 'tampered' WHERE user_id = 'bob'",
		"pair was altered":                           "UPDATE referral.pair SET reason = 'Overridden' WHERE user_id = 'bob'",
		"credit was altered":                         "UPDATE referral.credit SET checksum = 7 WHERE user_id = 'bob'",
		"append-only table without its guard":        "ALTER TABLE referral.redemption DISABLE TRIGGER USER",
		"writers' row of an account is off its sums": "INSERT INTO referral.writer_account VALUES ('bob', 'USD', 7, 0)",
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			s := newCrowd(t)
			s.behind(damage)
			found, _ := s.verify()
			if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, rule+": ") }) {
				t.Errorf("it says %q", found)
			}
		})
	}
}

// A pending change of the referee may be what puts the row right.
func TestVerificationCountsNothingOfARefereeWithAPendingChange(t *testing.T) {
	s := newCrowd(t)
	s.behind("UPDATE referral.pair SET reason = 'Overridden' WHERE user_id = 'bob'")
	s.write("UPDATE referral.signup SET attributes = '{}' WHERE user_id = 'bob'")
	s.clean()
}

func TestVerificationWalksEveryRange(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.friends(1, 30)
	s.behind("UPDATE referral.ledger SET amount = 700 WHERE user_id IN ('u001', 'u017', 'u030')")
	var last int64
	result, err := engine.VerifyInRangesOf(s.Context(), s.db, 4, 5, func(verified, total int64) {
		if verified < last || total < verified {
			t.Errorf("progress went from %d to %d of %d", last, verified, total)
		}
		last = verified
	})
	testworld.Must(t, err)
	rules := map[string]bool{}
	for _, e := range result.Examples {
		rules[e.Rule] = true
	}
	if last != 30 || result.Referees != 30 || len(result.Examples) != 5 || len(rules) < 3 {
		t.Errorf("%d of %d referees, %s", last, result.Referees, fmt.Sprint(result.Examples))
	}
}

// Whatever batches commit meanwhile, a verification finds nothing wrong.
func TestVerificationRaisesNoFalseAlarmBesideBatches(t *testing.T) {
	s := newShop(t)
	terms := fiveDollars()
	terms.HoldPeriod = time.Hour
	s.declare("invite", fiveDollars(), budget(20_000))
	s.declare("slow", terms)
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			for i := range 40 {
				sql := fmt.Sprintf(`INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('c%[1]d', '%[2]s', 'r%[1]d') ON CONFLICT DO NOTHING;
					INSERT INTO referral.signup (user_id, code) SELECT 'v%[1]d-' || n, 'c%[1]d' FROM generate_series(1, 20) AS n;
					INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'v%[1]d-' || n, 'p', 2500, 'USD' FROM generate_series(1, 20) AS n;
					INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) SELECT 'v%[3]d-' || n, 'p', 'r', 2500 FROM generate_series(1, 9) AS n ON CONFLICT DO NOTHING`,
					i, []string{"invite", "slow"}[i%2], max(0, i-2))
				if _, err := s.writer.Exec(s.Context(), sql); err != nil {
					return err
				}
				if err := s.engine.Converge(s.Context()); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	for {
		result, err := engine.VerifyInRangesOf(s.Context(), s.db, 10, 5, func(int64, int64) {})
		testworld.Must(t, err)
		if result.Violations > 0 {
			t.Errorf("false alarm: %v", result.Examples)
		}
		select {
		case err := <-done:
			testworld.Must(t, err)
			s.clean()
			return
		default:
		}
	}
}
