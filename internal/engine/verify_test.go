package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
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
		"ledger sum of a held pair":                  "UPDATE referral.pair SET state = 'Held' WHERE user_id = 'bob'",
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

func TestVerificationCountsNothingWhileAChangeOfAnyKindIsPending(t *testing.T) {
	for kind, names := range engine.ChangeKinds() {
		t.Run(kind, func(t *testing.T) {
			s := newCrowd(t)
			s.behind("UPDATE referral.pair SET reason = 'Overridden' WHERE user_id = 'carol'", pendingOfCarol(kind, names))
			result, err := engine.NewVerification(s.db, 1000, 5).Run(t.Context(), func(int64, int64) {})
			testworld.Must(t, err)
			if result.Violations != 0 {
				t.Errorf("found %v", result.Examples)
			}
		})
	}
}

func TestVerificationWalksEveryRange(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.friends(1, 30)
	s.behind("UPDATE referral.ledger SET amount = 700 WHERE user_id IN ('u001', 'u017', 'u030')")
	var last int64
	result, err := engine.NewVerification(s.db, 4, 5).Run(s.Context(), func(verified, total int64) {
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
			for i := range 15 {
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
		result, err := engine.NewVerification(s.db, 10, 5).Run(s.Context(), func(int64, int64) {})
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

// neverAgree has each rule checked in each range.
const neverAgree = "SELECT count(*), false FROM referral.attribution WHERE user_id >= @from AND user_id <= @last"

// A range whose rows agree is not checked rule by rule.
func TestRowsAgreeOnlyWhereEachRuleHolds(t *testing.T) {
	const (
		entry = `INSERT INTO referral.ledger (user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason, checksum)
			SELECT %[1]s, kind, reason, referral.checksum_of_entry(%[1]s, kind, reason) FROM referral.ledger WHERE user_id = 'u001'`
		credit = `INSERT INTO referral.credit (user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount, checksum)
			SELECT %[1]s, referral.checksum_of_credit(%[1]s) FROM referral.credit WHERE user_id = 'u001'`
		pairFits = `; UPDATE referral.pair SET checksum = referral.checksum_of_pair(user_id, purchase_id, campaign, referrer_id, revision, admission_order, ordinal,
			qualified_at, matures_at, counted_at, allowed, state, reason, credits)`
		creditFits = `; UPDATE referral.credit SET checksum = referral.checksum_of_credit(user_id, purchase_id, reward, campaign, beneficiary_id, currency, amount)`
		ownerFits  = `; UPDATE referral.attribution SET checksum = referral.checksum_of_attribution(user_id, campaign, code, referrer_id, label, touched_at, source,
			visitor_id, touch_id)`
	)
	for name, damage := range map[string]string{
		"second grant":                      fmt.Sprintf(entry, "user_id, purchase_id, reward, 2, campaign, revision, beneficiary_id, amount, currency"),
		"entry of another beneficiary":      fmt.Sprintf(entry, "user_id, purchase_id, 'other', 1, campaign, revision, 'mallory', amount, currency"),
		"entry in another currency":         fmt.Sprintf(entry, "user_id, purchase_id, 'other', 1, campaign, revision, beneficiary_id, amount, 'EUR'"),
		"entries exchanged between pairs":   fmt.Sprintf(entry, "user_id, purchase_id, reward, 2, campaign, revision, beneficiary_id, -amount, currency") + "; " + strings.Replace(fmt.Sprintf(entry, "'u002', 'p', reward, 2, campaign, revision, beneficiary_id, amount, currency"), "WHERE user_id", "WHERE seq = 1 AND user_id", 1),
		"entry gone":                        "DELETE FROM referral.ledger WHERE user_id = 'u001'",
		"gap between entries":               "UPDATE referral.ledger SET seq = 3 WHERE user_id = 'u001'; UPDATE referral.ledger SET checksum = referral.checksum_of_entry(user_id, purchase_id, reward, seq, campaign, revision, beneficiary_id, amount, currency, kind, reason)",
		"credit gone":                       "DELETE FROM referral.credit WHERE user_id = 'u001'",
		"credit of no pair":                 fmt.Sprintf(credit, "user_id, 'other', reward, campaign, beneficiary_id, currency, amount"),
		"second credit":                     fmt.Sprintf(credit, "user_id, purchase_id, 'other', campaign, beneficiary_id, currency, amount"),
		"credit of a stranger":              "UPDATE referral.credit SET beneficiary_id = 'mallory' WHERE user_id = 'u001'" + creditFits,
		"another amount":                    "UPDATE referral.credit SET amount = 700 WHERE user_id = 'u001'" + creditFits,
		"amounts exchanged":                 "UPDATE referral.credit SET amount = amount + CASE user_id WHEN 'u001' THEN 1 ELSE -1 END WHERE user_id IN ('u001', 'u002')" + creditFits,
		"amount beyond bounds":              "UPDATE referral.credit SET amount = 9000000000000000000 WHERE user_id = 'u001'" + creditFits,
		"reversed pair with a credit":       "UPDATE referral.pair SET state = 'Reversed' WHERE user_id = 'u001'" + pairFits,
		"held pair that is overdue":         "UPDATE referral.pair SET state = 'Held', matures_at = now() - interval '40 days' WHERE user_id = 'u001'" + pairFits,
		"held pair postponed for no reason": "UPDATE referral.pair SET state = 'Held', postponed = true, matures_at = now() WHERE user_id = 'u001'" + pairFits,
		"pair that waits nowhere":           "UPDATE referral.pair SET state = 'Waiting' WHERE user_id = 'u001'" + pairFits,
		"pair with too few credits":         "UPDATE referral.pair SET credits = 2 WHERE user_id = 'u001'" + pairFits,
		"pair of another referrer":          "UPDATE referral.pair SET referrer_id = 'mallory' WHERE user_id = 'u001'" + pairFits,
		"pair of another campaign":          "UPDATE referral.pair SET campaign = 'other' WHERE user_id = 'u001'" + pairFits,
		"attribution gone":                  "DELETE FROM referral.attribution WHERE user_id = 'u001'",
		"attribution of another referrer":   "UPDATE referral.attribution SET referrer_id = 'mallory' WHERE user_id = 'u001'" + ownerFits,
		"attribution altered":               "UPDATE referral.attribution SET label = 'tampered' WHERE user_id = 'u001'",
		"pair altered":                      "UPDATE referral.pair SET reason = 'Overridden' WHERE user_id = 'u001'",
		"credit altered":                    "UPDATE referral.credit SET checksum = 7 WHERE user_id = 'u001'",
		"entry altered":                     "UPDATE referral.ledger SET reason = 'Overridden' WHERE user_id = 'u001'",
		"second first purchase": `INSERT INTO referral.pair SELECT (jsonb_populate_record(p, '{"purchase_id": "p2"}')).* FROM referral.pair AS p WHERE user_id = 'u001';
			UPDATE referral.attribution SET pairs = 2 WHERE user_id = 'u001';` + fmt.Sprintf(credit, "user_id, 'p2', reward, campaign, beneficiary_id, currency, amount") + ";" +
			fmt.Sprintf(entry, "user_id, 'p2', reward, 1, campaign, revision, beneficiary_id, amount, currency") + pairFits,
		"waits for nothing": `INSERT INTO referral.waitlist (user_id, purchase_id, campaign, referrer_id, admission_order, growing, least_need, edit, checksum)
			SELECT user_id, purchase_id, campaign, referrer_id, admission_order, false, 500, 1, 0 FROM referral.pair WHERE user_id = 'u001';
			UPDATE referral.waitlist SET checksum = referral.checksum_of_waiting(user_id, purchase_id, campaign, referrer_id, admission_order, growing, least_need,
			                                                                    tier_starts, tier_needs, edit)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShopWith(t, "three friends", func(s *shop) {
				s.declare("invite", fiveDollars())
				s.friends(1, 3)
			})
			rules := func(each bool) (rules []string) {
				v := engine.NewVerification(s.db, 1000, 1000)
				if each {
					v.Replace("verify_agree", neverAgree)
				}
				result, err := v.Run(s.Context(), nil)
				testworld.Must(t, err)
				for _, e := range result.Examples {
					rules = append(rules, e.Rule+": "+e.Key)
				}
				return rules
			}
			if found := rules(true); len(found) > 0 {
				t.Fatalf("before the damage: %q", found)
			}
			s.behind(damage)
			want := rules(true)
			if !slices.ContainsFunc(want, func(rule string) bool { return strings.Contains(rule, ": u001") }) {
				t.Fatalf("the damage violates no rule: %q", want)
			}
			if diff := cmp.Diff(want, rules(false)); diff != "" {
				t.Errorf("(-every rule +rows that do not agree)\n%s", diff)
			}
		})
	}
}

// The first look clears ranges without violations: a ledger with refunds, held pairs, several
// rewards and several purchases of a referee included.
func TestRowsOfASoundLedgerAgree(t *testing.T) {
	for name, prepare := range map[string]func(*shop){
		"granted and refunded": func(s *shop) {
			s.declare("invite", fiveDollars())
			s.friends(1, 9)
			s.write("INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) SELECT user_id, purchase_id, 'r', amount FROM referral.purchase WHERE user_id < 'u005'")
		},
		"held and granted, two rewards, several purchases": func(s *shop) {
			s.declare("invite", twoSided())
			s.friends(1, 9)
			s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) SELECT user_id, 'later', 2500, 'USD', now() FROM referral.signup")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			prepare(s)
			s.converge()
			v := engine.NewVerification(s.db, 1000, 5)
			v.Replace("verify_referees", "SELECT 'the rows do not agree', '', '', '' WHERE @from < @last OR @users::text[] IS NULL")
			result, err := v.Run(s.Context(), nil)
			testworld.Must(t, err)
			if result.Violations > 0 || result.Referees != 9 {
				t.Errorf("%+v", result)
			}
			s.clean()
		})
	}
}

// twoSided pays referrer and referee for every purchase, after a hold.
func twoSided() reward.Terms {
	terms := fiveDollars()
	terms.Purchases, terms.HoldPeriod = reward.EveryPurchase, 24*time.Hour
	terms.Rewards = append(terms.Rewards, reward.Reward{Name: "friend", Beneficiary: reward.ToReferee, Fixed: &reward.Money{Amount: 300, Currency: "USD"}})
	return terms
}

func TestVerificationReadsARangeAgainAfterItLostTheConnection(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.friends(1, 30)
	s.behind("UPDATE referral.ledger SET amount = 700 WHERE user_id = 'u030'")
	lost := false
	result, err := engine.NewVerification(s.db, 4, 5).Run(s.Context(), func(verified, _ int64) {
		if lost || verified == 0 {
			return
		}
		lost = true
		s.asOwner("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user")
	})
	testworld.Must(t, err)
	if !lost || result.Referees != 30 || result.Violations == 0 {
		t.Errorf("connection lost: %v, %+v", lost, result)
	}
}

func TestRangeThatTakesTooLongIsReadInParts(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	s.friends(1, 30)
	s.asOwner(`CREATE FUNCTION referral.give_up(referees bigint) RETURNS boolean LANGUAGE plpgsql AS $$
		BEGIN IF referees > 3 THEN RAISE 'too slow' USING ERRCODE = 'query_canceled'; END IF; RETURN true; END $$`)
	v := engine.NewVerification(s.db, 16, 5)
	v.Replace("verify_agree", "SELECT count(*), referral.give_up(count(*)) FROM referral.attribution WHERE user_id >= @from AND user_id <= @last")
	result, err := v.Run(s.Context(), nil)
	testworld.Must(t, err)
	if result.Referees != 30 || result.Violations > 0 {
		t.Errorf("%+v", result)
	}

	v.Replace("verify_agree", "SELECT count(*), referral.give_up(count(*) + 3) FROM referral.attribution WHERE user_id >= @from AND user_id <= @last")
	if _, err := v.Run(s.Context(), nil); err == nil || !strings.Contains(err.Error(), "too slow") {
		t.Errorf("a referee that takes too long alone: %v", err)
	}
}
