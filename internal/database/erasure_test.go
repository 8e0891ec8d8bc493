package database_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestErasureIsARequestThatIsNeverRefused(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w.writer, `
		INSERT INTO referral.signup (user_id, visitor_id, code, fingerprints, attributes) VALUES ('u', 'v', 'a', '{x}', '{"name": "U"}');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u', 'p', 1, 'USD')`)
	w.changes()
	testworld.Exec(t, w.writer, "SELECT referral.erase_user('u')") // while facts are still to be decided
	if diff := cmp.Diff([]string{"Erasure u"}, w.changes()); diff != "" {
		t.Error(diff)
	}
	testworld.Exec(t, w.writer, `INSERT INTO referral.erasure (user_id, requested_at) VALUES ('u', '2026-01-01'), ('o', '2026-01-01')`)
	testworld.Exec(t, w.writer, `INSERT INTO referral.erasure (user_id, requested_at) VALUES ('u', '2026-01-01') ON CONFLICT DO NOTHING`)
	if diff := cmp.Diff([]string{"Erasure o", "Erasure u"}, w.changes()); diff != "" {
		t.Error(diff)
	}
	if got := testworld.Value[string](t, w, "SELECT concat_ws(' ', visitor_id, fingerprints, attributes, blanked) FROM referral.signup"); got != `v {x} {"name": "U"} f` {
		t.Errorf("before the engine: %s", got)
	}
	if _, err := w.reader.Exec(t.Context(), "SELECT referral.erase_user('o')"); testworld.SQLState(err) != denied {
		t.Errorf("a reader may erase: %v", err)
	}
}

func TestBlankedTouchIgnoresRetriedWrites(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w, "INSERT INTO referral.touch (visitor_id, touch_id, code, blanked) VALUES ('v', 't', '', true)")
	w.changes()
	testworld.Exec(t, w.writer, "INSERT INTO referral.touch (visitor_id, touch_id, code) VALUES ('v', 't', 'a') ON CONFLICT (visitor_id, touch_id) DO UPDATE SET code = excluded.code")
	testworld.Exec(t, w.writer, "UPDATE referral.touch SET touched_at = now(), referer = 'https://forum.test/'")
	if got := testworld.Value[string](t, w, "SELECT concat_ws(' ', visitor_id, touch_id, code, referer, blanked) FROM referral.touch"); got != "v t  t" {
		t.Errorf("got %q", got)
	}
	if changes := w.changes(); len(changes) > 0 {
		t.Errorf("enqueued %v", changes)
	}
	if _, err := w.writer.Exec(t.Context(), "INSERT INTO referral.touch (visitor_id, touch_id, code) VALUES ('v', 'u', '')"); testworld.SQLState(err) != checkViolation {
		t.Errorf("a touch without a code: %v", err)
	}
}

func TestAttributesRemoveTheMarkOfABlankedPurchase(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w, "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, blanked, condition_held) VALUES ('u', 'p', 1, 'USD', true, true)")
	const marks = "SELECT concat_ws(' ', amount, attributes, blanked, condition_held) FROM referral.purchase"
	testworld.Exec(t, w.writer, "UPDATE referral.purchase SET amount = 2, attributes = '{}'")
	if got := testworld.Value[string](t, w, marks); got != "2 {} t t" {
		t.Errorf("another amount: %s", got)
	}
	testworld.Exec(t, w.writer, `UPDATE referral.purchase SET attributes = '{"to": "U"}'`)
	if got := testworld.Value[string](t, w, marks); got != `2 {"to": "U"} f` {
		t.Errorf("attributes: %s", got)
	}
}
