package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
)

func TestCacheKeepsNoMetadataThatNothingReads(t *testing.T) {
	kinds := []client.Object{
		&v1alpha1.AttributionDatabase{}, &v1alpha1.RewardPolicy{}, &v1alpha1.ReferralCampaign{}, &v1alpha1.RewardPlan{},
		&v1alpha1.RewardReview{},
	}
	for _, object := range kinds {
		object.SetName("summer")
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
		if len(object.GetLabels())+len(object.GetManagedFields())+len(object.GetOwnerReferences()) > 0 {
			t.Errorf("%T: the cache keeps %+v", object, object)
		}
		annotations := map[string]string{v1alpha1.SuspendAnnotation: "true", v1alpha1.RequestedAtAnnotation: database.RequestID(request)}
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
