package controllers_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

const campaignMode = "SELECT mode FROM referral.campaign WHERE name = 'invite-friends'"

// everything is all that a deletion or a rebuilt cluster must not change.
const everything = `SELECT concat_ws(E'\n', (SELECT string_agg(p::text, E'\n' ORDER BY user_id, purchase_id) FROM referral.pair AS p),
	(SELECT string_agg(l::text, E'\n' ORDER BY entry_id) FROM referral.ledger AS l),
	(SELECT string_agg(a::text, E'\n' ORDER BY user_id) FROM referral.attribution AS a),
	(SELECT string_agg(r::text, E'\n' ORDER BY campaign, revision) FROM referral.revision AS r))`

// forceDelete removes an object although a finalizer is on it.
func (w *world) forceDelete(kind, name string, object conditioned) {
	w.Helper()
	w.merge(kind, name, `{"metadata":{"finalizers":null}}`)
	check(w, w.client.Delete(w.Context(), object))
	w.awaitGone(object)
}

// settled waits until the manager has reconciled the database a few times since it is Ready.
func (w *world) settled() {
	w.Helper()
	w.awaitReady(w.adb("shop"))
	w.awaitMore(w.adb("shop"), 3)
}

func TestAbsentCampaignIsClosedAfterTheGrace(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.stop()
	check(t, w.client.Delete(t.Context(), w.rcamp("invite-friends")))
	w.startManager()
	w.settled()
	w.ahead.Add(int64(9 * time.Minute))
	w.settled()
	if mode := value[string](w, own, campaignMode); mode != "Open" {
		t.Fatalf("within the grace it is %s", mode)
	}
	w.ahead.Add(int64(2 * time.Minute))
	w.eventually("closed", func() bool { return value[string](w, own, campaignMode) == "Closed" })

	w.apply(inviteFriendsYAML)
	w.awaitReady(w.rcamp("invite-friends"))
	w.shop(own, oneFriend)
	await(w, w.rcamp("invite-friends"), "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == "5.00 USD" })
}

// Many absent campaigns are closed over several reconciles, and all of them before the ownership is
// given up.
func TestManyAbsentCampaignsAreClosed(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	copies := `INSERT INTO referral.campaign SELECT (jsonb_populate_record(c, jsonb_build_object('name', '%s-' || n))).*
		FROM referral.campaign AS c, generate_series(1, 45) AS n WHERE c.name = 'invite-friends'`
	closed := func() int {
		return value[int](w, own, "SELECT count(*)::int FROM referral.campaign WHERE mode = 'Closed'")
	}
	w.sql(own, fmt.Sprintf(copies, "first")+"; UPDATE referral.meta SET epoch = epoch + 1")
	w.ahead.Add(int64(11 * time.Minute))
	w.eventually("closed", func() bool { return closed() == 45 })
	if mode := value[string](w, own, campaignMode); mode != "Open" {
		t.Errorf("the campaign with an object is %s", mode)
	}
	check(t, w.client.Delete(t.Context(), w.rcamp("invite-friends")))
	w.eventually("closed", func() bool { return closed() == 46 })
	w.sql(own, fmt.Sprintf(copies, "second")+`;
		UPDATE referral.campaign SET mode = 'Open' WHERE name LIKE 'second-%'; UPDATE referral.meta SET epoch = epoch + 1`)
	w.eventually("begun", func() bool { return closed() > 46 })
	check(t, w.client.Delete(t.Context(), w.adb("shop")))
	w.awaitGone(w.adb("shop"))
	if n := closed(); n != 91 {
		t.Errorf("%d of 91 campaigns are closed", n)
	}
}

func TestNewLeaderStartsTheGraceAgain(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.stop()
	check(t, w.client.Delete(t.Context(), w.rcamp("invite-friends")))
	for range 2 {
		w.startManager()
		w.settled()
		w.ahead.Add(int64(6 * time.Minute))
		w.settled()
		w.stop()
	}
	if mode := value[string](w, own, campaignMode); mode != "Open" {
		t.Fatalf("12 minutes after it was deleted, 6 after the last leader began, it is %s", mode)
	}
}

func TestOutageStartsTheGraceAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	own := w.newDatabase()
	proxy := w.behind(own, "shop-db")
	w.apply(allYAML)
	w.awaitReady(w.rcamp("invite-friends"))
	w.stop()
	check(t, w.client.Delete(t.Context(), w.rcamp("invite-friends")))
	w.startManager()
	w.settled()
	proxy.Swallow()
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.UnreachableReason)
	w.ahead.Add(int64(11 * time.Minute))
	proxy.Pass()
	w.settled()
	if mode := value[string](w, own, campaignMode); mode != "Open" {
		t.Fatalf("right after the outage it is %s", mode)
	}
	w.ahead.Add(int64(11 * time.Minute))
	w.eventually("closed", func() bool { return value[string](w, own, campaignMode) == "Closed" })
}

