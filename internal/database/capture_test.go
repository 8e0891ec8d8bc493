package database_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestEveryWriteOfAFactIsEnqueued(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		given, write string // the first is forgotten before the second
		want         []string
	}{
		"link inserted":              {"", "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'c', 'r'), ('b', 'c', 'r')", []string{"Code a", "Code b"}},
		"link updated":               {"INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'c', 'r')", "UPDATE referral.link SET disabled_at = now()", []string{"Code a"}},
		"link's code changed":        {"INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'c', 'r')", "UPDATE referral.link SET code = 'b'", []string{"Code a", "Code b"}},
		"link deleted":               {"INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('a', 'c', 'r'), ('b', 'c', 'r')", "DELETE FROM referral.link", []string{"Code a", "Code b"}},
		"touches of one visitor":     {"", "INSERT INTO referral.touch (visitor_id, code) VALUES ('v', 'a'), ('v', 'b'), ('w', 'a')", []string{"Visitor v", "Visitor w"}},
		"touch updated":              {"INSERT INTO referral.touch (visitor_id, code) VALUES ('v', 'a')", "UPDATE referral.touch SET code = 'b'", []string{"Visitor v"}},
		"touch of another visitor":   {"INSERT INTO referral.touch (visitor_id, code) VALUES ('v', 'a')", "UPDATE referral.touch SET visitor_id = 'w'", []string{"Visitor v", "Visitor w"}},
		"touch deleted":              {"INSERT INTO referral.touch (visitor_id, code) VALUES ('v', 'a')", "DELETE FROM referral.touch", []string{"Visitor v"}},
		"signup inserted":            {"", "INSERT INTO referral.signup (user_id) VALUES ('u'), ('v')", []string{"Referee u", "Referee v"}},
		"signup with fingerprints":   {"", "INSERT INTO referral.signup (user_id, fingerprints) VALUES ('u', '{x}')", []string{"Referee u", "Referrer u"}},
		"signup updated":             {"INSERT INTO referral.signup (user_id) VALUES ('u')", "UPDATE referral.signup SET code = 'b'", []string{"Referee u"}},
		"fingerprints added":         {"INSERT INTO referral.signup (user_id) VALUES ('u')", "UPDATE referral.signup SET fingerprints = '{x}'", []string{"Referee u", "Referrer u"}},
		"fingerprints taken away":    {"INSERT INTO referral.signup (user_id, fingerprints) VALUES ('u', '{x}')", "UPDATE referral.signup SET fingerprints = '{}'", []string{"Referee u", "Referrer u"}},
		"signup of another user":     {"INSERT INTO referral.signup (user_id, fingerprints) VALUES ('u', '{x}')", "UPDATE referral.signup SET user_id = 'v'", []string{"Referee u", "Referee v", "Referrer u", "Referrer v"}},
		"signup deleted":             {"INSERT INTO referral.signup (user_id, fingerprints) VALUES ('u', '{x}'), ('v', '{}')", "DELETE FROM referral.signup", []string{"Referee u", "Referee v", "Referrer u"}},
		"purchases of one user":      {"", "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u', '1', 1, 'USD'), ('u', '2', 1, 'USD'), ('v', '1', 1, 'USD')", []string{"Referee u", "Referee v"}},
		"purchase updated":           {"INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u', '1', 1, 'USD')", "UPDATE referral.purchase SET amount = 2", []string{"Referee u"}},
		"purchase of another user":   {"INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u', '1', 1, 'USD')", "UPDATE referral.purchase SET user_id = 'v'", []string{"Referee u", "Referee v"}},
		"purchase deleted":           {"INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u', '1', 1, 'USD')", "DELETE FROM referral.purchase", []string{"Referee u"}},
		"refund inserted":            {"", "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('u', '1', '1', 1), ('u', '1', '2', 1)", []string{"Referee u"}},
		"refund updated":             {"INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('u', '1', '1', 1)", "UPDATE referral.refund SET amount = 2", []string{"Referee u"}},
		"refund deleted":             {"INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('u', '1', '1', 1)", "DELETE FROM referral.refund", []string{"Referee u"}},
		"override inserted":          {"", "INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ('u', '1', 'Deny')", []string{"Referee u"}},
		"override updated":           {"INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ('u', '1', 'Deny')", "UPDATE referral.override SET verdict = 'Allow'", []string{"Referee u"}},
		"override deleted":           {"INSERT INTO referral.override (user_id, purchase_id, verdict) VALUES ('u', '1', 'Deny')", "DELETE FROM referral.override", []string{"Referee u"}},
		"a merge of old and new":     {"INSERT INTO referral.signup (user_id) VALUES ('u')", "INSERT INTO referral.signup (user_id) VALUES ('u'), ('v') ON CONFLICT (user_id) DO UPDATE SET code = 'x'", []string{"Referee u", "Referee v"}},
		"a retry that does nothing":  {"INSERT INTO referral.signup (user_id) VALUES ('u')", "INSERT INTO referral.signup (user_id) VALUES ('u') ON CONFLICT DO NOTHING", []string{}},
		"an update that finds none":  {"", "UPDATE referral.purchase SET amount = 2", []string{}},
		"an adjustment is no change": {"", "INSERT INTO referral.adjustment (beneficiary_id, adjustment_id, amount, currency) VALUES ('b', '1', 1, 'USD')", []string{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := w.anew(t)
			testworld.Exec(t, w, "DELETE FROM referral.link; DELETE FROM referral.touch; DELETE FROM referral.signup; DELETE FROM referral.purchase; DELETE FROM referral.refund; DELETE FROM referral.override")
			if test.given != "" {
				testworld.Exec(t, w.writer, test.given)
			}
			w.changes()
			testworld.Exec(t, w.writer, test.write)
			if diff := cmp.Diff(test.want, w.changes()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The change is in the writer's transaction: both are there, or neither.
func TestAChangeCommitsOrRollsBackWithItsFact(t *testing.T) {
	w := newWorld(t)
	tx, err := w.writer.Begin(t.Context())
	testworld.Must(t, err)
	_, err = tx.Exec(t.Context(), insertSignup, "u", nil, nil)
	testworld.Must(t, err)
	testworld.Must(t, tx.Rollback(t.Context()))
	if enqueued := w.changes(); len(enqueued) > 0 {
		t.Errorf("enqueued %v", enqueued)
	}
}

func TestCopiedFactsAreEnqueued(t *testing.T) {
	w := newWorld(t)
	connection, err := w.writer.Acquire(t.Context())
	testworld.Must(t, err)
	defer connection.Release()
	_, err = connection.Conn().PgConn().CopyFrom(t.Context(), strings.NewReader("u\tp\t5\tUSD\nv\tp\t5\tUSD\n"),
		"COPY referral.purchase (user_id, purchase_id, amount, currency) FROM STDIN")
	testworld.Must(t, err)
	if diff := cmp.Diff([]string{"Referee u", "Referee v"}, w.changes()); diff != "" {
		t.Error(diff)
	}
}
