package database_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestARedemptionSpendsAtMostWhatIsAvailable(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w.writer, insertAdjustment, "b", "a", 500, "USD")
	testworld.Exec(t, w.writer, insertRedemption, "b", "1", 300, "USD")
	for name, arguments := range map[string][]any{
		"more than is left":   {"b", "2", 201, "USD"},
		"another currency":    {"b", "3", 1, "EUR"},
		"another beneficiary": {"c", "4", 1, "USD"},
	} {
		if _, err := w.writer.Exec(t.Context(), insertRedemption, arguments...); testworld.SQLState(err) != checkViolation || postgres.Constraint(err) != "redemption_covered" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.writer.Exec(t.Context(), `INSERT INTO referral.redemption (beneficiary_id, redemption_id, amount, currency)
		VALUES ('b', '5', 150, 'USD'), ('b', '6', 51, 'USD')`); testworld.SQLState(err) != checkViolation {
		t.Errorf("two in one statement: %v", err)
	}
	testworld.Exec(t, w.writer, insertRedemption, "b", "7", 200, "USD")
	testworld.Exec(t, w.writer, insertRedemption+" ON CONFLICT DO NOTHING", "b", "7", 200, "USD")
	if left := testworld.Value[int](t, w.writer, "SELECT available::int FROM referral.balance WHERE beneficiary_id = 'b'"); left != 0 {
		t.Errorf("%d are left", left)
	}
	if wrong := testworld.Column[string](t, w, "SELECT wrong || ': ' || what FROM referral.violations()"); len(wrong) > 0 {
		t.Error(wrong)
	}
}

func TestConcurrentRedemptionsSpendNothingTwice(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w.writer, insertAdjustment, "b", "a", 10, "USD")
	const buyers = 8
	var spent [buyers]int
	var all sync.WaitGroup
	for buyer := range buyers {
		all.Go(func() {
			for n := range 5 {
				_, err := w.writer.Exec(t.Context(), insertRedemption, "b", fmt.Sprint(buyer, "-", n), 1, "USD")
				switch testworld.SQLState(err) {
				case "":
					spent[buyer]++
				case checkViolation:
				default:
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	sum := 0
	for _, n := range spent {
		sum += n
	}
	got := testworld.Column[string](t, w, "SELECT available::text FROM referral.balance UNION ALL SELECT sum(amount)::text FROM referral.redemption")
	if diff := cmp.Diff([]string{"0", "10"}, got); diff != "" || sum != 10 {
		t.Errorf("%d were spent, %s", sum, diff)
	}
}
