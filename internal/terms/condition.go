package terms

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/reward"
)

var conditionPath = field.NewPath("spec", "qualification", "condition")

// condition returns the text without the blanks and line ends around it that a YAML block leaves.
// Errors have positions in the text as it was written.
func (p *problems) condition(text string) string {
	if text == "" {
		return ""
	}
	if _, err := reward.KnownCondition(text); err != nil {
		p.add(conditionPath, err)
	}
	return strings.TrimSpace(text)
}

// Warnings returns what a spec that works may not mean as it is written, each on one line with the
// path of its field.
func Warnings(spec *v1alpha1.RewardPolicySpec) []string {
	if spec.Qualification.Condition == "" {
		return nil
	}
	condition, err := reward.KnownCondition(spec.Qualification.Condition)
	if err != nil {
		return nil // FromPolicy reports it
	}
	var warnings []string
	for _, found := range condition.Warnings {
		warnings = append(warnings, fmt.Sprintf("%s: %s", conditionPath, found))
	}
	return warnings
}
