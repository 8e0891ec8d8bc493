package controllers_test

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

const reverses = `{"deletionPolicy":"Reverse"}`

// newGiver is a shop whose campaign has granted five dollars for bob, and reverses them when it is
// deleted.
func newGiver(t *testing.T) (*world, *testworld.Database, *testworld.Proxy) {
	t.Helper()
	w := newWorld(t)
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	w.apply(allYAML)
	w.patch("rcamp", "invite-friends", reverses)
	w.awaitReady(w.rcamp("invite-friends"))
	w.shop(own, oneFriend)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Pairs.Granted == 1 && slices.Contains(c.Finalizers, v1alpha1.Finalizer)
	})
	return w, own, proxy
}

// outcome is what became of bob's pair: net credit, entries, and the campaign's mode.
func outcome(w *world, own *testworld.Database) string {
	w.Helper()
	return value[string](w, own, `SELECT concat_ws(' ', (SELECT sum(amount) FROM referral.ledger), (SELECT count(*) FROM referral.ledger),
		(SELECT state || ' ' || reason FROM referral.pair), (SELECT mode FROM referral.campaign))`)
}

// awaitTerminating waits until a campaign that is being deleted says what it waits for.
func (w *world) awaitTerminating(says string) metav1.Condition {
	w.Helper()
	var ready metav1.Condition
	await(w, w.rcamp("invite-friends"), "Terminating with "+says, func(c *v1alpha1.ReferralCampaign) bool {
		ready = *meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ReadyCondition)
		return ready.Reason == v1alpha1.TerminatingReason && strings.Contains(ready.Message, says)
	})
	return ready
}

