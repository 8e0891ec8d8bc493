package explain_test

import (
	"testing"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/migrated"
)

// The rights of a reader are enough, also where PUBLIC may execute no function.
func TestReaderExplainsWhereFunctionsAreRevoked(t *testing.T) {
	w := newWorld(t)
	w.write(`INSERT INTO referral.touch (visitor_id, code) VALUES ('v', 'a');
		INSERT INTO referral.signup (user_id, visitor_id, code) VALUES ('carl', 'v', 'a');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carl', 'p', 2000, 'USD'), ('ben', 'p', 2000, 'USD');
		INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('ben', 'p', '1', 10);
		INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ('ben', 'p', 'Allow')`)
	check(t, w.engine.Converge(t.Context()))
	_, err := w.db.Exec(t.Context(), "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA referral FROM PUBLIC")
	check(t, err)
	check(t, database.GrantRoles(t.Context(), w.db, migrated.Owner.UID, 0, database.Roles{Writers: []string{testworld.WriterRole}, Readers: []string{testworld.ReaderRole}}))
	for _, user := range []string{"ben", "carl"} {
		if e := w.of(user); len(e.Purchases) != 1 {
			t.Errorf("%s: %+v", user, e)
		}
	}
	if _, err := explain.OfReferrer(t.Context(), w.reader, "anna", ""); err != nil {
		t.Error(err)
	}
	_, err = w.reader.Exec(t.Context(), "SELECT FROM referral.balance")
	check(t, err)
}
