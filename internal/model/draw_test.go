package model

import (
	"maps"
	"slices"

	"pgregory.net/rapid"
)

// This file: random histories, of so few people, links and amounts that they
// meet all the time.

var (
	users     = []string{"ann", "bob", "cat", "dan"}
	referrers = []string{"ann", "ann", "bob", "cat"}
	codes     = []string{"a", "b", "c"}
	typed     = []string{"a", "a", "B", "b", "c", "nobody"}
	visitors  = []string{"v1", "v2"}
	campaigns = []string{"one", "one", "one", "two"}
	ids       = []string{"p1", "p2"}
	amounts   = []int64{1000, 1, 333, 999, 1005, 2000, 4500, 4500, 6000}
)

// below draws a number from 0 to n-1, each as often as any other: rapid itself
// prefers the lower ones, of which a history soon has enough. Shrunk, it is 0.
func below(t *rapid.T, n int) (drawn int) {
	for bits := 8 * n; bits > 0; bits /= 2 {
		drawn *= 2
		if rapid.Bool().Draw(t, "bit") {
			drawn++
		}
	}
	return drawn % n
}

func of[T any](t *rapid.T, from ...T) T { return from[below(t, len(from))] }

// seldom is true once in n times, and false when a history is shrunk.
func seldom(t *rapid.T, n int) bool { return below(t, n) == n-1 }

// early and late draw hours around the start of the history: of what mostly
// comes first, and of what mostly follows.
func early(t *rapid.T) int { return of(t, 90, 60, 80, 85, 90, 92, 95, 98, 100, 104) }
func late(t *rapid.T) int  { return of(t, 99, 80, 92, 95, 98, 99, 100, 104, 104, 120) }

// drawHistory begins with what is needed for anything to happen at all.
func drawHistory(t *rapid.T) []operation {
	first := drawDeclare(t)
	first.Campaign, first.PolicyMissing, first.Suspended = "one", false, false
	operations := []operation{first}
	for i, code := range codes {
		l := drawLink(t)
		l.Code = code
		if i == 0 {
			l.Campaign = "one"
		}
		operations = append(operations, l)
	}
	for _, user := range users {
		s := drawSignup(t)
		s.User = user
		operations = append(operations, s)
	}
	for _, o := range rapid.SliceOfN(rapid.Custom(drawOperation), 20, 60).Draw(t, "operations") {
		if o != nil {
			operations = append(operations, o)
		}
	}
	return operations
}

// kinds are drawn as often as they are listed. The first is what shrinking
// leaves in place of an operation that does not matter.
var kinds = []func(*rapid.T) operation{
	func(*rapid.T) operation { return nil },
	func(t *rapid.T) operation { return drawSignup(t) }, func(t *rapid.T) operation { return drawSignup(t) },
	drawPurchase, drawPurchase, drawPurchase, drawPurchase, drawPurchase, drawPurchase, drawPurchase, drawPurchase,
	drawRefund, drawRefund, drawRefund,
	drawConverge, drawConverge, drawConverge, drawConverge, drawConverge, drawConverge,
	func(t *rapid.T) operation { return drawDeclare(t) }, func(t *rapid.T) operation { return drawDeclare(t) },
	func(t *rapid.T) operation { return drawLink(t) },
	drawTouch, drawTouch,
	func(t *rapid.T) operation { return advance{of(t, 1, 3, 10, 30, 100)} },
	func(t *rapid.T) operation {
		return removeRefund{of(t, users...), of(t, ids...), of(t, "r1", "r2")}
	},
	drawOverride, drawOverride,
	drawRare, drawRare,
}

func drawOperation(t *rapid.T) operation { return of(t, kinds...)(t) }

func drawLink(t *rapid.T) addLink {
	l := addLink{Code: of(t, codes...), Campaign: of(t, campaigns...), Referrer: of(t, referrers...)}
	l.Label = of(t, "", "press")
	if seldom(t, 8) {
		l.Expires = late(t)
	}
	if seldom(t, 8) {
		l.Disabled = late(t)
	}
	return l
}

func drawTouch(t *rapid.T) operation {
	return addTouch{of(t, visitors...), of(t, "t1", "t2", "t3"), of(t, typed...), early(t)}
}

func drawSignup(t *rapid.T) addSignup {
	s := addSignup{User: of(t, users...), At: early(t), VIP: seldom(t, 4)}
	if seldom(t, 2) {
		s.Visitor = of(t, visitors...)
	} else {
		s.Code = of(t, typed...)
	}
	s.Prints = of(t, nil, nil, nil, nil, []string{"x"}, []string{"x", "y"}, []string{"y"})
	return s
}

