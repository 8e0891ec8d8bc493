package controllers_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// After a restore of the API server's storage the database has declarations of later generations.
func TestEditBelowTheGenerationInForceSaysSo(t *testing.T) {
	const suspends, resumes, epoch = `{"suspend":true}`, `{"suspend":false}`, "; UPDATE referral.meta SET epoch = epoch + 1"
	for what, test := range map[string]struct {
		restored   string // what is in force is three edits ahead
		edits      []string
		kind, name string // of what is edited
		object     func(*world) conditioned
		says       string
		succeeded  func(*world, *testworld.Database) bool
	}{
		"of a campaign": {
			restored: "UPDATE referral.campaign SET generation = generation + 3" + epoch, edits: []string{suspends, resumes, suspends}, kind: "rcamp", name: "invite-friends",
			object: func(w *world) conditioned { return w.rcamp("invite-friends") },
			says:   "edit the spec until metadata.generation is 4, or delete it with deletionPolicy Retain and apply it again",
			succeeded: func(w *world, own *testworld.Database) bool {
				return value[string](w, own, campaignMode) == "Suspended"
			},
		},
		"of a policy": {
			restored: "UPDATE referral.campaign SET policy_generation = policy_generation + 3" + epoch,
			edits:    []string{`{"holdPeriod":"1h"}`, `{"holdPeriod":"2h"}`, `{"holdPeriod":"3h"}`}, kind: "rpol", name: "five-dollars",
			object: func(w *world) conditioned { return w.rcamp("invite-friends") },
			says:   "metadata.generation is 4, or delete it and apply it again",
			succeeded: func(w *world, own *testworld.Database) bool {
				return value[bool](w, own, "SELECT terms::text LIKE '%10800%' FROM referral.revision ORDER BY revision DESC LIMIT 1")
			},
		},
		"of a database": {
			restored: "UPDATE referral.owner SET generation = 4", edits: []string{suspends, resumes, suspends}, kind: "adb", name: "shop",
			object: func(w *world) conditioned { return w.adb("shop") },
			says:   "edit the spec until metadata.generation is 4",
			succeeded: func(w *world, own *testworld.Database) bool {
				return value[bool](w, own, "SELECT suspended FROM referral.meta")
			},
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			w, own := newShop(t)
			w.sql(own, test.restored)
			for i, edit := range test.edits {
				w.patch(test.kind, test.name, edit)
				if i > 0 {
					continue
				}
				if says := w.awaitReason(test.object(w), metav1.ConditionFalse, v1alpha1.InvalidSpecReason); !strings.Contains(says.Message, test.says) {
					t.Errorf("message: %s", says.Message)
				}
			}
			w.eventually("in force", func() bool { return test.succeeded(w, own) })
			await(w, test.object(w), "no longer Stalled", func(object conditioned) bool {
				for _, condition := range object.GetConditions() {
					if condition.Type == v1alpha1.StalledCondition {
						return false
					}
				}
				return true
			})
		})
	}
}

// The writers of the later generation keep their rights.
func TestSpecBelowTheGenerationInForceChangesNoRolesAndNoRetention(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	role := newRole(own)
	w.sql(own, `CREATE ROLE "`+role+`"`)
	w.Cleanup(func() { w.sql(own, `DROP OWNED BY "`+role+`"; DROP ROLE "`+role+`"`) })
	w.patch("adb", "shop", `{"roles":{"writers":["`+role+`"]},"retention":{"touches":"9000h"}}`)
	adb := w.adb("shop")
	w.awaitReady(adb)
	const retention = "SELECT touches IS NULL FROM referral.retention"
	granted := "SELECT has_any_column_privilege('" + role + "', 'referral.signup', 'INSERT')"
	inForce := func() bool { return value[bool](w, own, granted) && !value[bool](w, own, retention) }
	if !inForce() {
		t.Fatal("roles or retention are not in force")
	}
	if recorded := value[int64](w, own, "SELECT generation FROM referral.owner"); recorded != adb.Generation {
		t.Errorf("generation %d is recorded, not that of the edit", recorded)
	}
	w.sql(own, "UPDATE referral.owner SET generation = 5; UPDATE referral.meta SET suspended = true")
	w.patch("adb", "shop", `{"retention":null}`)
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.InvalidSpecReason)
	w.patch("adb", "shop", `{"roles":null}`)
	await(w, w.adb("shop"), "the second edit is observed", func(d *v1alpha1.AttributionDatabase) bool { return d.Status.ObservedGeneration == 4 })
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.InvalidSpecReason)
	if !value[bool](w, own, "SELECT suspended FROM referral.meta") {
		t.Error("the spec that is ignored has resumed the database")
	}
	if !inForce() {
		t.Error("the spec that is ignored has changed roles or retention")
	}
	w.patch("adb", "shop", `{"suspend":true}`) // generation 5
	w.awaitReason(w.adb("shop"), metav1.ConditionTrue, v1alpha1.SuspendedReason)
	if value[bool](w, own, granted) || !value[bool](w, own, retention) {
		t.Error("the spec of the generation in force has not changed roles and retention")
	}
}

// A setting of the database that is not in force keeps no campaign from being declared.
func TestCampaignIsSuspendedInADatabaseWhoseSpecIsIgnored(t *testing.T) {
	t.Parallel()
	w, own := newShop(t)
	w.sql(own, "UPDATE referral.owner SET generation = 9")
	w.patch("adb", "shop", `{"attribution":"FirstTouch"}`)
	w.awaitReason(w.adb("shop"), metav1.ConditionFalse, v1alpha1.InvalidSpecReason)
	w.patch("rcamp", "invite-friends", `{"suspend":true}`)
	w.awaitReason(w.rcamp("invite-friends"), metav1.ConditionTrue, v1alpha1.SuspendedReason)
	if mode := value[string](w, own, "SELECT mode FROM referral.campaign"); mode != "Suspended" {
		t.Errorf("the campaign is %s", mode)
	}
}
