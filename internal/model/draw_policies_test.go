package model

import (
	"maps"
	"slices"
)

func (d drawing) campaign() string {
	if d.odd(4) || d.mixed && d.seldom(3) {
		return "two"
	}
	return "one"
}

func (d drawing) declare() declare {
	c := declare{Campaign: d.campaign(), Window: 720, Scope: of(d, "NewPairs", "NewPairs", "HeldPairs", "AllPairs"), Suspended: d.seldom(12)}
	if d.odd(4) {
		c.Window = of(d, 10, 1)
	}
	if d.odd(6) {
		c.Starts = d.early()
	}
	if d.odd(6) {
		c.Ends = d.late()
	}
	if d.seldom(2) {
		c.Budget = of[int64](d, 500, 1000, 1200, 2500)
	}
	if d.many() && d.seldom(2) {
		c.Budget *= 4
	}
	c.Policy = d.terms()
	if d.odd(4) {
		c.PolicyName = "another"
	}
	if d.odd(3) {
		c.Currency = "EUR"
		c.Policy.Rewards = of(d, euros...)
	}
	if d.mixed && c.Budget == 0 && c.Policy.Cap == 0 {
		c.Budget = 1000
	}
	return c
}

// edit draws a declaration or the revert of one, with or without a plan before it.
func (d drawing) edit() operation {
	o := of[operation](d, d.declare(), d.declare(), revert{d.campaign(), of(d, "", "NewPairs", "AllPairs")})
	if d.seldom(2) {
		return plan{Campaign: d.campaign(), Edit: of(d, o, o, o, d.mode(), nil)}
	}
	return o
}

// mode draws a mode in which the last declaration of a campaign is repeated.
func (d drawing) mode() operation {
	return of[operation](d, again{d.campaign(), open}, again{d.campaign(), suspended}, again{d.campaign(), open},
		again{d.campaign(), policyMissing}, closeCampaign{d.campaign()}, reverseCampaign{d.campaign()},
		lag{Campaign: d.campaign(), Policy: d.seldom(2)}, again{d.campaign(), open})
}

// terms draws variations of a few policies.
func (d drawing) terms() terms {
	p := terms{Every: d.crowded || d.seldom(2), Hold: of(d, 0, 0, 3, 24)}
	if d.odd(5) {
		p.Within = of(d, 2, 24)
	}
	if d.odd(3) {
		p.Before = of(d, 1, 5)
	}
	if d.odd(4) {
		p.Minimums = of(d, map[string]int64{"USD": 1000}, map[string]int64{"EUR": 500, "USD": 1})
	}
	if d.odd(4) {
		p.Condition = of(d, slices.Sorted(maps.Keys(conditions))...)
	}
	if d.seldom(2) {
		p.Cap = of[int64](d, 1, 2, 3)
	}
	p.Rewards = of(d, rewards[:len(rewards)-d.below(2)]...)
	return p
}

// rewards lists rewards of policies. The last ones are partly in another currency than budgets.
var rewards = [][]rewardTerms{
	{{Name: "inviter", Amount: 500, Currency: "USD"}},
	{{Name: "inviter", Amount: 700, Currency: "USD"}},
	{{Name: "friend", Referee: true, Amount: 200, Currency: "USD"}, {Name: "inviter", Amount: 300, Currency: "USD"}},
	{{Name: "friend", Referee: true, Rate: "10"}},
	{{Name: "friend", Referee: true, Rate: "33.3333", Maximums: map[string]int64{"USD": 600}}, {Name: "inviter", Amount: 100, Currency: "USD"}},
	{{Name: "inviter", Rate: "0.05"}},
	{{Name: "inviter", Currency: "USD", Tiers: []tierTerms{{1, 200}, {2, 600}, {3, 300}}}},
	{{Name: "inviter", Currency: "USD", Tiers: []tierTerms{{1, 500}, {2, 100}}}, {Name: "friend", Referee: true, Rate: "10"}},
	{{Name: "friend", Referee: true, Amount: 300, Currency: "EUR"}, {Name: "inviter", Amount: 500, Currency: "USD"}},
}

// euros lists rewards of policies under a budget in EUR. The first is in the purchase's currency.
var euros = [][]rewardTerms{
	{{Name: "friend", Referee: true, Rate: "10"}},
	{{Name: "inviter", Amount: 500, Currency: "EUR"}},
	{{Name: "inviter", Amount: 300, Currency: "EUR"}, {Name: "friend", Referee: true, Amount: 200, Currency: "EUR"}},
	{{Name: "inviter", Currency: "EUR", Tiers: []tierTerms{{1, 600}, {2, 200}}}},
}
