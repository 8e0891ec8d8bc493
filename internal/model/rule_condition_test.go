package model

// holds: of a person who was forgotten, what was true before is, and what is not
// known to have been is not. Later purchases are judged by what there is.
func (v *verdict) holds() bool {
	if v.signup.erased > 0 && v.purchase.arrived <= v.signup.erased {
		return v.pair != nil && v.pair.reason != "ConditionFalse"
	}
	return conditions[v.terms.Condition](v)
}

// Rule 4's condition: a few texts, and what they mean. One that breaks off is
// false.
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
