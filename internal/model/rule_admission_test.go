package model

import (
	"fmt"
	"maps"
	"slices"
)

// Rules 7, 9, 10, 11 and 15: which pairs are admitted, and what admitted pairs earn.

// commit is one transaction of the engine, which decides these referees. The engine may choose in
// which order it serves them and which order numbers it draws; the choice is read from what it
// recorded (chosen). The model computes what follows from the choice, and returns as complaints
// what the rules do not allow.
func (m *model) commit(users []string, chosen map[purchaseKey]*pair) (complaints []string) {
	var claims []*place
	fresh := 0
	for _, user := range users {
		if m.setAside[user] || m.withholds(user) {
			continue
		}
		if m.seenBy != nil {
			m.facts = m.seenBy(user)
		}
		attributed, verdicts := m.decide(user)
		delete(m.attributions, user)
		if attributed != nil {
			m.attributions[user] = *attributed
		}
		for _, v := range verdicts {
			switch {
			case v.stays, v.reason != "" && v.pair == nil:
			case v.reason != "":
				m.reverse(v)
			case v.pair.occupies() && !v.lapsed:
				if wants := m.live(v); wants != nil {
					claims = append(claims, &place{key: v.key, pair: v.pair, wants: wants})
				}
			default:
				p := m.count(v, chosen[v.key])
				if p == nil {
					complaints = append(complaints, fmt.Sprintf("%v counts and has no order", v.key))
					continue
				}
				if p.order > m.lastOrder {
					fresh++
				}
				claims = append(claims, &place{key: v.key, pair: p, allowed: v.override == "Allow", first: true})
			}
		}
	}
	slices.SortFunc(claims, func(a, b *place) int { return int(a.pair.order - b.pair.order) })
	complaints = append(complaints, m.drawn(claims, fresh)...)
	for _, p := range claims {
		complaints = append(complaints, m.serve(p, chosen[p.key])...)
	}
	return complaints
}

// place is a pair that claims capacity or waits for it: to be admitted, or to grow.
type place struct {
	key     purchaseKey
	pair    *pair
	first   bool              // the pair is not admitted yet
	wants   map[string]credit // what the pair would earn; nil: that depends on when it is served
	allowed bool
}

// reversedReason returns why a pair does not count. A pair that was never admitted and that no
// reversal takes back says CampaignDeleted of no campaign: it keeps its reason while its campaign
// is closed (rules 15 and 17).
func (m *model) reversedReason(v *verdict) string {
	switch {
	case v.reason != "CampaignDeleted" || m.takenBack(v.pair) || v.pair.admitted():
		return v.reason
	case v.pair.state == "Reversed":
		return v.pair.reason
	}
	return "NotAttributed"
}

// reverse makes a counted pair that stops counting Reversed, from any state.
func (m *model) reverse(v *verdict) {
	p := v.pair
	p.reason = m.reversedReason(v)
	p.state, p.credits, p.growing = "Reversed", nil, false
	if v.lapsed {
		p.ordinal = 0
	}
	if !v.gone {
		m.describe(p, v)
	}
}

// describe records what the pair was judged by.
func (m *model) describe(p *pair, v *verdict) {
	p.campaign, p.referrer, p.revision = v.campaign, v.attribution.referrer, v.revision
	p.qualified = max(v.signup.at, v.purchase.at)
	p.matures = v.purchase.at + at(v.terms.Hold)*hour
	p.terms, p.net = v.terms, v.net
	p.allowedNow = v.override == "Allow"
}

// live updates an admitted pair to what it earns now under its revision. It returns the growth,
// which needs capacity.
func (m *model) live(v *verdict) (growth map[string]credit) {
	p := v.pair
	m.describe(p, v)
	if v.override == "" {
		p.allowed = false // the pair counts without the Allow
	}
	wants := p.terms.earns(v.key.user, p.referrer, p.net, p.ordinal)
	if c := m.campaigns[p.campaign]; c.budget > 0 && sum(wants, c.currency) > sum(p.credits, c.currency) {
		return wants
	}
	m.grant(p, wants)
	return nil
}

// grant makes the pair Held until purchased_at + holdPeriod, then Granted.
func (m *model) grant(p *pair, credits map[string]credit) {
	p.credits, p.growing = credits, false
	switch {
	case m.now < p.matures:
		p.state, p.reason = "Held", "HoldPeriod"
	case p.allowedNow:
		p.state, p.reason = "Granted", "Overridden"
	default:
		p.state, p.reason = "Granted", "Qualified"
	}
}

// count puts a pair that counts on the waitlist: at the end if it begins to count, or counts again.
func (m *model) count(v *verdict, chosen *pair) *pair {
	p := v.pair
	if chosen == nil {
		return nil
	}
	if p == nil || p.state == "Reversed" || p.campaign != v.campaign || v.lapsed {
		if p == nil {
			p = &pair{}
			m.pairs[v.key] = p
		}
		p.order, p.counted = chosen.order, m.clock()
	}
	if v.lapsed {
		p.credits, p.ordinal, p.growing = nil, 0, false
	}
	p.state = "Waiting"
	m.describe(p, v)
	return p
}

