package controllers

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/hosting"
)

// holder is a manager that runs none of the controllers that are added to it.
type holder struct {
	ctrl.Manager
	added []manager.Runnable
}

func (h *holder) Add(controller manager.Runnable) error {
	h.added = append(h.added, controller)
	return nil
}

// queueOf returns a new queue of the controller that a setup adds to a manager.
func queueOf(t *testing.T, setup func(ctrl.Manager) error) workqueue.TypedRateLimitingInterface[ctrl.Request] {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	kinds := meta.NewDefaultRESTMapper(nil)
	for kind := range scheme.KnownTypes(v1alpha1.GroupVersion) {
		kinds.Add(v1alpha1.GroupVersion.WithKind(kind), meta.RESTScopeNamespace)
	}
	mgr, err := ctrl.NewManager(&rest.Config{}, ctrl.Options{
		Scheme:         scheme,
		Metrics:        metricsserver.Options{BindAddress: "0"},
		Controller:     config.Controller{SkipNameValidation: new(true)},
		MapperProvider: func(*rest.Config, *http.Client) (meta.RESTMapper, error) { return kinds, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	h := &holder{Manager: mgr}
	if err := setup(h); err != nil {
		t.Fatal(err)
	}
	for _, added := range h.added {
		controller := reflect.Indirect(reflect.ValueOf(added)) // its type is not exported
		if controller.Kind() != reflect.Struct {
			continue // what runs beside the controller
		}
		newQueue, ok := reflect.TypeAssert[func(string, workqueue.TypedRateLimiter[ctrl.Request]) workqueue.TypedRateLimitingInterface[ctrl.Request]](
			controller.FieldByName("NewQueue"))
		if !ok {
			t.Fatalf("the queue of %s cannot be made", controller.Type())
		}
		return newQueue("", retries())
	}
	t.Fatal("no controller was added")
	return nil
}

func TestObjectsDoNotWaitForThoseOfOtherNamespaces(t *testing.T) {
	databases := &AttributionDatabaseReconciler{
		registry: hosting.NewRegistry(hosting.Options{Reconcilers: 1}), verifications: hosting.NewVerifications(nil, nil),
	}
	campaigns := &ReferralCampaignReconciler{}
	policies := &RewardPolicyReconciler{}
	plans := &RewardPlanReconciler{plans: hosting.NewPlans(nil)}
	reviews := &RewardReviewReconciler{}
	pools := &PoolsReconciler{registry: databases.registry}
	for name, setup := range map[string]func(ctrl.Manager) error{
		"AttributionDatabase": databases.setup,
		"ReferralCampaign":    func(mgr ctrl.Manager) error { return campaigns.setup(mgr, hosting.NewFeed()) },
		"RewardPolicy":        policies.setup,
		"RewardPlan":          plans.setup,
		"RewardReview":        reviews.setup,
		"pools":               pools.setup,
	} {
		t.Run(name, func(t *testing.T) {
			queue := queueOf(t, setup)
			defer queue.ShutDown()
			for n := range 100 {
				queue.Add(ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "crowd", Name: fmt.Sprint("shop-", n)}})
			}
			if got, _ := queue.Get(); got.Namespace != "crowd" {
				t.Errorf("the first is %s", got)
			}
			quiet := ctrl.Request{NamespacedName: types.NamespacedName{Namespace: "quiet", Name: "shop"}}
			queue.Add(quiet)
			if got, _ := queue.Get(); got != quiet {
				t.Errorf("next comes %s", got)
			}
		})
	}
}
