package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// paying is the spec of a policy with one reward in dollars.
func paying(amount, scope string) string {
	return fmt.Sprintf("{rewards: [{name: inviter, beneficiary: Referrer, fixed: {amount: %q, currency: USD}}], revisionScope: %s}", amount, scope)
}

// raise is the spec of a plan that pays $7 to existing pairs too.
var raise = "{campaignRef: {name: invite-friends}, proposed: {policy: " + paying("7.00", "AllPairs") + "}}"

// newFriend is a shop in which bob's purchase is granted, and reported.
func newFriend(t *testing.T) (*world, *testworld.Database) {
	t.Helper()
	w, own := newShop(t)
	w.shop(own, oneFriend)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "5.00 USD" })
	return w, own
}

// awaitDone waits until a plan is Done, and returns its status without what differs in each run.
func (w *world) awaitDone(plan *v1alpha1.RewardPlan) v1alpha1.RewardPlanStatus {
	w.Helper()
	await(w, plan, "finished", func(p *v1alpha1.RewardPlan) bool { return p.Status.ObservedGeneration == p.Generation })
	w.awaitReason(plan, metav1.ConditionTrue, v1alpha1.DoneReason)
	status := *plan.Status.DeepCopy()
	if status.From.IsZero() || status.To.Before(status.From) || !strings.HasPrefix(status.StepDigest, "sha256:") {
		w.Errorf("from %s, to %s, step digest %q", status.From, status.To, status.StepDigest)
	}
	status.Conditions, status.From, status.To, status.StepDigest, status.Progress = nil, nil, nil, "", nil
	return status
}

// usd is the effect of an edit in dollars.
func usd(grantedUp, grantedDown string) []v1alpha1.PlanEffect {
	return []v1alpha1.PlanEffect{{
		Currency: "USD",
		Granted:  v1alpha1.PlanMovement{Up: grantedUp, Down: grantedDown},
		Held:     v1alpha1.PlanMovement{Up: "0.00", Down: "0.00"},
	}}
}

func forward(inForce, proposed string) []v1alpha1.PlanForward {
	return []v1alpha1.PlanForward{{Currency: "USD", Last30Days: v1alpha1.PlanComparison{InForce: inForce, Proposed: proposed}}}
}

func TestPlanSaysWhatTheEditThenPays(t *testing.T) {
	t.Parallel()
	w, own := newFriend(t)
	entries := value[int64](w, own, "SELECT count(*) FROM referral.ledger")
	plan := w.plan("raise", raise)
	want := v1alpha1.RewardPlanStatus{
		ObservedGeneration: 1,
		Grant:              "2.00 USD",
		Reverse:            "0.00 USD",
		Effects:            usd("2.00", "0.00"),
		Forward:            forward("5.00", "7.00"),
		Pairs:              &v1alpha1.PlannedPairs{Granted: 1},
	}
	if diff := cmp.Diff(want, w.awaitDone(plan)); diff != "" {
		t.Error(diff)
	}
	if ready := meta.FindStatusCondition(plan.Status.Conditions, v1alpha1.ReadyCondition); ready.Message != "would grant 2.00 USD and reverse 0.00 USD" {
		t.Errorf("message: %s", ready.Message)
	}
	if now := value[int64](w, own, "SELECT count(*) FROM referral.ledger"); now != entries {
		t.Errorf("a plan wrote %d ledger entries", now-entries)
	}
	w.patch("rpol", "five-dollars",
		`{"revisionScope":"AllPairs","rewards":[{"name":"inviter","beneficiary":"Referrer","fixed":{"amount":"7.00","currency":"USD"}}]}`)
	await(w, w.rcamp("invite-friends"), "paid as planned", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "7.00 USD" })
	columns := strings.Fields(w.kubectl("", "get", "rplan", "raise", "--no-headers"))
	if got := strings.Join(columns[:8], " "); got != "raise invite-friends True Done 2.00 USD 0.00 USD" {
		t.Errorf("columns: %s", got)
	}
}

