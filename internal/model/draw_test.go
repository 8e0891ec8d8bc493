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
	typed     = []string{"a", "B", "c", "nobody"}
	visitors  = []string{"v1", "v2"}
	campaigns = []string{"one", "one", "one", "two"}
	ids       = []string{"p1", "p2"}
	amounts   = []int64{1, 333, 999, 1000, 1005, 2000, 4500}
)

func of[T any](t *rapid.T, name string, from ...T) T { return rapid.SampledFrom(from).Draw(t, name) }

// seldom is true once in n times, and false when a history is shrunk.
func seldom(t *rapid.T, name string, n int) bool { return rapid.IntRange(0, n-1).Draw(t, name) == n-1 }

// when draws an hour around the start of the history.
func when(t *rapid.T) int {
	return rapid.SampledFrom([]int{60, 80, 85, 90, 95, 98, 99, 100, 104, 120}).Draw(t, "at")
}

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
	return append(operations, rapid.SliceOfN(rapid.Custom(drawOperation), 4, 40).Draw(t, "operations")...)
}

// kinds are drawn as often as they are listed.
var kinds = []func(*rapid.T) operation{
	drawSignup, drawSignup, drawSignup, drawSignup,
	drawPurchase, drawPurchase, drawPurchase, drawPurchase, drawPurchase, drawPurchase,
	drawRefund, drawRefund, drawRefund,
	drawConverge, drawConverge, drawConverge, drawConverge, drawConverge, drawConverge,
	func(t *rapid.T) operation { return drawDeclare(t) }, func(t *rapid.T) operation { return drawDeclare(t) },
	func(t *rapid.T) operation { return drawLink(t) },
	drawTouch, drawTouch,
	func(t *rapid.T) operation { return advance{of(t, "hours", 1, 3, 10, 30, 100)} },
	func(t *rapid.T) operation {
		return removeRefund{of(t, "user", users...), of(t, "purchase", ids...), of(t, "refund", "r1", "r2")}
	},
	drawOverride, drawOverride,
	drawRare, drawRare,
}

func drawOperation(t *rapid.T) operation { return rapid.SampledFrom(kinds).Draw(t, "kind")(t) }

func drawLink(t *rapid.T) addLink {
	l := addLink{Code: of(t, "code", codes...), Campaign: of(t, "campaign", campaigns...), Referrer: of(t, "referrer", referrers...)}
	l.Label = of(t, "label", "", "press")
	if seldom(t, "expires", 5) {
		l.Expires = when(t)
	}
	if seldom(t, "disabled", 8) {
		l.Disabled = when(t)
	}
	return l
}

func drawTouch(t *rapid.T) operation {
	return addTouch{of(t, "visitor", visitors...), of(t, "touch", "t1", "t2", "t3"), of(t, "code", typed...), when(t)}
}

func drawSignup(t *rapid.T) operation {
	s := addSignup{User: of(t, "user", users...), At: when(t), VIP: seldom(t, "vip", 4)}
	if rapid.Bool().Draw(t, "touched") {
		s.Visitor = of(t, "visitor", visitors...)
	} else {
		s.Code = of(t, "code", typed...)
	}
	s.Prints = of(t, "prints", nil, nil, nil, []string{"x"}, []string{"x", "y"}, []string{"y"})
	return s
}

func drawPurchase(t *rapid.T) operation {
	return addPurchase{of(t, "user", users...), of(t, "purchase", ids...), of(t, "amount", amounts...),
		of(t, "currency", "USD", "USD", "USD", "EUR"), when(t), of(t, "category", "", "book", "gift-card")}
}

func drawRefund(t *rapid.T) operation {
	return addRefund{of(t, "user", users...), of(t, "purchase", ids...), of(t, "refund", "r1", "r2"), of(t, "amount", amounts...)}
}

func drawOverride(t *rapid.T) operation {
	user, purchase := of(t, "user", users...), of(t, "purchase", ids...)
	if seldom(t, "withdrawn", 3) {
		return noOverride{user, purchase}
	}
	return addOverride{user, purchase, of(t, "verdict", "Allow", "Deny")}
}

// drawRare draws what happens once in a while.
func drawRare(t *rapid.T) operation {
	switch rapid.IntRange(0, 7).Draw(t, "rare") {
	case 0:
		return removePurchase{of(t, "user", users...), of(t, "purchase", ids...)}
	case 1:
		return removeSignup{of(t, "user", users...)}
	case 2:
		return removeLink{of(t, "code", codes...)}
	case 3:
		return removeTouch{of(t, "visitor", visitors...), of(t, "touch", "t1", "t2", "t3")}
	case 4:
		return closeCampaign{of(t, "campaign", campaigns...)}
	case 5:
		return settings{FirstTouch: rapid.Bool().Draw(t, "first touch"), Suspended: seldom(t, "suspended", 4)}
	case 6:
		return declare{Campaign: of(t, "campaign", campaigns...), PolicyMissing: true}
	}
	return adjust{of(t, "user", users...), of(t, "adjustment", "j1", "j2"), of[int64](t, "amount", -700, 300), of(t, "currency", "USD", "EUR")}
}

func drawConverge(t *rapid.T) operation {
	c := converge{Batch: of(t, "batch", 0, 1, 2, 3, 7), Again: seldom(t, "again", 3)}
	switch rapid.IntRange(0, 5).Draw(t, "how") {
	case 4:
		c.Two = true
	case 5:
		c.Crash, c.Deaf = rapid.IntRange(1, 60).Draw(t, "crash"), rapid.Bool().Draw(t, "deaf")
	}
	return c
}

// The policies of histories are variations on a few terms.
func drawDeclare(t *rapid.T) declare {
	d := declare{Campaign: of(t, "campaign", campaigns...), Window: of(t, "window", 720, 720, 10, 1), Scope: of(t, "scope", scopes...)}
	if seldom(t, "starts", 6) {
		d.Starts = when(t)
	}
	if seldom(t, "ends", 6) {
		d.Ends = when(t)
	}
	d.Suspended = seldom(t, "suspended", 10)
	d.Policy = drawTerms(t)
	return d
}

func drawTerms(t *rapid.T) terms {
	p := terms{Every: rapid.Bool().Draw(t, "every"), Hold: of(t, "hold", 0, 0, 3, 24)}
	if seldom(t, "within", 5) {
		p.Within = of(t, "hours", 2, 24)
	}
	if seldom(t, "minimum", 4) {
		p.Minimums = of(t, "minimums", map[string]int64{"USD": 1000}, map[string]int64{"EUR": 500, "USD": 1})
	}
	if len(conditionTexts) > 0 && seldom(t, "condition", 4) {
		p.Condition = of(t, "text", conditionTexts...)
	}
	p.Rewards = of(t, "rewards", rewardTexts...)
	return p
}

// What is drawn from: switched on with the rule.
var (
	scopes         = []string{"NewPairs"}
	conditionTexts = slices.Sorted(maps.Keys(conditions))[:0]
	rewardTexts    = [][]rewardTerms{
		{{Name: "inviter", Amount: 500, Currency: "USD"}},
		{{Name: "inviter", Amount: 700, Currency: "USD"}},
		{{Name: "friend", Referee: true, Amount: 300, Currency: "EUR"}, {Name: "inviter", Amount: 500, Currency: "USD"}},
		{{Name: "friend", Referee: true, Rate: "10"}},
		{{Name: "friend", Referee: true, Rate: "33.3333", Maximums: map[string]int64{"USD": 600}}, {Name: "inviter", Amount: 100, Currency: "USD"}},
		{{Name: "inviter", Rate: "0.05"}},
	}
)
