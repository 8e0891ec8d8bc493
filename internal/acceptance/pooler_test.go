package acceptance

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Manager and tracker reach the database through PgBouncer in transaction mode alone: the manager
// migrates, grants, decides and resyncs, and the tracker answers and records.
func TestShopBehindPgBouncer(t *testing.T) {
	w := newWorld(t, testworld.Cluster(t), sharedPostgres(t))
	pooler := testworld.NewPooler(t, w.own)
	w.own.URI = pooler.URI
	managers := [2]*testworld.Process{w.manager(), w.manager()} // two replicas share the polls
	w.apply(fiveDollars)

	e := newEdge(t, w, pooler.WriterURI)
	const friends = 40
	for n := range friends {
		status, _, token := e.click(t.Context())
		if status != http.StatusFound {
			t.Fatalf("the link is answered with %d", status)
		}
		user := fmt.Sprintf("friend-%d", n)
		for _, fact := range []struct {
			path  string
			value map[string]any
		}{
			{"/v1/signups", map[string]any{"user_id": user, "visitor": token}},
			{"/v1/purchases", map[string]any{"user_id": user, "purchase_id": "order", "amount": 2500, "currency": "USD"}},
		} {
			if status, _ := e.tell(t.Context(), fact.path, fact.value, nil); status >= http.StatusBadRequest || status == 0 {
				t.Fatalf("%s is answered with %d", fact.path, status)
			}
		}
	}
	const balance = "SELECT available::text FROM referral.balance WHERE beneficiary_id = 'alice'"
	w.eventually("every friend is credited", balance, fmt.Sprint(friends*500))

	_, err := w.operator.Exec(t.Context(), "DELETE FROM referral.pair WHERE user_id = 'friend-7'")
	testworld.Must(t, err)
	w.kubectl("", "annotate", "rcamp", "invite-friends", "reconcile.referral-operator.io/requestedAt=now")
	w.kubectl("", "wait", "--for=jsonpath={.status.lastHandledReconcileAt}=now", "--timeout=120s", "referralcampaign/invite-friends")
	w.eventually("the pair is restored", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", fmt.Sprint(friends))
	if wrong := w.rows("SELECT wrong, what FROM referral.violations()"); len(wrong) > 0 {
		t.Errorf("violations: %v", wrong)
	}
	for _, manager := range managers {
		if !manager.Running() {
			t.Errorf("a manager has ended:\n%s", manager.Log())
		}
	}
}