// Each kind of edit, on a shop in which bob's $5 are granted.
func TestPlansOfEachKindOfEdit(t *testing.T) {
	const campaign = "databaseRef: {name: shop}, policyRef: {name: five-dollars}"
	cases := map[string]struct {
		before func(w *world, own *testworld.Database)
		spec   string
		want   v1alpha1.RewardPlanStatus
	}{
		"a typo under NewPairs shows in forward": {
			spec: "{campaignRef: {name: invite-friends}, proposed: {policy: " + paying("500.00", "NewPairs") + "}}",
			want: v1alpha1.RewardPlanStatus{
				Grant: "0.00 USD", Reverse: "0.00 USD", Effects: usd("0.00", "0.00"), Forward: forward("5.00", "500.00"),
				Pairs: &v1alpha1.PlannedPairs{Unchanged: 1},
			},
		},
		"another policy": {
			before: func(w *world, _ *testworld.Database) {
				w.apply("apiVersion: referral-operator.io/v1alpha1\nkind: RewardPolicy\nmetadata: {name: three-dollars}\nspec: " + paying("3.00", "AllPairs"))
			},
			spec: "{campaignRef: {name: invite-friends}, proposed: {campaign: {databaseRef: {name: shop}, policyRef: {name: three-dollars}}}}",
			want: v1alpha1.RewardPlanStatus{
				Grant: "0.00 USD", Reverse: "2.00 USD", Effects: usd("0.00", "2.00"), Forward: forward("5.00", "3.00"),
				Pairs: &v1alpha1.PlannedPairs{Granted: 1},
			},
		},
		"a raised budget": {
			before: func(w *world, own *testworld.Database) {
				w.patch("rcamp", "invite-friends", `{"budget":{"amount":"7.00","currency":"USD"}}`)
				await(w, w.rcamp("invite-friends"), "with a budget", func(c *v1alpha1.ReferralCampaign) bool {
					return c.Status.Credits[0].BudgetRemaining == "2.00"
				})
				w.friends(own, "carol")
				await(w, w.rcamp("invite-friends"), "waiting", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Waiting == 1 })
			},
			spec: "{campaignRef: {name: invite-friends}, proposed: {campaign: {" + campaign + ", budget: {amount: '70.00', currency: USD}}}}",
			want: v1alpha1.RewardPlanStatus{
				Grant: "5.00 USD", Reverse: "0.00 USD", Effects: usd("5.00", "0.00"), Forward: forward("10.00", "10.00"),
				Pairs: &v1alpha1.PlannedPairs{Granted: 1, Unchanged: 1},
			},
		},
		"a campaign that does not exist yet": {
			before: func(w *world, own *testworld.Database) {
				w.shop(own, `INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('erin-1', 'share-items', 'erin');
					INSERT INTO referral.signup (user_id, code) VALUES ('frank', 'erin-1');
					INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('frank', 'order-9', 2500, 'USD')`)
			},
			spec: "{campaignRef: {name: share-items}, proposed: {campaign: {" + campaign + "}}}",
			want: v1alpha1.RewardPlanStatus{
				Grant: "5.00 USD", Reverse: "0.00 USD", Effects: usd("5.00", "0.00"), Forward: forward("0.00", "5.00"),
				Pairs: &v1alpha1.PlannedPairs{Granted: 1},
			},
		},
		"a deletion": {
			spec: "{campaignRef: {name: invite-friends}, proposed: {delete: true}}",
			want: v1alpha1.RewardPlanStatus{
				Grant: "0.00 USD", Reverse: "5.00 USD", Effects: usd("0.00", "5.00"), Forward: forward("5.00", "0.00"),
				Pairs: &v1alpha1.PlannedPairs{Reversed: 1}, Reasons: []v1alpha1.PlannedReason{{Reason: "CampaignDeleted", Pairs: 1}},
			},
		},
		"no edit": {
			spec: drift,
			want: v1alpha1.RewardPlanStatus{
				Grant: "0.00 USD", Reverse: "0.00 USD", Effects: usd("0.00", "0.00"), Forward: forward("5.00", "5.00"),
				Pairs: &v1alpha1.PlannedPairs{Unchanged: 1},
			},
		},
		"no edit, and a refund that no trigger saw": {
			before: func(w *world, own *testworld.Database) {
				w.sql(own, `ALTER TABLE referral.refund DISABLE TRIGGER USER;
					INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'order-1', 'r', 2500);
					ALTER TABLE referral.refund ENABLE TRIGGER USER`)
			},
			spec: drift,
			want: v1alpha1.RewardPlanStatus{
				Grant: "0.00 USD", Reverse: "5.00 USD", Effects: usd("0.00", "5.00"),
				Pairs: &v1alpha1.PlannedPairs{Reversed: 1}, Reasons: []v1alpha1.PlannedReason{{Reason: "Refunded", Pairs: 1}},
			},
		},
		"a suspended campaign": {
			before: func(w *world, _ *testworld.Database) {
				w.patch("rcamp", "invite-friends", `{"suspend":true}`)
				w.awaitReason(w.rcamp("invite-friends"), metav1.ConditionTrue, v1alpha1.SuspendedReason)
			},
			spec: raise,
			want: v1alpha1.RewardPlanStatus{
				Grant: "2.00 USD", Reverse: "0.00 USD", Effects: usd("2.00", "0.00"), Forward: forward("5.00", "7.00"),
				Pairs: &v1alpha1.PlannedPairs{Granted: 1},
			},
		},
		"a suspended database": {
			before: func(w *world, _ *testworld.Database) {
				w.patch("adb", "shop", `{"suspend":true}`)
				w.awaitReason(w.adb("shop"), metav1.ConditionTrue, v1alpha1.SuspendedReason)
			},
			spec: raise,
			want: v1alpha1.RewardPlanStatus{
				Grant: "2.00 USD", Reverse: "0.00 USD", Effects: usd("2.00", "0.00"), Forward: forward("5.00", "7.00"),
				Pairs: &v1alpha1.PlannedPairs{Granted: 1},
			},
		},
		"the people whose credit changes most": {
			spec: strings.TrimSuffix(raise, "}") + ", detail: Largest}",
			want: v1alpha1.RewardPlanStatus{
				Grant: "2.00 USD", Reverse: "0.00 USD", Effects: usd("2.00", "0.00"), Forward: forward("5.00", "7.00"),
				Pairs:   &v1alpha1.PlannedPairs{Granted: 1},
				Largest: []v1alpha1.PlannedDifference{{BeneficiaryID: "alice", Currency: "USD", Change: "+2.00"}},
			},
		},
	}
	for rule, tc := range cases {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			w, own := newFriend(t)
			if tc.before != nil {
				tc.before(w, own)
			}
			tc.want.ObservedGeneration = 1
			if diff := cmp.Diff(tc.want, w.awaitDone(w.plan("edit", tc.spec))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// hold keeps every plan on a database from reading facts, until the returned function is called.
func (w *world) hold(own *testworld.Database) (release func()) {
	w.Helper()
	connection, err := pgx.Connect(w.Context(), own.AdminURI)
	check(w, err)
	w.Cleanup(func() { _ = connection.Close(context.Background()) })
	_, err = connection.Exec(w.Context(), "BEGIN; LOCK TABLE referral.signup IN ACCESS EXCLUSIVE MODE", pgx.QueryExecModeSimpleProtocol)
	check(w, err)
	return func() { check(w, connection.Close(w.Context())) }
}

func TestPlansOfADatabaseRunOneAfterTheOther(t *testing.T) {
	t.Parallel()
	w, own := newFriend(t)
	release := w.hold(own)
	first := w.plan("first", raise)
	w.awaitReason(first, metav1.ConditionFalse, v1alpha1.RunningReason)
	second := w.plan("second", drift)
	if waits := w.awaitReason(second, metav1.ConditionFalse, v1alpha1.PendingReason); !strings.Contains(waits.Message, "waiting for other plans") {
		t.Errorf("message: %s", waits.Message)
	}
	release()
	w.awaitDone(first)
	w.awaitDone(second)
}

func TestAnotherLeaderStartsAPlanAgain(t *testing.T) {
	t.Parallel()
	w, own := newFriend(t)
	release := w.hold(own)
	plan := w.plan("raise", raise)
	w.awaitReason(plan, metav1.ConditionFalse, v1alpha1.RunningReason)
	w.stop()
	release()
	w.startManager()
	if status := w.awaitDone(plan); status.Grant != "2.00 USD" {
		t.Errorf("status: %+v", status)
	}
}

func TestCampaignDeletedUnderAPlanEndsIt(t *testing.T) {
	t.Parallel()
	w, own := newFriend(t)
	release := w.hold(own)
	plan := w.plan("raise", raise)
	w.awaitReason(plan, metav1.ConditionFalse, v1alpha1.RunningReason)
	w.kubectl("", "delete", "rcamp", "invite-friends", "--wait=false")
	w.awaitStalled(plan, v1alpha1.CampaignNotFoundReason)
	release()
}

func TestEditUnderAPlanIsInThePlan(t *testing.T) {
	t.Parallel()
	w, own := newFriend(t)
	release := w.hold(own)
	plan := w.plan("raise", raise)
	w.awaitReason(plan, metav1.ConditionFalse, v1alpha1.RunningReason)
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"6.00","currency":"USD"}}`)
	await(w, w.rcamp("invite-friends"), "with a budget", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Credits[0].BudgetRemaining == "1.00"
	})
	release()
	if status := w.awaitDone(plan); status.Grant != "0.00 USD" || status.Pairs.Unchanged != 1 {
		t.Errorf("the budget has no capacity for the raise: %+v", status)
	}
}

func TestPlanWaitsOutAnOutage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	w.apply(allYAML)
	w.awaitReady(w.rcamp("invite-friends"))
	w.shop(own, oneFriend)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	release := w.hold(own)
	plan := w.plan("raise", raise)
	w.awaitReason(plan, metav1.ConditionFalse, v1alpha1.RunningReason)
	proxy.Swallow()
	w.awaitReason(plan, metav1.ConditionFalse, v1alpha1.PendingReason)
	release()
	proxy.Pass()
	if status := w.awaitDone(plan); status.Grant != "2.00 USD" {
		t.Errorf("status: %+v", status)
	}
}

func TestPlansOfOneNamespaceDoNotDelayThoseOfAnother(t *testing.T) {
	t.Parallel()
	w := newQuietWorld(t)
	other := w.neighbour()
	w.startManager()
	own := w.newDatabase()
	for _, in := range []*world{w, other} {
		database := own
		if in == other {
			database = w.newDatabase()
		}
		in.secret("shop-db", map[string]string{"uri": database.URI})
		in.apply(allYAML)
		in.awaitReady(in.rcamp("invite-friends"))
	}
	release := w.hold(own)
	const plans = 25
	for n := range plans {
		w.create(fmt.Sprintf("plan-%d", n))
	}
	w.awaitReasons(plans)
	other.awaitDone(other.plan("alone", raise))
	release()
	admitted, _ := w.awaitReasons(plans)
	if len(admitted) != 20 {
		t.Errorf("%d of %d plans were admitted", len(admitted), plans)
	}
	for _, name := range admitted {
		w.awaitDone(w.rplan(name))
	}
}

// neighbour is the same world in another namespace. It is called before the manager is started.
func (w *world) neighbour() *world {
	w.Helper()
	other := &world{TB: w.TB, client: w.client, cluster: w.cluster, operator: w.operator, patience: w.patience}
	other.namespace = testworld.NewNamespace(w, w.cluster)
	other.grantRights()
	w.neighbours = append(w.neighbours, other.namespace)
	return other
}
