package database_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErasingBlanksWhatTellsAboutAPersonAndDeletesNoFact(t *testing.T) {
	w := newWorld(t)
	run(t, w.writer, `
		INSERT INTO referral.touch (visitor_id, touch_id, code, landing_url, referer) VALUES ('v', 't', 'a', 'https://mysite.test/?q=me', 'https://forum.test/'), ('w', 't', 'a', 'https://mysite.test/', NULL);
		INSERT INTO referral.signup (user_id, visitor_id, code, fingerprints, attributes) VALUES ('u', 'v', 'a', '{x}', '{"name": "U"}'), ('o', 'w', 'a', '{x}', '{"name": "O"}');
		INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES ('u', 'p', 1, 'USD', '{"to": "U"}'), ('o', 'p', 1, 'USD', '{"to": "O"}');
		INSERT INTO referral.action (user_id, visitor_id, action_id, action) VALUES ('u', 'v', '1', 'view');
		INSERT INTO referral.action (visitor_id, action_id, action) VALUES ('v', '1', 'view')`)
	if _, err := w.writer.Exec(t.Context(), "SELECT referral.erase_user('u')"); sqlState(err) != objectInUse {
		t.Fatalf("while facts are still to be decided: %v", err)
	}
	run(t, w, "DELETE FROM referral.change") // as an engine would
	run(t, w.writer, "SELECT referral.erase_user('u')")

	got := column[string](t, w, `
		SELECT concat_ws(' ', 'touch', visitor_id, code, landing_url, referer) FROM referral.touch
		UNION ALL SELECT concat_ws(' ', 'signup', user_id, visitor_id, code, fingerprints, attributes, erased_at IS NOT NULL) FROM referral.signup
		UNION ALL SELECT concat_ws(' ', 'purchase', user_id, purchase_id, amount, attributes) FROM referral.purchase
		UNION ALL SELECT concat_ws(' ', 'action', user_id, visitor_id, action) FROM referral.action
		ORDER BY 1`)
	want := []string{
		"action u view", "action v view",
		`purchase o p 1 {"to": "O"}`, "purchase u p 1 {}",
		`signup o w a {x} {"name": "O"} f`, "signup u a {} {} t",
		"touch v a", "touch w a https://mysite.test/",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	run(t, w.writer, "SELECT referral.erase_user('u')") // at once: there is nothing new to forget
	run(t, w.writer, "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES ('u', 'q', 1, 'USD', '{\"to\": \"U\"}')")
	run(t, w, "DELETE FROM referral.change")
	run(t, w.writer, "SELECT referral.erase_user('u')")
	if left := column[string](t, w, "SELECT attributes::text FROM referral.purchase WHERE user_id = 'u' AND attributes <> '{}'"); len(left) > 0 {
		t.Errorf("of what came afterwards is left: %v", left)
	}
	run(t, w.writer, "SELECT referral.erase_user('nobody')")
	if _, err := w.reader.Exec(t.Context(), "SELECT referral.erase_user('o')"); sqlState(err) != denied {
		t.Errorf("a reader may erase: %v", err)
	}
}
