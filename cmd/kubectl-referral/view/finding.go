package view

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// finding is something about an object that a person should know or do.
type finding struct {
	color color // red: nothing goes on, or something was left behind; yellow: watch it
	text  string
}

// shown are the condition types that the findings of a kind have words for.
var shown = []string{
	v1alpha1.ReadyCondition, v1alpha1.ReconcilingCondition, v1alpha1.StalledCondition, v1alpha1.LedgerConsistentCondition,
}

// slow is the lag of a database that is worth a look.
const slow = time.Minute

// resource is what both kinds have in common.
type resource interface {
	metav1.Object
	GetConditions() []metav1.Condition
	GetObservedGeneration() int64
	Suspended() bool
}

// findings are those that both kinds share: what is not in force, suspended, or left behind.
func findings(object resource, kind string) []finding {
	var found []finding
	name := kind + "/" + object.GetName()
	ready := meta.FindStatusCondition(object.GetConditions(), v1alpha1.ReadyCondition)
	if object.GetDeletionTimestamp() != nil {
		found = append(found, finding{red, "it is being deleted"})
	}
	switch {
	case ready == nil:
		found = append(found, finding{red, "the operator has not reported on this object: the operator does not run, or does not watch this namespace"})
	case ready.Status != metav1.ConditionTrue:
		_, c := readiness(object)
		found = append(found, finding{c, ready.Reason + ": " + ready.Message})
	case object.GetObservedGeneration() != object.GetGeneration():
		found = append(found, finding{yellow, "the newest edit is not in force yet"})
	case ready.Reason == v1alpha1.BudgetExhaustedReason:
		found = append(found, finding{yellow, ready.Reason + ": " + ready.Message})
	}
	if warning := warningOf(ready); warning != "" {
		found = append(found, finding{yellow, warning})
	}
	if object.Suspended() {
		found = append(found, finding{red, fmt.Sprintf("suspended by %s; resume with: kubectl referral resume %s -n %s",
			suspendedBy(object), name, object.GetNamespace())})
	}
	for _, condition := range object.GetConditions() {
		if condition.Status == metav1.ConditionTrue && !slices.Contains(shown, condition.Type) {
			found = append(found, finding{yellow, condition.Type + ": " + condition.Message})
		}
	}
	return append(found, permissions(object)...)
}

// warningOf returns what Ready warns of although it is True; empty: nothing.
func warningOf(ready *metav1.Condition) string {
	if ready == nil || ready.Status != metav1.ConditionTrue {
		return ""
	}
	_, warning, _ := strings.Cut(ready.Message, "; warning: ")
	return warning
}

// suspendedBy names what suspends an object.
func suspendedBy(object resource) string {
	annotated := v1alpha1.SuspendedByAnnotation(object)
	switch {
	case !annotated:
		return "spec.suspend"
	case suspendedBySpec(object):
		return "spec.suspend and the annotation " + v1alpha1.SuspendAnnotation
	default:
		return "the annotation " + v1alpha1.SuspendAnnotation
	}
}

func suspendedBySpec(object resource) bool {
	switch typed := object.(type) {
	case *v1alpha1.ReferralCampaign:
		return typed.Spec.Suspend
	case *v1alpha1.AttributionDatabase:
		return typed.Spec.Suspend
	default:
		return false
	}
}

// allow begins the names of annotations that permit something once.
const allow = "referral-operator.io/allow-"

// permissions are annotations that permit something once. The operator removes the one to take a
// schema over once it has used it; a person has to remove the others.
func permissions(object resource) []finding {
	var found []finding
	for _, name := range slices.Sorted(maps.Keys(object.GetAnnotations())) {
		permission := "the annotation " + name + "=" + object.GetAnnotations()[name]
		switch {
		case name == v1alpha1.TakeOverAnnotation:
			found = append(found, finding{red, permission +
				" has had no effect yet: the operator removes it once it has taken the schema over from the owner with this uid"})
		case strings.HasPrefix(name, allow):
			found = append(found, finding{red, permission + " is still set; remove it once it has had its effect"})
		}
	}
	return found
}

func campaignFindings(c *v1alpha1.ReferralCampaign) []finding {
	found := findings(c, "campaign")
	if stalled := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.StalledCondition); stalled != nil &&
		stalled.Reason == v1alpha1.MassReversalReason {
		found = append(found, finding{red, fmt.Sprintf("reversals are withheld; if they are right, release them with: kubectl referral release %s -n %s",
			c.Name, c.Namespace)})
	}
	if c.Status.ConditionErrors > 0 {
		found = append(found, finding{yellow, fmt.Sprintf("the policy's condition has failed with an error %s", times(c.Status.ConditionErrors))})
	}
	return found
}

func databaseFindings(d *v1alpha1.AttributionDatabase, now time.Time) []finding {
	found := findings(d, "database")
	if oldest := d.Status.OldestPendingChange; oldest != nil && now.Sub(oldest.Time) > slow && !d.Suspended() {
		found = append(found, finding{yellow, "the oldest fact that is not decided arrived " + ago(now, oldest.Time) + " ago"})
	}
	if d.Status.SetAside > 0 {
		found = append(found, finding{yellow, plural(d.Status.SetAside, "referee") + " could not be decided; table set_aside has the causes"})
	}
	if consistent := meta.FindStatusCondition(d.Status.Conditions, v1alpha1.LedgerConsistentCondition); consistent != nil &&
		consistent.Status != metav1.ConditionTrue {
		found = append(found, finding{red, consistent.Reason + ": " + consistent.Message})
	}
	return found
}

func times(n int64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// findings writes findings, the red ones first.
func (p *page) findings(indent string, found []finding) {
	for _, c := range []color{red, yellow} {
		for _, f := range found {
			if f.color == c {
				p.paragraph(c, indent+"! ", f.text)
			}
		}
	}
}
