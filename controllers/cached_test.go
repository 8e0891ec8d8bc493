package controllers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
