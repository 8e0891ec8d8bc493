package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// behind has a database reached through a proxy.
func (w *world) behind(own *testworld.Database, secret string) *testworld.Proxy {
	w.Helper()
	proxy := testworld.NewProxy(w, own.Server().Address())
	w.secret(secret, map[string]string{"uri": strings.Replace(own.URI, own.Server().Address(), proxy.Address(), 1)})
	return proxy
}

func TestOutageUnderAMinuteShowsOnTheDatabaseOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	w.apply(allYAML)
	campaign, policy, adb := w.rcamp("invite-friends"), w.rpol("five-dollars"), w.adb("shop")
	for _, object := range []conditioned{campaign, policy, adb} {
		w.awaitReady(object)
	}
	w.awaitQuiet(campaign, policy, adb)
	before := w.versions(campaign, policy)

	w.ahead.Store(int64(-time.Hour)) // however long this test takes, the outage is short
	proxy.Swallow()
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.UnreachableReason)
	w.annotate("rcamp", "invite-friends", v1alpha1.AllowReversalsAnnotation, "none") // has it looked at
	proxy.Pass()
	w.awaitReady(adb)
	w.awaitQuiet(campaign, policy, adb)
	after := w.versions(campaign, policy)
	check(t, w.client.Get(t.Context(), client.ObjectKeyFromObject(campaign), campaign))
	if manager := lastManager(campaign); manager != "kubectl-annotate" {
		t.Errorf("the campaign was last written by %s", manager)
	}
	if before["five-dollars"] != after["five-dollars"] {
		t.Error("the policy was written")
	}
}

func TestLongOutageShowsOnTheCampaigns(t *testing.T) {
	t.Parallel()
	w := newQuietWorld(t)
	w.ahead.Store(int64(2 * time.Minute)) // so that every outage has lasted long enough
	w.startManager()
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	w.apply(allYAML)
	campaign := w.rcamp("invite-friends")
	w.awaitReady(campaign)
	proxy.Swallow()
	away := w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.DatabaseNotReadyReason)
	if !strings.Contains(away.Message, v1alpha1.UnreachableReason) {
		t.Errorf("message: %s", away.Message)
	}
	if len(campaign.Status.Conditions) != 1 {
		t.Errorf("nothing declared is on its way: %v", campaign.Status.Conditions)
	}
	proxy.Pass()
	w.awaitReady(campaign)
}

// A campaign that needs a person needs it before and after an outage.
func TestOutageUnderAMinuteErasesNoIncident(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	w.apply(allYAML)
	campaign, adb := w.rcamp("invite-friends"), w.adb("shop")
	w.awaitReady(campaign)
	w.withhold(own)
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.MassReversalReason)
	w.awaitQuiet(campaign, adb)

	seen := w.record(campaign)
	w.ahead.Store(int64(-time.Hour)) // however long this test takes, the outage is short
	proxy.Swallow()
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.UnreachableReason)
	w.annotate("rcamp", "invite-friends", v1alpha1.AllowReversalsAnnotation, "none") // has it looked at
	w.awaitQuiet(campaign)
	proxy.Pass()
	w.awaitReady(adb)
	w.awaitQuiet(campaign, adb)
	for _, state := range seen() {
		if stalled := meta.FindStatusCondition(state.Status.Conditions, v1alpha1.StalledCondition); stalled == nil || stalled.Reason != v1alpha1.MassReversalReason {
			t.Fatalf("the incident does not show: %+v", state.Status.Conditions)
		}
	}
}

// Pairs of before are not decided again while the database is away, however long that is.
func TestOutageEndsNoRollout(t *testing.T) {
	t.Parallel()
	w := newQuietWorld(t)
	w.ahead.Store(int64(2 * time.Minute)) // so that every outage has lasted long enough
	w.startManager()
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	w.apply(shopYAML + "---" + inviteFriendsYAML + "---" + holding("5.00", "NewPairs"))
	campaign, policy := w.rcamp("invite-friends"), w.rpol("five-dollars")
	w.awaitReady(campaign)
	w.friends(own, "bob")
	await(w, campaign, "held", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Held == 1 })
	resume := w.stopEngine(own)
	w.apply(holding("7.00", "HeldPairs"))
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.RollingOutReason)
	w.awaitReason(policy, metav1.ConditionFalse, v1alpha1.RollingOutReason)

	proxy.Swallow()
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.DatabaseNotReadyReason)
	if !meta.IsStatusConditionTrue(campaign.Status.Conditions, v1alpha1.ReconcilingCondition) {
		t.Errorf("the rollout is not Reconciling: %+v", campaign.Status.Conditions)
	}
	w.awaitQuiet(campaign, policy)
	w.awaitReason(policy, metav1.ConditionFalse, v1alpha1.RollingOutReason)
	proxy.Pass()
	resume()
	w.awaitReady(campaign)
	w.awaitReady(policy)
	await(w, campaign, "held under the new terms", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credits[0].Held == "7.00" })
}

