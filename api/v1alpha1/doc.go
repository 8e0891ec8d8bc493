// Package v1alpha1 holds the five kinds of referral-operator.io: AttributionDatabase, RewardPolicy,
// ReferralCampaign, RewardPlan and RewardReview.
//
// It holds the Go types, the markers that their CustomResourceDefinitions are generated from, and
// the names of conditions, annotations and finalizers. It holds no behaviour: nothing here dials,
// converts or decides, and nothing beyond apimachinery is imported, so that a client can use these
// types alone.
//
// Conventions:
//
//   - The API server validates everything, through schema and CEL rules. Each rule has a message
//     that says what is allowed; the API server puts the field's path in front of it. There are no
//     webhooks.
//   - These types decode whatever the API server accepts. One value that they cannot decode would
//     stop the informers of every tenant, so every string that becomes a duration, a time or a
//     number has a pattern and a maximum length. A tenant may write statuses too. The time of a
//     condition is Kubernetes' own type, so a rule of the list reads it: a time that cannot be read
//     fails the rule.
//   - Every text and list of a status has a maximum length, which the operator keeps: caches hold
//     the objects of all tenants. The answer of a RewardReview has none, and is in no cache.
//   - A reference never carries a namespace: objects that belong together are in one namespace.
//   - Money is a decimal string with its currency, never a float.
//   - In specs an empty value is left out. In statuses zeros are written, so that 0 and "not known
//     yet" differ.
//   - status.observedGeneration is the newest generation of the spec that is in force, or can never
//     be; of a RewardPolicy the newest that has been validated; of a RewardPlan or a RewardReview
//     the one that has finished. It is -1 before. Conditions follow kstatus (see conditions.go).
//
// +kubebuilder:object:generate=true
// +groupName=referral-operator.io
package v1alpha1
