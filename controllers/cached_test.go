package controllers

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

func TestCacheKeepsNoMetadataThatNothingReads(t *testing.T) {
	kinds := []client.Object{
		&v1alpha1.AttributionDatabase{}, &v1alpha1.RewardPolicy{}, &v1alpha1.ReferralCampaign{}, &v1alpha1.RewardPlan{},
		&v1alpha1.RewardReview{},
	}
	for _, object := range kinds {
		object.SetName("summer")
		object.SetGenerateName(strings.Repeat("s", 100_000)) // an update may store one of any length
		object.SetLabels(map[string]string{strings.Repeat("k", 63): strings.Repeat("v", 63)})
		object.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: "kubectl"}})
		object.SetOwnerReferences([]metav1.OwnerReference{{Name: "owner"}})
		object.SetFinalizers([]string{"growth.example.com/a", v1alpha1.Finalizer, "growth.example.com/b", "growth.example.com/c"})
		request := strings.Repeat("now", 80_000)
		object.SetAnnotations(map[string]string{
			"kubectl.kubernetes.io/last-applied-configuration": strings.Repeat("x", 100_000),
			v1alpha1.SuspendAnnotation:                         "true",
			v1alpha1.RequestedAtAnnotation:                     request,
		})
		kept, err := Cached(object)
		if err != nil || kept != any(object) {
			t.Fatalf("%T: %v", object, err)
		}
		if len(object.GetLabels())+len(object.GetManagedFields())+len(object.GetOwnerReferences())+len(object.GetGenerateName()) > 0 {
			t.Errorf("%T: the cache keeps %+v", object, object)
		}
		annotations := map[string]string{v1alpha1.SuspendAnnotation: "true", v1alpha1.RequestedAtAnnotation: database.RequestID(request)}
		switch object.(type) {
		case *v1alpha1.RewardPlan, *v1alpha1.RewardReview:
			annotations = nil // their reconcilers read none
		}
		if diff := cmp.Diff(annotations, object.GetAnnotations()); diff != "" {
			t.Errorf("%T: the cache keeps other annotations (-want +got):\n%s", object, diff)
		}
		if diff := cmp.Diff([]string{v1alpha1.Finalizer, "growth.example.com/a"}, object.GetFinalizers()); diff != "" {
			t.Errorf("%T: the cache keeps other finalizers (-want +got):\n%s", object, diff)
		}
		if object.GetName() != "summer" {
			t.Errorf("%T: the cache drops what is read", object)
		}
	}
	if _, err := Cached(cache.DeletedFinalStateUnknown{Key: "growth/summer"}); err != nil {
		t.Error(err)
	}
}

// After it has removed our finalizer, the reconciler knows all of the others; later, from the cache,
// only one.
func TestCampaignThatWaitsForOtherFinalizersSaysTheSameAllTheTime(t *testing.T) {
	campaign := campaignOf(types.NamespacedName{Namespace: "growth", Name: "shop"}, "invite")
	campaign.DeletionTimestamp = new(metav1.Now())
	campaign.Finalizers = []string{"growth.example.com/a", v1alpha1.Finalizer, "growth.example.com/b"}
	_, r := newReconcilers(t, campaign)
	var messages []string
	for range 2 {
		var cached v1alpha1.ReferralCampaign
		get(t, r.client, client.ObjectKeyFromObject(campaign), &cached)
		if _, err := Cached(&cached); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, r.release(t.Context(), &campaignScope{campaign: &cached}, "done").Error())
	}
	if messages[0] != messages[1] || !strings.HasSuffix(messages[0], "such as growth.example.com/a") {
		t.Errorf("it says %q, and then %q", messages[0], messages[1])
	}
}

// largePlan is a plan with all that a tenant can make large, and with these conditions.
func largePlan(conditions ...metav1.Condition) *v1alpha1.RewardPlan {
	return &v1alpha1.RewardPlan{
		Spec: v1alpha1.RewardPlanSpec{
			CampaignRef: v1alpha1.ObjectReference{Name: "invite"}, Detail: v1alpha1.LargestDetail, TTL: &v1alpha1.Duration{Duration: time.Hour},
			Proposed: &v1alpha1.ProposedEdit{Policy: &v1alpha1.RewardPolicySpec{Rewards: make([]v1alpha1.Reward, 8)}},
		},
		Status: v1alpha1.RewardPlanStatus{
			ObservedGeneration: 1, Progress: &v1alpha1.PlanProgress{Decided: 1}, Grant: "5.00 USD",
			Effects: make([]v1alpha1.PlanEffect, v1alpha1.MaxPlanCurrencies), Conditions: conditions,
		},
	}
}

