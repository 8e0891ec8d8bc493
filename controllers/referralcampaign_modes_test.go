package controllers_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

const fiveDollarBudget = `{"budget":{"amount":"5.00","currency":"USD"}}`

var inviteWithBudgetYAML = strings.Replace(inviteFriendsYAML, "spec:", "spec:\n  budget: {amount: \"5.00\", currency: USD}", 1)

// states are the states of pairs in admission order.
func states(w *world, own *testworld.Database) string {
	w.Helper()
	return value[string](w, own, "SELECT coalesce(string_agg(user_id || ' ' || state, ', ' ORDER BY admission_order), '') FROM referral.pair")
}

func (w *world) awaitStates(own *testworld.Database, want string) {
	w.Helper()
	w.eventually(want, func() bool { return states(w, own) == want })
}

// A campaign enters a mode and leaves it, as people do it. Whatever comes in meanwhile, waiting
// pairs keep their places.
func TestEachModeKeepsTheAdmissionOrder(t *testing.T) {
	budget := func(w *world) { w.patch("rcamp", "invite-friends", fiveDollarBudget) }
	for name, mode := range map[string]struct {
		enter, leave func(w *world, own *testworld.Database)
		meanwhile    string // dave came, and bob's purchase was refunded
	}{
		"suspended": {
			enter: func(w *world, _ *testworld.Database) {
				w.patch("rcamp", "invite-friends", `{"suspend":true}`)
				w.awaitReason(w.rcamp("invite-friends"), metav1.ConditionTrue, v1alpha1.SuspendedReason)
			},
			leave:     func(w *world, _ *testworld.Database) { w.patch("rcamp", "invite-friends", `{"suspend":false}`) },
			meanwhile: "bob Granted, carol Waiting, dave Waiting",
		},
		"its policy missing": {
			enter: func(w *world, _ *testworld.Database) {
				check(w, w.client.Delete(w.Context(), w.rpol("five-dollars")))
				w.awaitReason(w.rcamp("invite-friends"), metav1.ConditionFalse, v1alpha1.PolicyNotFoundReason)
			},
			leave:     func(w *world, _ *testworld.Database) { w.apply(fiveDollarsYAML) },
			meanwhile: "bob Reversed, carol Waiting, dave Waiting",
		},
		"deleted": {
			enter: func(w *world, own *testworld.Database) {
				check(w, w.client.Delete(w.Context(), w.rcamp("invite-friends")))
				w.awaitGone(w.rcamp("invite-friends"))
				w.eventually("closed", func() bool { return value[string](w, own, campaignMode) == "Closed" })
			},
			leave:     func(w *world, _ *testworld.Database) { w.apply(inviteWithBudgetYAML) },
			meanwhile: "bob Reversed, carol Waiting",
		},
		"being deleted": {
			enter: func(w *world, _ *testworld.Database) {
				w.deleteHeld()
				w.awaitTerminating("the campaign is closed")
			},
			leave: func(w *world, _ *testworld.Database) {
				w.letGoOfHeld()
				w.apply(inviteWithBudgetYAML)
			},
			meanwhile: "bob Reversed, carol Waiting",
		},
		"its database suspended": {
			enter: func(w *world, _ *testworld.Database) {
				w.patch("adb", "shop", `{"suspend":true}`)
				w.awaitReason(w.adb("shop"), metav1.ConditionTrue, v1alpha1.SuspendedReason)
			},
			leave:     func(w *world, _ *testworld.Database) { w.patch("adb", "shop", `{"suspend":false}`) },
			meanwhile: "bob Granted, carol Waiting",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, own := newShop(t)
			budget(w)
			await(w, w.rcamp("invite-friends"), "with a budget", func(c *v1alpha1.ReferralCampaign) bool {
				return len(c.Status.Credits) == 1 && c.Status.Credits[0].BudgetRemaining == "5.00"
			})
			w.friends(own, "bob")
			w.awaitStates(own, "bob Granted")
			w.friends(own, "carol")
			w.awaitStates(own, "bob Granted, carol Waiting")
			w.eventually("decided", func() bool { return value[int](w, own, "SELECT count(*)::int FROM referral.change") == 0 })

			mode.enter(w, own)
			w.friends(own, "dave")
			w.shop(own, "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'order', 'r', 2500)")
			w.awaitStates(own, mode.meanwhile)
			w.awaitMore(w.adb("shop"), 3)
			if got := states(w, own); got != mode.meanwhile {
				t.Errorf("meanwhile %s, want %s", got, mode.meanwhile)
			}
			mode.leave(w, own)
			w.awaitStates(own, "bob Reversed, carol Granted, dave Waiting")
			if wrong := value[int](w, own, "SELECT count(*)::int FROM referral.violations()"); wrong > 0 {
				t.Errorf("%d violations", wrong)
			}
		})
	}
}

// One edit may resume a campaign and raise its budget: what waited before it comes first.
func TestResumingWithAHigherBudgetKeepsTheOrder(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.patch("rcamp", "invite-friends", fiveDollarBudget)
	await(w, w.rcamp("invite-friends"), "with a budget", func(c *v1alpha1.ReferralCampaign) bool {
		return len(c.Status.Credits) == 1 && c.Status.Credits[0].BudgetRemaining == "5.00"
	})
	w.friends(own, "bob", "carol", "dave")
	w.eventually("decided", func() bool { return value[int](w, own, "SELECT count(*)::int FROM referral.pair") == 3 })
	order := value[string](w, own, "SELECT string_agg(user_id, ' ' ORDER BY admission_order) FROM referral.pair")
	w.patch("rcamp", "invite-friends", `{"suspend":true}`)
	w.awaitReason(w.rcamp("invite-friends"), metav1.ConditionTrue, v1alpha1.SuspendedReason)
	w.friends(own, "erin")
	w.eventually("waiting", func() bool { return strings.Contains(states(w, own), "erin Waiting") })
	w.patch("rcamp", "invite-friends", `{"suspend":false,"budget":{"amount":"15.00"}}`)
	w.eventually("admitted", func() bool {
		return value[int](w, own, "SELECT count(*)::int FROM referral.pair WHERE state = 'Granted'") == 3
	})
	granted := value[string](w, own, "SELECT string_agg(user_id, ' ' ORDER BY admission_order) FROM referral.pair WHERE state = 'Granted'")
	if granted != order || !strings.Contains(states(w, own), "erin Waiting") {
		t.Errorf("granted %s, order %s: %s", granted, order, states(w, own))
	}
}