func TestReverseReversesAllCredits(t *testing.T) {
	for name, spec := range map[string]string{
		"as it is": reverses, "suspended": `{"suspend":true}`, "without its policy": `{"policyRef":{"name":"missing"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, own, _ := newGiver(t)
			campaign := w.rcamp("invite-friends")
			w.patch("rcamp", "invite-friends", spec)
			await(w, campaign, "observed", func(c *v1alpha1.ReferralCampaign) bool {
				ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ReadyCondition)
				return ready.ObservedGeneration == c.Generation
			})
			check(t, w.client.Delete(t.Context(), campaign))
			w.awaitGone(campaign)
			if got, want := outcome(w, own), "0 2 Reversed CampaignDeleted Closed"; got != want {
				t.Errorf("gone, there is %q, want %q", got, want)
			}
			// Declared again it is decided anew.
			w.apply(inviteFriendsYAML)
			await(w, campaign, "granted again", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "5.00 USD" })
		})
	}
}

// The message names what cannot be taken back. Nothing else fails by it.
func TestReverseNamesWhatItCannotTakeBack(t *testing.T) {
	t.Parallel()
	w, own, _ := newGiver(t)
	campaign := w.rcamp("invite-friends")
	w.sql(own, `
		CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'credits stay'; END $$;
		CREATE TRIGGER refuse BEFORE DELETE ON referral.credit FOR EACH ROW EXECUTE FUNCTION public.refuse()`)
	check(t, w.client.Delete(t.Context(), campaign))
	w.awaitTerminating(`of user "bob" gave cannot be taken back: `)
	w.awaitTerminating("credits stay (SQLSTATE P0001)")
	w.awaitTerminating("1 pair is still to be reversed; what purchase ")
	w.awaitReady(w.adb("shop"))
	w.sql(own, "DROP TRIGGER refuse ON referral.credit")
	w.awaitGone(campaign)
	if got, want := outcome(w, own), "0 2 Reversed CampaignDeleted Closed"; got != want {
		t.Errorf("gone, there is %q, want %q", got, want)
	}
}

// The cache keeps only one of them.
func TestFinalizersOfOthersStay(t *testing.T) {
	t.Parallel()
	w, _, _ := newGiver(t)
	campaign, others := w.rcamp("invite-friends"), []string{"example.test/a", "example.test/b", "example.test/c"}
	has := func(finalizers ...string) func(*v1alpha1.ReferralCampaign) bool {
		return func(c *v1alpha1.ReferralCampaign) bool {
			return slices.Equal(slices.Sorted(slices.Values(c.Finalizers)), finalizers)
		}
	}
	w.merge("rcamp", "invite-friends", `{"metadata":{"finalizers":["`+strings.Join(append(others, v1alpha1.Finalizer), `","`)+`"]}}`)
	w.patch("rcamp", "invite-friends", `{"deletionPolicy":"Retain"}`)
	await(w, campaign, "without our finalizer", has(others...))
	w.patch("rcamp", "invite-friends", `{"deletionPolicy":"Reverse"}`)
	await(w, campaign, "with our finalizer again", has(append(others, v1alpha1.Finalizer)...))
	w.merge("rcamp", "invite-friends", `{"metadata":{"finalizers":null}}`)
}

func TestFinalizerFollowsDeletionPolicyReverse(t *testing.T) {
	t.Parallel()
	w, own, _ := newGiver(t)
	campaign := w.rcamp("invite-friends")
	w.patch("rcamp", "invite-friends", `{"deletionPolicy":"Retain"}`)
	await(w, campaign, "without a finalizer", func(c *v1alpha1.ReferralCampaign) bool { return len(c.Finalizers) == 0 })
	check(t, w.client.Delete(t.Context(), campaign))
	w.awaitGone(campaign)
	w.eventually("closed", func() bool { return outcome(w, own) == "500 1 Granted Qualified Closed" })
}

func TestReverseWaitsForAnUnreachableDatabase(t *testing.T) {
	t.Parallel()
	w, own, proxy := newGiver(t)
	proxy.Swallow()
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.UnreachableReason)
	campaign := w.rcamp("invite-friends")
	check(t, w.client.Delete(t.Context(), campaign))
	w.awaitTerminating("the campaign's credits cannot be reversed")
	w.awaitTerminating("AttributionDatabase " + w.namespace + "/shop is not ready: Unreachable")
	proxy.Pass()
	w.awaitGone(campaign)
	if got, want := outcome(w, own), "0 2 Reversed CampaignDeleted Closed"; got != want {
		t.Errorf("gone, there is %q, want %q", got, want)
	}
}

func TestRetainReleasesACampaignThatWaitsToReverse(t *testing.T) {
	t.Parallel()
	w, own, proxy := newGiver(t)
	proxy.Swallow()
	campaign := w.rcamp("invite-friends")
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.UnreachableReason)
	check(t, w.client.Delete(t.Context(), campaign))
	w.asPasted(w.awaitTerminating("to keep the credits and remove the campaign now: ").Message)
	w.awaitGone(campaign)
	proxy.Pass()
	w.eventually("closed", func() bool { return outcome(w, own) == "500 1 Granted Qualified Closed" })
}

// A leader that has never seen the object does not know that Retain was chosen.
func TestReversalEndsWithItsObject(t *testing.T) {
	t.Parallel()
	w, own, _ := newGiver(t)
	resume := w.stopEngine(own)
	campaign := w.rcamp("invite-friends")
	check(t, w.client.Delete(t.Context(), campaign))
	w.awaitTerminating("1 pair is still to be reversed")
	w.stop()
	w.merge("rcamp", "invite-friends", `{"metadata":{"finalizers":null},"spec":{"deletionPolicy":"Retain"}}`)
	w.awaitGone(campaign)
	w.startManager()
	w.eventually("closed", func() bool { return value[string](w, own, campaignMode) == "Closed" })
	resume()
	w.eventually("decided", func() bool { return value[int](w, own, "SELECT count(*)::int FROM referral.change") == 0 })
	if got, want := outcome(w, own), "500 1 Granted Qualified Closed"; got != want {
		t.Errorf("in the end there is %q, want %q", got, want)
	}
}

// superseded has the object of a granted campaign deleted and applied again while its database is
// away.
func superseded(t *testing.T, deletionPolicy string) (w *world, own *testworld.Database, back func()) {
	t.Helper()
	w, own, proxy := newGiver(t)
	campaign := w.rcamp("invite-friends")
	w.patch("rcamp", "invite-friends", `{"deletionPolicy":"Retain"}`)
	await(w, campaign, "without a finalizer", func(c *v1alpha1.ReferralCampaign) bool { return len(c.Finalizers) == 0 })
	proxy.Swallow()
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.UnreachableReason)
	check(t, w.client.Delete(t.Context(), campaign))
	w.awaitGone(campaign)
	w.apply(strings.Replace(inviteFriendsYAML, "spec:", "spec:\n  deletionPolicy: "+deletionPolicy, 1))
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.DatabaseNotReadyReason)
	return w, own, proxy.Pass
}

func TestReverseTakesBackWhatAnEarlierObjectDeclared(t *testing.T) {
	t.Parallel()
	w, own, back := superseded(t, "Reverse")
	campaign := w.rcamp("invite-friends")
	await(w, campaign, "with a finalizer", func(c *v1alpha1.ReferralCampaign) bool { return slices.Contains(c.Finalizers, v1alpha1.Finalizer) })
	check(t, w.client.Delete(t.Context(), campaign))
	w.awaitTerminating("the campaign's credits cannot be reversed")
	back()
	w.awaitGone(campaign)
	if got, want := outcome(w, own), "0 2 Reversed CampaignDeleted Closed"; got != want {
		t.Errorf("gone, there is %q, want %q", got, want)
	}
}

func TestRetainOfAnObjectThatDeclaredNothingClosesTheCampaignAtOnce(t *testing.T) {
	for name, finalizer := range map[string]string{"without a finalizer": "", "with another's finalizer": foreign} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, own, back := superseded(t, "Retain")
			if finalizer != "" {
				w.deleteHeld()
				w.awaitTerminating("the campaign cannot be closed")
			} else {
				check(t, w.client.Delete(t.Context(), w.rcamp("invite-friends")))
				w.awaitGone(w.rcamp("invite-friends"))
			}
			back()
			w.eventually("closed", func() bool { return outcome(w, own) == "500 1 Granted Qualified Closed" })
			if finalizer != "" {
				w.awaitTerminating("the campaign is closed, and keeps its credits")
				w.letGoOfHeld()
			}
		})
	}
}

// asPasted has a shell run the kubectl line that a message ends with.
func (w *world) asPasted(message string) {
	w.Helper()
	line := regexp.MustCompile(`kubectl -n .*$`).FindString(message)
	cmd := exec.CommandContext(w.Context(), "sh", "-c", line)
	cmd.Env = []string{"KUBECONFIG=" + w.cluster.Kubeconfig(), "HOME=" + w.TempDir(), "PATH=" + filepath.Dir(w.cluster.KubectlPath())}
	if output, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("%s: %v\n%s", line, err, output)
	}
}

// The campaign is not closed while its object exists. If the finalizer is removed early, the
// remaining credits stay.
func TestRetainKeepsCreditsThatAreNotReversedYet(t *testing.T) {
	t.Parallel()
	w, own, _ := newGiver(t)
	resume := w.stopEngine(own)
	campaign := w.rcamp("invite-friends")
	check(t, w.client.Delete(t.Context(), campaign))
	w.awaitTerminating("1 pair is still to be reversed")
	w.awaitMore(campaign, 2)
	if got, want := outcome(w, own), "500 1 Granted Qualified Reversing"; got != want {
		t.Errorf("while it waits there is %q, want %q", got, want)
	}
	// The policy does not wait for it to follow new terms.
	w.apply(strings.Replace(fiveDollarsYAML, "5.00", "7.00", 1))
	w.awaitReady(w.rpol("five-dollars"))
	w.patch("rcamp", "invite-friends", `{"deletionPolicy":"Retain"}`)
	w.awaitGone(campaign)
	if mode := value[string](w, own, campaignMode); mode != "Closed" { // no object says Retain any more
		t.Errorf("gone, it is %s", mode)
	}
	resume()
	w.eventually("decided", func() bool { return value[int](w, own, "SELECT count(*)::int FROM referral.change") == 0 })
	if got, want := outcome(w, own), "500 1 Granted Qualified Closed"; got != want {
		t.Errorf("in the end there is %q, want %q", got, want)
	}
}

func TestReverseWaitsForASuspendedDatabase(t *testing.T) {
	t.Parallel()
	w, own, _ := newGiver(t)
	w.patch("adb", "shop", `{"suspend":true}`)
	w.awaitReason(w.adb("shop"), metav1.ConditionTrue, v1alpha1.SuspendedReason)
	campaign := w.rcamp("invite-friends")
	check(t, w.client.Delete(t.Context(), campaign))
	w.awaitTerminating("nothing is decided until spec.suspend of AttributionDatabase " + w.namespace + "/shop is false")
	w.patch("adb", "shop", `{"suspend":false}`)
	w.awaitGone(campaign)
	if got, want := outcome(w, own), "0 2 Reversed CampaignDeleted Closed"; got != want {
		t.Errorf("gone, there is %q, want %q", got, want)
	}
}

func TestReverseWithoutDatabaseReleasesTheCampaign(t *testing.T) {
	for name, lose := range map[string]func(*world, *testworld.Proxy){
		"its Secret does not exist": func(w *world, proxy *testworld.Proxy) {
			w.kubectl("", "delete", "secret", "shop-db")
			check(w, proxy.Stop()) // which has the Secret read again
			w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.SecretNotFoundReason)
		},
		"its object does not exist": func(w *world, _ *testworld.Proxy) {
			check(w, w.client.Delete(w.Context(), w.adb("shop")))
			w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.InUseReason)
			w.merge("adb", "shop", `{"metadata":{"finalizers":null}}`)
			w.awaitGone(w.adb("shop"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, own, proxy := newGiver(t)
			lose(w, proxy)
			campaign := w.rcamp("invite-friends")
			check(t, w.client.Delete(t.Context(), campaign))
			w.awaitGone(campaign)
			if got := value[int](w, own, "SELECT sum(amount)::int FROM referral.ledger"); got != 500 {
				t.Errorf("there is credit of %d", got)
			}
			w.awaitEvent("CreditsKept", "released without reversing its credits")
		})
	}
}

func (w *world) awaitEvent(reason, says string) {
	w.Helper()
	w.eventually("an event "+reason, func() bool {
		var list eventsv1.EventList
		check(w, w.client.List(w.Context(), &list, client.InNamespace(w.namespace)))
		return slices.ContainsFunc(list.Items, func(e eventsv1.Event) bool { return e.Reason == reason && strings.Contains(e.Note, says) })
	})
}

// countEvents is how often an event with this reason was recorded.
func (w *world) countEvents(reason string) int {
	w.Helper()
	var list eventsv1.EventList
	check(w, w.client.List(w.Context(), &list, client.InNamespace(w.namespace)))
	count := 0
	for _, e := range list.Items {
		if e.Reason == reason {
			count++
			if e.Series != nil {
				count += int(e.Series.Count) - 1
			}
		}
	}
	return count
}

func TestDeletedDatabaseStaysUntilCampaignsAreReversed(t *testing.T) {
	t.Parallel()
	w, own, _ := newGiver(t)
	resume := w.stopEngine(own)
	adb, campaign := w.adb("shop"), w.rcamp("invite-friends")
	check(t, w.client.Delete(t.Context(), adb))
	check(t, w.client.Delete(t.Context(), campaign))
	w.awaitReason(adb, metav1.ConditionFalse, v1alpha1.InUseReason)
	w.awaitTerminating("1 pair is still to be reversed")
	resume()
	w.awaitGone(campaign)
	w.awaitGone(adb)
	if got, want := outcome(w, own), "0 2 Reversed CampaignDeleted Closed"; got != want {
		t.Errorf("gone, there is %q, want %q", got, want)
	}
}

func TestUndeclaredCampaignIsReleasedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.secret("shop-db", map[string]string{"uri": "postgres://stranger:secret@" + unusedAddress() + "/shop"})
	w.apply(allYAML)
	campaign := w.rcamp("invite-friends")
	w.awaitReason(campaign, metav1.ConditionFalse, v1alpha1.DatabaseNotReadyReason)
	w.patch("rcamp", "invite-friends", reverses)
	await(w, campaign, "with a finalizer", func(c *v1alpha1.ReferralCampaign) bool { return slices.Contains(c.Finalizers, v1alpha1.Finalizer) })
	check(t, w.client.Delete(t.Context(), campaign))
	w.awaitGone(campaign)
}

// Its pairs are still reversed by refunds, and its status says so.
func TestCampaignThatIsBeingDeletedReportsItsCounters(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.shop(own, oneFriend)
	campaign := w.rcamp("invite-friends")
	await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs != nil && c.Status.Pairs.Granted == 1 })
	w.deleteHeld()
	w.awaitTerminating("keeps its credits")
	w.shop(own, "INSERT INTO referral.refund (user_id, purchase_id, refund_id, amount) VALUES ('bob', 'order-1', 'r', 2500)")
	await(w, campaign, "reversed", func(c *v1alpha1.ReferralCampaign) bool {
		return c.Status.Pairs.Granted == 0 && c.Status.Pairs.Reversed == 1 && c.Status.Credit == "0.00 USD"
	})
	w.letGoOfHeld()
}
