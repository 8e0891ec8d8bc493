package controllers

import (
	"context"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// The cache may still have the object of before.
func TestExpiredObjectThatWasReplacedIsLeftAlone(t *testing.T) {
	plan := &v1alpha1.RewardPlan{ObjectMeta: metav1.ObjectMeta{Namespace: "growth", Name: "raise", UID: "before"}}
	replaced := fake.NewClientBuilder().WithInterceptorFuncs(interceptor.Funcs{
		Delete: func(_ context.Context, _ client.WithWatch, _ client.Object, options ...client.DeleteOption) error {
			var all client.DeleteOptions
			all.ApplyOptions(options)
			if all.Preconditions == nil || *all.Preconditions.UID != plan.UID {
				t.Errorf("preconditions %v", all.Preconditions)
			}
			return apierrors.NewConflict(schema.GroupResource{Resource: "rewardplans"}, plan.Name, nil)
		},
	}).Build()
	if err := deleteExpired(t.Context(), replaced, plan, "plan"); err != nil {
		t.Error(err)
	}
}