func TestRebuiltClusterChangesNoCredit(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"5.00","currency":"USD"}}`)
	campaign := w.rcamp("invite-friends")
	await(w, campaign, "with a budget", func(c *v1alpha1.ReferralCampaign) bool {
		return len(c.Status.Credits) == 1 && c.Status.Credits[0].BudgetRemaining == "5.00"
	})
	w.friends(own, "bob", "carol", "dave")
	await(w, campaign, "two wait", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Waiting == 2 })
	before := value[string](w, own, everything)

	// The cluster is lost, with everything in it.
	w.stop()
	w.endHosts()
	w.forceDelete("rcamp", "invite-friends", campaign)
	w.forceDelete("rpol", "five-dollars", w.rpol("five-dollars"))
	w.forceDelete("adb", "shop", w.adb("shop"))
	w.sql(own, "UPDATE referral.owner SET heartbeat_at = heartbeat_at - interval '1 hour'")

	w.startRegistry()
	w.apply(shopYAML)
	w.startManager()
	w.settled()
	w.ahead.Add(int64(10 * time.Second))
	w.settled()
	if diff := cmp.Diff(before, value[string](w, own, everything)); diff != "" {
		t.Errorf("before the campaign is applied: %s", diff)
	}
	w.apply(fiveDollarsYAML)
	w.apply(strings.Replace(inviteFriendsYAML, "spec:", "spec:\n  budget: {amount: \"5.00\", currency: USD}", 1))
	w.awaitReason(campaign, metav1.ConditionTrue, v1alpha1.BudgetExhaustedReason)
	w.eventually("decided", func() bool { return value[int](w, own, "SELECT count(*)::int FROM referral.change") == 0 })
	if diff := cmp.Diff(before, value[string](w, own, everything)); diff != "" {
		t.Errorf("after it was applied: %s", diff)
	}
	// The first waiting pair is next.
	w.patch("rcamp", "invite-friends", `{"budget":{"amount":"10.00"}}`)
	await(w, campaign, "one more", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 2 })
	if next := value[string](w, own, "SELECT state FROM referral.pair ORDER BY admission_order OFFSET 1 LIMIT 1"); next != "Granted" {
		t.Errorf("the first waiting pair is of %s", next)
	}
}

const foreign = "example.test/hold"

// deleteHeld replaces the finalizers of the campaign by another's, and deletes it in the foreground.
func (w *world) deleteHeld() {
	w.Helper()
	campaign := w.rcamp("invite-friends")
	const finalizers = `[{"op":"add","path":"/metadata/finalizers","value":["` + foreign + `"]}]`
	check(w, w.client.Patch(w.Context(), campaign, client.RawPatch(types.JSONPatchType, []byte(finalizers))))
	check(w, w.client.Delete(w.Context(), campaign, client.PropagationPolicy(metav1.DeletePropagationForeground)))
}

// letGoOfHeld takes all finalizers off that are not ours.
func (w *world) letGoOfHeld() {
	w.Helper()
	w.merge("rcamp", "invite-friends", `{"metadata":{"finalizers":null}}`)
	w.awaitGone(w.rcamp("invite-friends"))
}

const secondFriend = `
	INSERT INTO referral.signup (user_id, code) VALUES ('carol', 'alice-1');
	INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'order-2', 2500, 'USD')`

func TestDeletionCountsDespiteAnotherFinalizer(t *testing.T) {
	for name, test := range map[string]struct{ spec, says, outcome, again string }{
		"Retain": {
			spec: `{"deletionPolicy":"Retain"}`, says: "the campaign is closed, and keeps its credits",
			outcome: "500 1 Granted Qualified Closed", again: "10.00 USD",
		},
		"Retain, suspended": {
			spec: `{"deletionPolicy":"Retain","suspend":true}`, says: "the campaign is closed, and keeps its credits",
			outcome: "500 1 Granted Qualified Closed", again: "10.00 USD",
		},
		"Reverse": {
			spec: reverses, says: "the campaign is closed, and its credits have been reversed",
			outcome: "0 2 Reversed CampaignDeleted Closed", again: "10.00 USD",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, own := newShop(t)
			w.shop(own, oneFriend)
			campaign := w.rcamp("invite-friends")
			await(w, campaign, "granted", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Pairs.Granted == 1 })
			w.patch("rcamp", "invite-friends", test.spec)
			await(w, campaign, "observed", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.ObservedGeneration == c.Generation })
			w.deleteHeld()
			says := w.awaitTerminating(test.says)
			if !strings.Contains(says.Message, foreign) || says.Status != metav1.ConditionFalse {
				t.Errorf("%+v", says)
			}
			if got := outcome(w, own); got != test.outcome {
				t.Errorf("there is %q, want %q", got, test.outcome)
			}
			w.shop(own, secondFriend)
			w.eventually("decided", func() bool { return value[int](w, own, "SELECT count(*)::int FROM referral.change") == 0 })
			if paid := value[int](w, own, "SELECT count(*)::int FROM referral.ledger WHERE user_id = 'carol'"); paid > 0 {
				t.Errorf("a campaign that is being deleted made %d entries", paid)
			}
			// Neither a restart nor an edit of what it follows opens it.
			w.stop()
			w.startManager()
			w.awaitEnded(campaign, 1)
			w.settled()
			begun := w.begun(campaign)
			w.annotate("rpol", "five-dollars", v1alpha1.RequestedAtAnnotation, "now")
			w.annotate("rcamp", "invite-friends", v1alpha1.RequestedAtAnnotation, "now")
			w.awaitEnded(campaign, begun+1)
			w.settled()
			if mode := value[string](w, own, campaignMode); mode != "Closed" {
				t.Errorf("it is %s", mode)
			}
			if ready := meta.FindStatusCondition(await(w, campaign, "there", func(*v1alpha1.ReferralCampaign) bool { return true }).Status.Conditions,
				v1alpha1.ReadyCondition); ready.Status != metav1.ConditionFalse || ready.Reason != v1alpha1.TerminatingReason {
				t.Errorf("%+v", ready)
			}
			w.letGoOfHeld()
			w.apply(inviteFriendsYAML)
			await(w, campaign, "going on", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.Credit == test.again })
		})
	}
}

// An object may have another's finalizer, and be deleted, before we have seen it.
func TestReverseWorksWithoutOurFinalizer(t *testing.T) {
	t.Parallel()
	w, own, _ := newGiver(t)
	w.stop()
	w.deleteHeld() // which takes ours off
	w.startManager()
	w.awaitTerminating("its credits have been reversed")
	if got, want := outcome(w, own), "0 2 Reversed CampaignDeleted Closed"; got != want {
		t.Errorf("there is %q, want %q", got, want)
	}
	w.letGoOfHeld()
}

// The deletion of an object is recorded: a leader whose cache lags behind changes nothing by what
// it still sees.
func TestObjectRecordedAsDeletedReportsTerminating(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.sql(own, "UPDATE referral.campaign SET deleted_uids = deleted_uids || uid, mode = 'Closed'; UPDATE referral.meta SET epoch = epoch + 1")
	w.annotate("rcamp", "invite-friends", v1alpha1.RequestedAtAnnotation, "now")
	w.awaitTerminating("delete it and apply it again")
	if mode := value[string](w, own, campaignMode); mode != "Closed" {
		t.Errorf("it is %s", mode)
	}
	check(t, w.client.Delete(t.Context(), w.rcamp("invite-friends")))
	w.awaitGone(w.rcamp("invite-friends"))
	w.apply(inviteFriendsYAML)
	w.awaitReady(w.rcamp("invite-friends"))
}
