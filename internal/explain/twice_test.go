package explain_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/explain"
)

// A tenant may alter the tables. The status of a review lists each purchase, and each reward of a
// purchase, once, and few rewards.
func TestListsThatAStatusCannotHoldAreAnError(t *testing.T) {
	const purchased = "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at) VALUES ('ben', 'p', 2000, 'USD', now() + interval '1 minute')"
	for name, test := range map[string]struct {
		altered []string // by the owner, once a purchase has been decided
		want    string
	}{
		"a purchase twice": {
			[]string{"ALTER TABLE referral.purchase DROP CONSTRAINT purchase_pkey CASCADE", purchased},
			`purchase "p" is there twice`,
		},
		"a purchase twice, of a user with too many facts": {
			[]string{
				"ALTER TABLE referral.purchase DROP CONSTRAINT purchase_pkey CASCADE", purchased,
				fmt.Sprintf(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, purchased_at)
					SELECT 'ben', 'p' || n, 2000, 'USD', now() - n * interval '1 s' FROM generate_series(1, %d) AS n`, tooManyFacts),
			},
			`purchase "p" is there twice`,
		},
		"a credit twice": {
			[]string{
				"ALTER TABLE referral.credit DROP CONSTRAINT credit_pkey", "INSERT INTO referral.credit SELECT * FROM referral.credit",
				"UPDATE referral.campaign SET mode = 'Suspended'", "UPDATE referral.meta SET epoch = epoch + 1", // so that nothing is decided
			},
			`purchase "p" has two credits of reward "inviter"`,
		},
		"many credits": {
			[]string{
				`INSERT INTO referral.credit SELECT (jsonb_populate_record(c, jsonb_build_object('reward', 'r' || n))).*
					FROM referral.credit AS c, generate_series(1, 20) AS n`,
				"UPDATE referral.campaign SET mode = 'Suspended'", "UPDATE referral.meta SET epoch = epoch + 1",
			},
			`purchase "p" has more than 16 credits`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.write(purchased)
			check(t, w.engine.Converge(t.Context()))
			for _, sql := range test.altered {
				_, err := w.db.Exec(t.Context(), sql)
				check(t, err)
			}
			review, err := explain.User(t.Context(), w.db, "ben", "")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s; %d purchases: %+v", err, test.want, len(review.Purchases), review.Purchases)
			}
		})
	}
}