// crowd is enough campaigns to keep all reconcilers from everything else for longer than
// crowdPatience, if each of them had to find out by itself that its database does not answer: that
// takes five seconds.
const (
	crowd         = 110
	crowdPatience = time.Minute
)

// A database that swallows packets delays no other database, however many campaigns have to be
// declared in it.
func TestBlackHoledDatabaseDelaysNoOtherTenant(t *testing.T) {
	for name, readyBefore := range map[string]bool{"from the start": false, "after it was Ready": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			hole := w.behind(w.newDatabase(), "hole-db")
			if !readyBefore {
				hole.Swallow()
			}
			in := strings.NewReplacer("name: shop}", "name: hole}", "shop-db", "hole-db")
			w.apply(in.Replace(shopYAML) + "---" + fiveDollarsYAML + campaigns(crowd, in))
			w.secret("shop-db", map[string]string{"uri": w.newDatabase().URI})
			if readyBefore {
				w.patience = 3 * patience
				w.awaitReady(w.rpol("five-dollars")) // and so every campaign
				hole.Swallow()
				w.patch("rpol", "five-dollars", `{"holdPeriod":"1h"}`)
			}
			w.patience = crowdPatience
			w.apply(shopYAML + "---" + inviteFriendsYAML)
			w.awaitReady(w.rcamp("invite-friends"))
			w.patience = patience
			w.awaitReason(w.adb("hole"), metav1.ConditionFalse, v1alpha1.UnreachableReason)
			healthy := meta.FindStatusCondition(w.ready(w.rcamp("invite-friends")), v1alpha1.ReadyCondition)
			black := meta.FindStatusCondition(w.ready(w.adb("hole")), v1alpha1.ReadyCondition)
			t.Logf("healthy Ready at %s, the other Unreachable at %s", healthy.LastTransitionTime, black.LastTransitionTime)

			// What was to be declared there is declared once it answers.
			hole.Pass()
			w.awaitReady(w.adb("hole"))
			w.patience = 3 * patience
			w.awaitReady(w.rpol("five-dollars"))
		})
	}
}

// campaigns are so many manifests.
func campaigns(count int, in *strings.Replacer) string {
	var manifests strings.Builder
	for n := range count {
		manifests.WriteString("---" + strings.Replace(in.Replace(inviteFriendsYAML), "invite-friends", fmt.Sprintf("campaign-%d", n), 1))
	}
	return manifests.String()
}

func (w *world) ready(object conditioned) []metav1.Condition {
	w.Helper()
	check(w, w.client.Get(w.Context(), client.ObjectKeyFromObject(object), object))
	return object.GetConditions()
}

// lastManager is the field manager that wrote an object last.
func lastManager(object client.Object) string {
	var last metav1.ManagedFieldsEntry
	for _, entry := range object.GetManagedFields() {
		if last.Time == nil || !entry.Time.Before(last.Time) {
			last = entry
		}
	}
	return last.Manager
}

// versions are the resource versions of objects by name.
func (w *world) versions(objects ...conditioned) map[string]string {
	w.Helper()
	versions := map[string]string{}
	for _, object := range objects {
		check(w, w.client.Get(w.Context(), client.ObjectKeyFromObject(object), object))
		versions[object.GetName()] = object.GetResourceVersion()
	}
	return versions
}

// awaitQuiet waits until objects have not been written for ten status intervals.
func (w *world) awaitQuiet(objects ...conditioned) {
	w.Helper()
	last, since := w.versions(objects...), time.Now()
	w.eventually("quiet", func() bool {
		now := w.versions(objects...)
		if !cmp.Equal(last, now) {
			last, since = now, time.Now()
		}
		return time.Since(since) > 10*statusInterval
	})
}

// A manager without work writes nothing.
func TestConvergedManagerWritesNothing(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.shop(own, oneFriend)
	campaign := w.rcamp("invite-friends")
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
	objects := []conditioned{campaign, w.rpol("five-dollars"), w.adb("shop")}
	w.awaitQuiet(objects...)
	before := w.versions(objects...)

	// Neither does a manager that replaces it: no event is recorded twice.
	w.stop()
	w.startManager()
	for _, object := range objects {
		w.awaitEnded(object, 1)
	}
	w.awaitMore(w.adb("shop"), 10)
	if diff := cmp.Diff(before, w.versions(objects...)); diff != "" {
		for _, object := range objects {
			object.SetManagedFields(nil)
			t.Logf("%s: %+v", object.GetName(), object.GetConditions())
		}
		t.Error(diff)
	}
	const row = "SELECT (SELECT string_agg(x::text, ';' ORDER BY campaign, shard) FROM referral.pair_count AS x) || (SELECT m::text FROM referral.meta AS m)"
	state := value[string](w, own, row)
	w.awaitMore(w.adb("shop"), 5)
	if diff := cmp.Diff(state, value[string](w, own, row)); diff != "" {
		t.Error(diff)
	}
}
