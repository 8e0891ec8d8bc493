package main

import (
	"context"
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	kube "sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// reconcilers is how many objects of one kind are reconciled at the same time, as in the manager.
const reconcilers = 8

// writeStatusOnly returns how long a manager takes whose reconcilers write a Ready condition and do
// nothing else.
func (m *many) writeStatusOnly(ctx context.Context) (time.Duration, error) {
	settings := m.cluster.Config()
	settings.QPS = -1
	began := time.Now()
	mgr, err := ctrl.NewManager(settings, ctrl.Options{
		Scheme:     m.scheme,
		Cache:      cache.Options{DefaultNamespaces: map[string]cache.Config{plainSpace: {}}},
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{MaxConcurrentReconciles: reconcilers, SkipNameValidation: new(true)},
	})
	if err != nil {
		return 0, err
	}
	err = errors.Join(
		ctrl.NewControllerManagedBy(mgr).Named("plain-databases").For(&v1alpha1.AttributionDatabase{}).
			Complete(writesStatus(mgr.GetClient(), func() conditioned { return &v1alpha1.AttributionDatabase{} })),
		ctrl.NewControllerManagedBy(mgr).Named("plain-campaigns").For(&v1alpha1.ReferralCampaign{}).
			Complete(writesStatus(mgr.GetClient(), func() conditioned { return &v1alpha1.ReferralCampaign{} })),
	)
	if err != nil {
		return 0, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(running) }()
	err = m.awaitReady(ctx, plainSpace)
	took := time.Since(began)
	stop()
	return took, errors.Join(err, <-ended)
}

// conditioned is a kind with conditions.
type conditioned interface {
	kube.Object
	GetConditions() []metav1.Condition
	SetConditions([]metav1.Condition)
}

// writesStatus is a reconciler that writes a Ready condition.
func writesStatus(c kube.Client, empty func() conditioned) reconcile.Func {
	return func(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
		object := empty()
		if err := c.Get(ctx, request.NamespacedName, object); err != nil {
			return ctrl.Result{}, kube.IgnoreNotFound(err)
		}
		before, ok := object.DeepCopyObject().(kube.Object)
		if !ok {
			return ctrl.Result{}, errors.New("a copy of an object is no client.Object")
		}
		conditions := object.GetConditions()
		if !meta.SetStatusCondition(&conditions, metav1.Condition{
			Type: v1alpha1.ReadyCondition, Status: metav1.ConditionTrue, Reason: v1alpha1.ReadyReason, ObservedGeneration: object.GetGeneration(),
		}) {
			return ctrl.Result{}, nil
		}
		object.SetConditions(conditions)
		return ctrl.Result{}, c.Status().Patch(ctx, object, kube.MergeFrom(before))
	}
}