func drawPurchase(t *rapid.T) operation {
	return addPurchase{of(t, users...), of(t, ids...), of(t, amounts...),
		of(t, "USD", "USD", "USD", "USD", "USD", "EUR"), late(t), of(t, "", "book", "gift-card")}
}

func drawRefund(t *rapid.T) operation {
	return addRefund{of(t, users...), of(t, ids...), of(t, "r1", "r2"), of(t, amounts...)}
}

func drawOverride(t *rapid.T) operation {
	user, purchase := of(t, users...), of(t, ids...)
	if seldom(t, 3) {
		return noOverride{user, purchase}
	}
	return addOverride{user, purchase, of(t, "Allow", "Deny")}
}

// drawRare draws what happens once in a while.
func drawRare(t *rapid.T) operation {
	switch below(t, 9) {
	case 7:
		return reverseCampaign{of(t, campaigns...)}
	case 0:
		return removePurchase{of(t, users...), of(t, ids...)}
	case 1:
		return removeSignup{of(t, users...)}
	case 2:
		return removeLink{of(t, codes...)}
	case 3:
		return removeTouch{of(t, visitors...), of(t, "t1", "t2", "t3")}
	case 4:
		return closeCampaign{of(t, campaigns...)}
	case 5:
		return settings{FirstTouch: seldom(t, 2), Suspended: seldom(t, 4)}
	case 6:
		return declare{Campaign: of(t, campaigns...), PolicyMissing: true}
	}
	return adjust{of(t, users...), of(t, "j1", "j2"), of[int64](t, -700, 300), of(t, "USD", "EUR")}
}

func drawConverge(t *rapid.T) operation {
	c := converge{Batch: of(t, 0, 1, 2, 3, 7), Again: seldom(t, 3)}
	switch below(t, 6) {
	case 4:
		c.Two = true
	case 5:
		c.Crash, c.Deaf = 1+below(t, 60), seldom(t, 2)
	}
	return c
}

// The policies of histories are variations on a few terms.
func drawDeclare(t *rapid.T) declare {
	d := declare{Campaign: of(t, campaigns...), Window: of(t, 720, 720, 720, 10, 1), Scope: of(t, scopes...)}
	if seldom(t, 6) {
		d.Starts = early(t)
	}
	if seldom(t, 6) {
		d.Ends = late(t)
	}
	d.Suspended = seldom(t, 10)
	if seldom(t, 2) {
		d.Budget = of[int64](t, 500, 1000, 1200, 2500)
	}
	d.Policy = drawTerms(t)
	return d
}

func drawTerms(t *rapid.T) terms {
	p := terms{Every: seldom(t, 2), Hold: of(t, 0, 0, 3, 24)}
	if seldom(t, 5) {
		p.Within = of(t, 2, 24)
	}
	if seldom(t, 4) {
		p.Minimums = of(t, map[string]int64{"USD": 1000}, map[string]int64{"EUR": 500, "USD": 1})
	}
	if len(conditionTexts) > 0 && seldom(t, 4) {
		p.Condition = of(t, conditionTexts...)
	}
	if seldom(t, 2) {
		p.Cap = of[int64](t, 1, 2)
	}
	p.Rewards = of(t, rewardTexts...)
	return p
}

// What is drawn from: switched on with the rule.
var (
	scopes         = []string{"NewPairs", "NewPairs", "HeldPairs", "AllPairs"}
	conditionTexts = slices.Sorted(maps.Keys(conditions))
	rewardTexts    = [][]rewardTerms{
		{{Name: "inviter", Amount: 500, Currency: "USD"}},
		{{Name: "inviter", Amount: 700, Currency: "USD"}},
		{{Name: "friend", Referee: true, Amount: 300, Currency: "EUR"}, {Name: "inviter", Amount: 500, Currency: "USD"}},
		{{Name: "friend", Referee: true, Rate: "10"}},
		{{Name: "friend", Referee: true, Rate: "33.3333", Maximums: map[string]int64{"USD": 600}}, {Name: "inviter", Amount: 100, Currency: "USD"}},
		{{Name: "inviter", Rate: "0.05"}},
		{{Name: "inviter", Currency: "USD", Tiers: []tierTerms{{1, 200}, {2, 600}, {3, 300}}}},
	}
)
