package model

import (
	"strings"
	"testing"
)

// holds reports whether the condition is true. A condition that reads blanked attributes keeps its
// result, which is true for an admitted pair whose purchase was written again.
func (v *verdict) holds() bool {
	readsSignup := v.signup.blanked && strings.Contains(v.terms.Condition, "signup.attributes")
	switch {
	case v.purchase.blanked && (readsSignup || strings.Contains(v.terms.Condition, "purchase.attributes")):
		return v.purchase.held
	case readsSignup && v.pair.admitted() && !v.lapsed:
		return true
	}
	return conditions[v.terms.Condition](v)
}

// conditionFails reports whether the condition ends in an error: it reads an attribute that the
// purchase does not have.
func (v *verdict) conditionFails() bool {
	return v.terms.Condition == "purchase.attributes['category'] != 'gift-card'" && v.purchase.category == "" && !v.purchase.blanked
}

// conditionsFail returns the campaigns in which a purchase does not count because its condition
// ends in an error.
func (m *model) conditionsFail() map[string]bool {
	campaigns := map[string]bool{}
	for _, user := range m.allUsers() {
		if m.setAside[user] || m.withholds(user) || m.isReversing() {
			continue
		}
		_, verdicts := m.decide(user)
		for _, v := range verdicts {
			if v.reason == "ConditionFalse" && !v.stays && v.conditionFails() {
				campaigns[v.campaign] = true
			}
		}
	}
	return campaigns
}

// Rule 4's condition: a few texts, and what they mean. A condition that ends in an error is false.
var conditions = map[string]func(*verdict) bool{
	"link.label != 'press'": func(v *verdict) bool { return v.attribution.label != "press" },
	"link.code != 'b'":      func(v *verdict) bool { return v.attribution.code != "b" },
	"purchase.amount >= 1000 && purchase.currency == 'USD'": func(v *verdict) bool {
		return v.purchase.amount >= 1000 && v.purchase.currency == "USD"
	},
	"purchase.attributes[?'category'].orValue('') != 'gift-card'": func(v *verdict) bool { return v.purchase.category != "gift-card" },
	"purchase.attributes['category'] != 'gift-card'": func(v *verdict) bool {
		return v.purchase.category != "" && v.purchase.category != "gift-card"
	},
	"has(signup.attributes.vip) && signup.attributes.vip == true": func(v *verdict) bool { return v.signup.vip },
	"purchase.purchased_at - signup.signed_up_at < duration('24h')": func(v *verdict) bool {
		return v.purchase.at-v.signup.at < 24*hour
	},
}

func TestConditionThatEndsInAnErrorIsCounted(t *testing.T) {
	s := newShop(t)
	for name, category := range map[string]string{"read": "book", "missing": ""} {
		t.Run(name, func(t *testing.T) {
			s.play(t, []operation{
				declare{Campaign: "one", Window: 720, Policy: terms{Rewards: fiveDollars, Condition: "purchase.attributes['category'] != 'gift-card'"}, Scope: "NewPairs"},
				addLink{Code: "a", Campaign: "one", Referrer: "eve"},
				addSignup{User: "ann", Code: "a", At: 80},
				addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85, Category: category},
				converge{},
			})
		})
	}
}
