package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	// GroupVersion is the API group and version of all kinds of this package.
	GroupVersion = schema.GroupVersion{Group: "referral-operator.io", Version: "v1alpha1"}

	// SchemeBuilder collects what AddToScheme adds. It is apimachinery's and not
	// controller-runtime's, so that a client of these types does not pull in the latter.
	SchemeBuilder = runtime.NewSchemeBuilder(addKnownTypes)

	// AddToScheme teaches a scheme the kinds of this package.
	AddToScheme = SchemeBuilder.AddToScheme
)

func addKnownTypes(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&AttributionDatabase{}, &AttributionDatabaseList{},
		&RewardPolicy{}, &RewardPolicyList{},
		&ReferralCampaign{}, &ReferralCampaignList{},
		&RewardPlan{}, &RewardPlanList{},
		&RewardReview{}, &RewardReviewList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}
