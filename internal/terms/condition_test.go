package terms_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/terms"
)

func withCondition(condition string) *v1alpha1.RewardPolicySpec {
	return &v1alpha1.RewardPolicySpec{
		Qualification: v1alpha1.Qualification{Purchases: v1alpha1.FirstPurchase, Condition: condition},
		Rewards:       []v1alpha1.Reward{{Name: "inviter", Beneficiary: v1alpha1.Referrer, Fixed: &v1alpha1.Money{Amount: "5.00", Currency: "USD"}}},
	}
}

func TestConditionIsTrimmed(t *testing.T) {
	for _, text := range []string{"link.label != 'press'", "  link.label != 'press'\n"} {
		got, err := terms.FromPolicy(withCondition(text))
		if err != nil {
			t.Fatal(err)
		}
		if got.Condition != "link.label != 'press'" {
			t.Errorf("%q became %q", text, got.Condition)
		}
	}
}

func TestInvalidConditionIsNamedWithItsPosition(t *testing.T) {
	_, err := terms.FromPolicy(withCondition("true &&\n  link.lable != 'press'"))
	const want = `spec.qualification.condition: 2:3: link has no "lable": it has code, label`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestWarningsNameFieldAndPosition(t *testing.T) {
	for condition, want := range map[string][]string{
		"": nil,
		"purchase.attributes[?'category'].orValue('') != 'gift-card'": nil,
		"this does not compile": nil,
		"purchase.attributes.category != 'gift-card'": {
			"spec.qualification.condition: 1:20: where purchase.attributes has no 'category' the condition breaks off and the purchase does not count: " +
				"read purchase.attributes[?'category'].orValue(…), or test 'category' in purchase.attributes as well"},
	} {
		if diff := cmp.Diff(want, terms.Warnings(withCondition(condition))); diff != "" {
			t.Errorf("warnings of %q (-want +got):\n%s", condition, diff)
		}
	}
}