func TestCacheKeepsOfAPlanWhatBringsItToItsEnd(t *testing.T) {
	at := metav1.Now()
	done := metav1.Condition{Type: v1alpha1.ReadyCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.DoneReason, LastTransitionTime: at}
	refused := []metav1.Condition{
		{Type: v1alpha1.ReadyCondition, Status: metav1.ConditionFalse, Reason: v1alpha1.TooManyPlansReason, LastTransitionTime: at},
		{Type: v1alpha1.StalledCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.TooManyPlansReason, LastTransitionTime: at},
	}
	running := metav1.Condition{Type: v1alpha1.ReadyCondition, Status: metav1.ConditionFalse, Reason: v1alpha1.RunningReason, LastTransitionTime: at}
	finished := func(conditions ...metav1.Condition) *v1alpha1.RewardPlan {
		return &v1alpha1.RewardPlan{
			Spec:   v1alpha1.RewardPlanSpec{TTL: &v1alpha1.Duration{Duration: time.Hour}},
			Status: v1alpha1.RewardPlanStatus{ObservedGeneration: 1, Conditions: conditions},
		}
	}
	unfinished := func(conditions ...metav1.Condition) *v1alpha1.RewardPlan {
		plan := largePlan(conditions...)
		plan.Spec.Proposed = nil
		return plan
	}
	for name, test := range map[string]struct{ plan, want *v1alpha1.RewardPlan }{
		"new":     {largePlan(), unfinished()},
		"running": {largePlan(running), unfinished(running)},
		"done":    {largePlan(done), finished(done)},
		"refused": {largePlan(refused...), finished(refused...)},
	} {
		if _, err := Cached(test.plan); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, test.plan); diff != "" {
			t.Errorf("%s: the cache keeps something else (-want +got):\n%s", name, diff)
		}
	}
}

func TestCacheKeepsOfAnAnsweredReviewWhatDeletesIt(t *testing.T) {
	question := v1alpha1.RewardReviewSpec{
		DatabaseRef: v1alpha1.ObjectReference{Name: "shop"}, ReferrerID: "alice", After: strings.Repeat("x", 1024),
		TTL: &v1alpha1.Duration{Duration: time.Hour},
	}
	deletes := v1alpha1.RewardReviewSpec{TTL: question.TTL}
	for name, test := range map[string]struct {
		conditions []metav1.Condition
		want       v1alpha1.RewardReviewSpec
	}{
		"new":      {nil, question},
		"waiting":  {[]metav1.Condition{{Type: v1alpha1.ReadyCondition, Status: metav1.ConditionFalse, Reason: v1alpha1.DatabaseNotReadyReason}}, question},
		"answered": {[]metav1.Condition{{Type: v1alpha1.ReadyCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.AnsweredReason}}, deletes},
		"refused":  {[]metav1.Condition{{Type: v1alpha1.StalledCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.TooManyReviewsReason}}, deletes},
	} {
		review := &v1alpha1.RewardReview{Spec: question}
		review.Status = v1alpha1.RewardReviewStatus{ObservedGeneration: 1, Summary: "the purchase is credited", Conditions: test.conditions}
		if _, err := Cached(review); err != nil {
			t.Fatal(err)
		}
		want := &v1alpha1.RewardReview{Spec: test.want, Status: v1alpha1.RewardReviewStatus{ObservedGeneration: 1, Conditions: test.conditions}}
		if diff := cmp.Diff(want, review); diff != "" {
			t.Errorf("%s: the cache keeps something else (-want +got):\n%s", name, diff)
		}
	}
}

// A person with the right to write statuses can write 16 conditions with messages of 32 KiB.
func TestCacheKeepsConditionsAsTheOperatorWritesThem(t *testing.T) {
	for _, object := range []resource{
		&v1alpha1.AttributionDatabase{}, &v1alpha1.RewardPolicy{}, &v1alpha1.ReferralCampaign{}, &v1alpha1.RewardPlan{}, &v1alpha1.RewardReview{},
	} {
		setReady(object, metav1.ConditionTrue, v1alpha1.ReadyReason, strings.Repeat("x", 2*messageBytes))
		want := slices.Clone(object.GetConditions())
		object.SetConditions([]metav1.Condition{
			{Type: "Tasty", Message: "by another controller"}, want[0], {Type: v1alpha1.StalledCondition, Message: strings.Repeat("x", 2*messageBytes)},
		})
		if _, err := Cached(object); err != nil {
			t.Fatal(err)
		}
		want = append(want, metav1.Condition{Type: v1alpha1.StalledCondition, Message: postgres.Cut(strings.Repeat("x", 2*messageBytes), messageBytes)})
		if diff := cmp.Diff(want, object.GetConditions()); diff != "" {
			t.Errorf("%T: the cache keeps other conditions (-want +got):\n%s", object, diff)
		}
	}
}

// Of a long request, the status has the digest: before the object is read from the cache, too.
func TestObjectIsAsTheCacheHasItAfterAWriteOfItsMetadata(t *testing.T) {
	campaign := campaignOf(types.NamespacedName{Namespace: "growth", Name: "shop"}, "invite")
	request := strings.Repeat("now", 80_000)
	campaign.Annotations = map[string]string{v1alpha1.RequestedAtAnnotation: request}
	campaign.Spec.DeletionPolicy = v1alpha1.ReverseCredits
	_, r := newReconcilers(t, campaign)
	var cached v1alpha1.ReferralCampaign
	get(t, r.client, client.ObjectKeyFromObject(campaign), &cached)
	if _, err := Cached(&cached); err != nil {
		t.Fatal(err)
	}
	if err := r.ensureFinalizer(t.Context(), &campaignScope{campaign: &cached}); err != nil {
		t.Fatal(err)
	}
	if got := cached.Annotations[v1alpha1.RequestedAtAnnotation]; got != database.RequestID(request) || len(cached.Finalizers) != 1 {
		t.Errorf("the request is %.80s, the finalizers are %v", got, cached.Finalizers)
	}
}