// drawn checks the orders that are drawn now: they are the highest so far, and ascend by
// (qualified_at, user, purchase).
func (m *model) drawn(claims []*place, fresh int) (complaints []string) {
	before := m.lastOrder
	var last *place
	for _, p := range claims {
		if p.pair.order <= before {
			continue
		}
		fresh--
		if last != nil && !last.qualifiedBefore(p) {
			complaints = append(complaints, fmt.Sprintf("%v has a lower order than %v", last.key, p.key))
		}
		last = p
		m.lastOrder = p.pair.order
	}
	if fresh != 0 {
		complaints = append(complaints, "an order was drawn twice")
	}
	return complaints
}

func (p *place) qualifiedBefore(q *place) bool {
	switch {
	case p.pair.qualified != q.pair.qualified:
		return p.pair.qualified < q.pair.qualified
	case p.key.user != q.key.user:
		return p.key.user < q.key.user
	}
	return p.key.id < q.key.id
}

// serve admits what the engine chose to admit, if there is capacity and no waiting pair is
// overtaken. A claim that is not admitted waits, which is always allowed for the moment: idle
// checks at the end that no pair waits that would fit.
func (m *model) serve(p *place, chosen *pair) (complaints []string) {
	wants := m.wants(p)
	taken := chosen.occupies() && (p.first || maps.Equal(chosen.credits, wants))
	if taken {
		if why := m.lacks(p); why != "" {
			complaints = append(complaints, fmt.Sprintf("%v was served: %s", p.key, why))
		}
		for _, other := range m.waitlist(p.pair.campaign) {
			if other.pair.order < p.pair.order && m.lacks(other) == "" {
				complaints = append(complaints, fmt.Sprintf("%v overtook %v", p.key, other.key))
			}
		}
		if p.first {
			p.pair.ordinal = m.occupied(p.pair.campaign, p.pair.referrer) + 1
			p.pair.allowed = p.allowed
		}
		m.grant(p.pair, wants)
		return complaints
	}
	if p.first {
		// The limit without capacity now; else the limit that pairs before it use up, or the
		// campaign's mode. A resync leaves the recorded reason alone.
		kept := m.resyncs && p.pair.state == "Waiting" && chosen.reason == p.pair.reason
		if lacks := m.lacks(p); !m.done && lacks != "" && chosen.reason != lacks && !kept {
			complaints = append(complaints, fmt.Sprintf("%v waits for %s, and it is %s", p.key, chosen.reason, lacks))
		}
		p.pair.state, p.pair.reason = "Waiting", chosen.reason
		return complaints
	}
	// All rewards or none: the pair keeps its credits.
	m.grant(p.pair, p.pair.credits)
	p.pair.reason, p.pair.growing = "BudgetExhausted", true
	return complaints
}

// wants returns what the pair would earn if it were served now.
func (m *model) wants(p *place) map[string]credit {
	if p.wants != nil {
		return p.wants
	}
	n := p.pair.ordinal
	if p.first {
		n = m.occupied(p.pair.campaign, p.pair.referrer) + 1
	}
	return p.pair.terms.earns(p.key.user, p.pair.referrer, p.pair.net, n)
}

// lacks returns the limit that has no capacity for all rewards of the pair; empty: it fits.
func (m *model) lacks(p *place) string {
	c := m.campaigns[p.pair.campaign]
	if p.first && c.cap > 0 && m.occupied(p.pair.campaign, p.pair.referrer) >= c.cap {
		return "CapReached"
	}
	more := m.needs(p)
	if c.budget > 0 && more > 0 && m.used(p.pair.campaign)+more > c.budget {
		return "BudgetExhausted"
	}
	return ""
}

// needs returns what the pair would take of the budget beyond its present credits.
func (m *model) needs(p *place) int64 {
	c := m.campaigns[p.pair.campaign]
	switch {
	case c.budget == 0:
		return 0
	case p.first:
		return sum(m.wants(p), c.currency)
	}
	return sum(m.wants(p), c.currency) - sum(p.pair.credits, c.currency)
}

// waitlist lists the pairs that wait in a campaign: for growth, and while it is open for admission.
// Pairs of a suspended campaign and of a referee that is set aside or withheld are left out.
func (m *model) waitlist(campaign string) (waiting []*place) {
	mode := m.campaigns[campaign].mode
	for key, p := range m.pairs {
		if p.campaign == campaign && !m.setAside[key.user] && !m.withholds(key.user) && (p.state == "Waiting" && mode == open || p.growing && mode != suspended) {
			waiting = append(waiting, &place{key: key, pair: p, first: p.state == "Waiting"})
		}
	}
	return waiting
}

// occupied returns how many Held and Granted pairs a referrer has in a campaign.
func (m *model) occupied(campaign, referrer string) (n int64) {
	for _, p := range m.pairs {
		if p.occupies() && p.campaign == campaign && p.referrer == referrer {
			n++
		}
	}
	return n
}

// used returns the sum of what the Held and Granted pairs of a campaign earn.
func (m *model) used(campaign string) (total int64) {
	for _, p := range m.pairs {
		if p.occupies() && p.campaign == campaign {
			total += sum(p.credits, m.campaigns[campaign].currency)
		}
	}
	return total
}

// idle checks that no pair waits that would fit.
func (m *model) idle() (complaints []string) {
	for name := range m.campaigns {
		for _, p := range m.waitlist(name) {
			if m.lacks(p) == "" {
				complaints = append(complaints, fmt.Sprintf("%v waits and would fit", p.key))
			}
		}
	}
	slices.Sort(complaints)
	return complaints
}
