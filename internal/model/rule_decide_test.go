package model

import (
	"maps"
	"slices"
	"strings"
)

// verdict is the decision about one purchase of a referee.
type verdict struct {
	key         purchaseKey
	attribution *attribution
	signup      signup
	purchase    purchase
	override    string
	net         money // amount less all refunds
	pair        *pair // nil: the purchase has never counted
	lapsed      bool  // the campaign takes the pair back

	campaign string
	revision int
	terms    *terms

	gone   bool   // the purchase cannot be judged
	reason string // why the purchase does not count; empty: it counts
	stays  bool   // the campaign is suspended, so the pair stays as it is
}

// decide judges each purchase of a referee, before capacity is considered.
func (m *model) decide(user string) (attributed *attribution, verdicts []*verdict) {
	attributed, notAttributed := m.attribute(user)
	for _, key := range m.known(user) {
		verdicts = append(verdicts, m.consider(key, attributed, notAttributed))
	}
	place := first(verdicts)
	for i, v := range verdicts {
		m.conclude(v, i == place)
	}
	return attributed, verdicts
}

// frozen reports whether the pair's campaign is suspended, so that the pair stays as it is (rule
// 8).
func (m *model) frozen(p *pair) bool {
	return p != nil && p.state != "Reversed" && m.campaigns[p.campaign].mode == suspended
}

// known returns the purchases that exist or have a pair.
func (m *model) known(user string) []purchaseKey {
	keys := map[purchaseKey]bool{}
	for key := range m.purchases {
		keys[key] = key.user == user
	}
	for key := range m.pairs {
		keys[key] = key.user == user
	}
	maps.DeleteFunc(keys, func(_ purchaseKey, own bool) bool { return !own })
	return slices.SortedFunc(maps.Keys(keys), func(a, b purchaseKey) int { return strings.Compare(a.id, b.id) })
}

// consider judges one purchase by itself.
func (m *model) consider(key purchaseKey, attributed *attribution, notAttributed string) *verdict {
	v := &verdict{key: key, attribution: attributed, pair: m.pairs[key], lapsed: m.lapsed(m.pairs[key]), override: m.overrides[key],
		stays: m.frozen(m.pairs[key])}
	var bought, signedUp bool
	v.purchase, bought = m.purchases[key]
	v.signup, signedUp = m.signups[key.user]
	// The pair has no credit to take back, and no attribution leads to its campaign.
	hadNothing := v.lapsed && v.pair.reason != "CampaignDeleted" && v.pair.state == "Reversed" && !v.pair.admitted() &&
		m.attributions[key.user].campaign != v.pair.campaign && (attributed == nil || attributed.campaign != v.pair.campaign)
	switch {
	case m.takenBack(v.pair) && !hadNothing && (!bought || !signedUp || attributed == nil):
		v.gone, v.reason = true, "CampaignDeleted"
		return v
	case !bought || !signedUp:
		v.gone, v.reason = true, "PurchaseRemoved"
		return v
	case attributed == nil:
		v.gone, v.reason = true, notAttributed
		return v
	}
	v.campaign = attributed.campaign
	if v.stays {
		v.campaign = v.pair.campaign
	}
	v.net = v.purchase.money
	for refund, amount := range m.refunds {
		if (purchaseKey{refund.user, refund.purchase}) == key {
			v.net.amount -= amount
		}
	}
	v.revision = m.follow(v)
	v.terms = &m.campaigns[v.campaign].revisions[v.revision-1].terms
	v.reason = m.judge(v)
	return v
}

// conclude considers other purchases, a Deny and the campaign's mode.
func (m *model) conclude(v *verdict, first bool) {
	switch {
	case v.pair == nil && v.attribution != nil && m.campaigns[v.attribution.campaign].mode == closed:
		v.reason = "CampaignDeleted" // the first of the list, whatever else excludes the purchase
	case v.reason != "":
	case v.keeps():
		if v.override == "Deny" {
			v.reason = "Overridden"
		}
	case !v.terms.Every && !first:
		v.reason = "NotFirstPurchase"
	case v.override == "Deny": // rule 14
		v.reason = "Overridden"
	case m.campaigns[v.campaign].mode == closed && !v.waits():
		v.reason = "CampaignDeleted" // rule 17: waiting pairs keep waiting, and a reversed one is not admitted again
	}
}

// waits reports whether the pair waits in the campaign that it counts in.
func (v *verdict) waits() bool {
	return v.pair != nil && v.pair.state == "Waiting" && v.pair.campaign == v.campaign
}
