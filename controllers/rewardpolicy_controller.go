package controllers

import (
	"context"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/terms"
)

// RewardPolicyReconciler says whether a policy can work, and whether every campaign that uses it has its terms in force.
// It declares nothing: the campaigns do.
type RewardPolicyReconciler struct {
	client   client.Client
	reporter reporter
}

// +kubebuilder:rbac:groups=referral-operator.io,resources=rewardpolicies,verbs=get;list;watch
// +kubebuilder:rbac:groups=referral-operator.io,resources=rewardpolicies/status,verbs=patch

// Reconcile looks at one RewardPolicy.
func (r *RewardPolicyReconciler) Reconcile(ctx context.Context, request ctrl.Request) (result ctrl.Result, err error) {
	var policy v1alpha1.RewardPolicy
	if err := r.client.Get(ctx, request.NamespacedName, &policy); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !policy.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil // the campaigns notice
	}
	before := policy.DeepCopy()
	good := verdict{
		reason: v1alpha1.ReadyReason, message: "in force in every campaign that refers to it" + reaches[policy.Spec.RevisionScope],
	}
	defer func() {
		result, err = conclude(&policy, good, err)
		err = utilerrors.NewAggregate([]error{err, r.reporter.report(ctx, before, &policy)})
	}()

	campaigns, err := campaignsBy(ctx, r.client, policy.Namespace, campaignByPolicy, policy.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	policy.Status.Campaigns = int64(len(campaigns))
	if err := r.validate(&policy); err != nil {
		return ctrl.Result{}, err
	}
	good.message += warned(terms.Warnings(&policy.Spec))
	return ctrl.Result{}, r.awaitCampaigns(&policy, campaigns)
}

// validate sets the digest. Conditions: InvalidSpec, which is Stalled.
func (r *RewardPolicyReconciler) validate(policy *v1alpha1.RewardPolicy) error {
	normalised, err := terms.FromPolicy(&policy.Spec)
	if err != nil {
		policy.Status.Digest = ""
		return stalled(v1alpha1.InvalidSpecReason, "%w", err)
	}
	policy.Status.Digest = normalised.Digest()
	policy.SetObservedGeneration(policy.Generation)
	return nil
}

// warned adds warnings to a message: they keep nothing from working, so that they show where all is well.
func warned(warnings []string) string {
	if len(warnings) == 0 {
		return ""
	}
	const most = 3
	if more := len(warnings) - most; more > 0 {
		warnings = append(warnings[:most:most], fmt.Sprintf("and %d more", more))
	}
	return "; warning: " + strings.Join(warnings, "; ")
}

// awaitCampaigns waits until every campaign has these terms in force. Conditions: RollingOut.
func (r *RewardPolicyReconciler) awaitCampaigns(policy *v1alpha1.RewardPolicy, campaigns []v1alpha1.ReferralCampaign) error {
	var behind []string
	for i := range campaigns {
		if !campaigns[i].DeletionTimestamp.IsZero() {
			continue // it declares nothing any more
		}
		in := campaigns[i].Status.Policy
		if in == nil || in.Name != policy.Name || in.Digest != policy.Status.Digest || rollingOut(&campaigns[i]) {
			behind = append(behind, campaigns[i].Name)
		}
	}
	if len(behind) == 0 {
		return nil
	}
	return &waitingError{reason: v1alpha1.RollingOutReason, change: true, err: fmt.Errorf(
		"not in force yet in %d of %d campaigns: %s", len(behind), len(campaigns), some(behind))}
}

// reaches warns that an edit is no longer about the future alone.
var reaches = map[v1alpha1.RevisionScope]string{
	v1alpha1.HeldPairs: "; revisionScope is HeldPairs: the next edit also reaches pairs there are, those that wait and those whose hold has not ended",
	v1alpha1.AllPairs:  "; revisionScope is AllPairs: the next edit also reaches all pairs there are, granted ones too, whose credit is then granted or reversed anew",
}

// rollingOut says whether a campaign is still having pairs decided again under the newest terms.
func rollingOut(campaign *v1alpha1.ReferralCampaign) bool {
	reconciling := meta.FindStatusCondition(campaign.Status.Conditions, v1alpha1.ReconcilingCondition)
	return reconciling != nil && reconciling.Reason == v1alpha1.RollingOutReason
}

// some joins the first few of many names.
func some(names []string) string {
	const most = 5
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
