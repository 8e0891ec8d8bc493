package reward

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// when has the story's only policy ask for a condition, of a purchase and a signup with attributes
// that come through a link with a label.
func when(condition, purchase, signup string) func(*story) {
	return func(s *story) {
		s.terms().Condition = condition
		s.p1().Attributes, s.ben.Signup.Attributes = []byte(purchase), []byte(signup)
		s.link().Label = "invite-friends"
	}
}

func TestConditionsReadTheFacts(t *testing.T) {
	const order = `{"category": "book", "gift": false, "quantity": 2, "weight": 1.5, "price": 19.990, "note": null,
		"items": [{"sku": "a", "price": 1000, "tags": ["new", "sale"]}, {"sku": "b", "price": 3000}], "ship to": {"country": "DE"},
		"big": 9007199254740993, "huge": 18446744073709551615, "beyond": 18446744073709551616, "whole": 5.00, "in": 1}`
	const lead = `{"plan": "pro", "age": 30}`
	yes := []string{
		// The facts, each with its type.
		`purchase.amount == 4000`, `purchase.currency == 'USD'`, `purchase.purchased_at == timestamp('2026-11-03T00:00:00Z')`,
		`signup.signed_up_at == timestamp('2026-11-02T00:00:00Z')`, `link.label == 'invite-friends'`, `link.code == 'by-anna'`,
		`purchase.purchased_at - signup.signed_up_at <= duration('24h')`, `signup.attributes.plan == 'pro' && signup.attributes.age >= 18`,
		// Attributes, by whatever notation.
		`purchase.attributes.category == 'book'`, `purchase.attributes['category'] != 'gift-card'`, `purchase.attributes['in'] == 1`,
		`purchase.attributes[?'category'].orValue('') == 'book'`, `purchase.attributes.?nothing.orValue('none') == 'none'`,
		`!has(purchase.attributes.nothing) || purchase.attributes.nothing == 1`, `'ship to' in purchase.attributes`,
		`purchase.attributes['ship to'].country in ['DE', 'AT', 'CH']`, `purchase.attributes.?nothing.country.orValue('DE') == 'DE'`,
		`purchase.attributes.note == null`, `has(purchase.attributes.note)`, `purchase.attributes.gift == false`,
		// Numbers compare by value, whatever their type.
		`purchase.attributes.quantity == 2 && purchase.attributes.quantity == 2.0 && purchase.attributes.quantity < 2.5`,
		`purchase.attributes.weight == 1.5 && purchase.attributes.weight > 1`, `purchase.attributes.price == 19.99`,
		`purchase.attributes.whole == 5 && purchase.attributes.whole % 2 == 1`, `purchase.attributes.quantity * 2 == 4`,
		`purchase.attributes.big == 9007199254740993 && purchase.attributes.big != 9007199254740992`,
		`purchase.attributes.huge == 18446744073709551615u && purchase.attributes.huge > 1`,
		`double(purchase.attributes.quantity) * purchase.attributes.weight == 3.0`,
		// Lists.
		`purchase.attributes.items.size() == 2 && purchase.attributes.items[0].sku == 'a'`,
		`purchase.attributes[?'items'].orValue([]).exists(i, i.sku == 'b')`,
		`purchase.attributes.items.all(i, i.price >= 1000)`, `purchase.attributes.items.exists(i, 'sale' in i[?'tags'].orValue([]))`,
		`purchase.attributes.items.map(i, i.sku) == ['a', 'b']`, `purchase.attributes.items.filter(i, has(i.tags)).size() == 1`,
		`sets.intersects(purchase.attributes.items.map(i, i.sku), ['b', 'z'])`, `purchase.attributes.items[?7].hasValue() == false`,
		`purchase.attributes.items.exists(i, i[?'tags'].orValue([]).exists(t, t == 'sale'))`,
		`purchase.attributes.items.transformList(n, i, n > 0, i.sku) == ['b']`,
		// Keys come in their order each time.
		`purchase.attributes['ship to'].map(k, k) == ['country']`, `purchase.attributes.map(k, k)[0] == 'beyond' && purchase.attributes.size() == 13`,
		`purchase.attributes.transformMapEntry(k, v, k == 'category', {v: k}) == {'book': 'category'}`,
		// Texts and times.
		`link.label.startsWith('invite-') && link.label.matches('^[a-z-]+$') && link.label.split('-')[1] == 'friends'`,
		`purchase.currency.lowerAscii() == 'usd'`, `purchase.purchased_at.getHours() == 0`, `purchase.purchased_at.getHours('Europe/Berlin') == 1`,
		`purchase.purchased_at.getDayOfWeek('-05:00') == 1`, `purchase.purchased_at.getFullYear() == 2026`,
		// An error counts as false, and matters only if it decides.
		`true || purchase.attributes.nothing == 1`, `purchase.attributes.nothing == 1 || link.label != ''`,
	}
	for _, condition := range yes {
		t.Run(condition, func(t *testing.T) {
			s := newStory(when(condition, order, lead))
			s.expect(t, granted)
			if errors := s.decide(t).ConditionErrors; errors != nil {
				t.Errorf("broke off: %v", errors)
			}
			s.terms().Condition = "!(" + condition + ")"
			s.expect(t, "p1 NotCounting ConditionFalse")
		})
	}
}

func TestConditionErrorIsFalseAndCounted(t *testing.T) {
	long := strings.Repeat("é", maxText)
	many := `{"list": [` + strings.TrimSuffix(strings.Repeat("1,", maxEntries+1), ",") + `]}`
	for _, c := range []struct{ rule, condition, attributes string }{
		{"a key that is missing", `purchase.attributes.category != 'gift-card'`, `{}`},
		{"a key of a key that is missing", `purchase.attributes.shipping.country == 'DE'`, `{"shipping": {}}`},
		{"a key of what is no object", `purchase.attributes.shipping.country == 'DE'`, `{"shipping": "DE"}`},
		{"an entry that is missing", `purchase.attributes.items[1] == 'a'`, `{"items": ["a"]}`},
		{"an order of things that have none", `purchase.attributes.quantity > 5`, `{"quantity": "six"}`},
		{"a number divided by none", `4000 / purchase.attributes.quantity > 5`, `{"quantity": 0}`},
		{"a whole number that no type holds", `purchase.attributes.n > 5`, `{"n": 18446744073709551616}`},
		{"a number with many digits", `purchase.attributes.n > 5`, `{"n": 1` + strings.Repeat("0", 3000) + `}`},
		{"a fraction beyond doubles", `purchase.attributes.n > 5`, `{"n": 1` + strings.Repeat("0", 3000) + `.5}`},
		{"an exponent beyond reason", `purchase.attributes.n > 5`, `{"n": 1e999999999}`},
		{"an exponent that no decimal has", `purchase.attributes.n > 5`, `{"n": 1e99999999999999999999}`},
		{"attributes that are no JSON", `'a' in purchase.attributes`, `{"a": `},
		{"attributes that are no object", `'a' in purchase.attributes`, `["a"]`},
		{"attributes that are too large", `'a' in purchase.attributes`, `{"a": "` + strings.Repeat("a", MaxAttributes) + `"}`},
		{"a text that is too long", `purchase.attributes.a != ''`, `{"a": "` + long + `a"}`},
		{"a list that is too long", `purchase.attributes.list.size() > 1`, many},
		{"more work than one purchase is worth", `purchase.attributes.list.all(i, purchase.attributes.list.all(j, j == 1))`,
			strings.Replace(many, "1,", "", 1)},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newStory(when(c.condition, c.attributes, "{}"))
			s.expect(t, "p1 NotCounting ConditionFalse")
			if got := fmt.Sprint(s.decide(t).ConditionErrors); got != "map[invite:1]" {
				t.Errorf("counted %s", got)
			}
		})
	}
	t.Run("what grows is refused, or broken off before it is gone through", func(t *testing.T) {
		tenfold := ".map(a, a" + strings.Repeat("+a", 9) + ")"
		for _, condition := range []string{
			"[[1]]" + strings.Repeat(tenfold, 4) + "[0].distinct() == []",
			"['abcdefghij']" + strings.Repeat(tenfold, 3) + "[0].split('').distinct() == []",
			"[lists.range(300)].map(a, a.map(b, a))[0].flatten().distinct() == []",
			"['" + strings.Repeat("a", 500) + "'].map(a, a.replace('a', '" + strings.Repeat("a", 32) + "'))[0].split('').distinct() == []",
		} {
			if _, err := CompileCondition(condition); err == nil {
				newStory(when("!("+condition+")", "", "")).expect(t, "p1 NotCounting ConditionFalse")
			}
		}
	})
	t.Run("at the limits nothing breaks off", func(t *testing.T) {
		newStory(when(`purchase.attributes.a.size() == 2048 && purchase.attributes.list.size() == 1000`,
			`{"a": "`+long+`", `+strings.Replace(many, "{", "", 1), "{}")).expect(t, "p1 NotCounting ConditionFalse")
		newStory(when(`purchase.attributes.a.size() == 2048 && purchase.attributes.list.size() == 1000`,
			`{"a": "`+long+`", `+strings.Replace(strings.Replace(many, "{", "", 1), "1,", "", 1), "{}")).expect(t, granted)
	})
	t.Run("what is too large but not looked at is of no consequence", func(t *testing.T) {
		newStory(when(`has(purchase.attributes.a) && purchase.attributes.b == 1`, `{"b": 1, "a": "`+long+`a"}`, "{}")).expect(t, granted)
	})
	t.Run("attributes that are not there are empty", func(t *testing.T) {
		newStory(when(`purchase.attributes.size() == 0 && signup.attributes == {}`, "", "null")).expect(t, granted)
	})
}

func TestConditionFalseHasItsOrderAmongTheReasons(t *testing.T) {
	const never = "purchase.amount < 0"
	rule(t, []ruleCase{
		{"the amount before the condition", func(s *story) {
			when(never, "", "")(s)
			s.terms().MinimumAmounts = map[string]int64{"USD": 5000}
		}, says("p1 NotCounting BelowMinimum")},
		{"the condition before self-referral", func(s *story) {
			s.typed(linkOf("ben"))
			s.terms().Condition = never
		}, says("p1 NotCounting ConditionFalse")},
		{"an Allow does not lift it", func(s *story) {
			when(never, "", "")(s)
			s.p1().Override = Allow
		}, says("p1 NotCounting ConditionFalse")},
		{"a purchase that fails it gives the place of the first to the next", func(s *story) {
			when("purchase.attributes[?'category'].orValue('') != 'gift-card'", `{"category": "gift-card"}`, "{}")(s)
			s.buy("p2", 4000, day(3))
		}, says("p1 NotCounting ConditionFalse", strings.Replace(granted, "p1", "p2", 1))},
		{"amounts are those of the purchase, before refunds", func(s *story) {
			when("purchase.amount == 4000", "", "")(s)
			s.p1().Refunded = 1000
		}, says(granted)},
		{"each revision has its own", func(s *story) {
			when(never, "", "")(s)
			s.revise(day(2, 1), fiveDollars())
			s.buy("p2", 4000, day(3))
		}, says("p1 NotCounting ConditionFalse", strings.Replace(granted, "p1", "p2", 1))},
	})
}

func TestConditionOfAnAdmittedPairReadsOnlyItsOwnFacts(t *testing.T) {
	const condition = "link.label == 'invite-friends' && purchase.attributes.?category.orValue('') != 'gift-card'"
	for _, c := range []struct {
		rule string
		edit func(*story)
		want string
	}{
		{"a relabelled link takes nothing back", func(s *story) { s.link().Label = "press" }, granted},
		{"neither does a link that is gone", func(s *story) { s.ben.Touches = nil }, granted},
		{"attributes corrected later do", func(s *story) { s.p1().Attributes = []byte(`{"category": "gift-card"}`) }, "p1 Reversed ConditionFalse"},
		{"and so do those that break it off", func(s *story) { s.p1().Attributes = []byte(`{"category": `) }, "p1 Reversed ConditionFalse"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := newStory(when(condition, `{"category": "book"}`, "{}")).record(t)
			c.edit(s)
			s.expect(t, c.want)
		})
	}
	t.Run("corrected back it counts again", func(t *testing.T) {
		s := newStory(when(condition, `{"category": "book"}`, "{}")).record(t)
		s.p1().Attributes = []byte(`{"category": "gift-card"}`)
		s.record(t)
		s.p1().Attributes = []byte(`{"category": "book"}`)
		s.expect(t, granted)
	})
	t.Run("before it is admitted a relabelled link counts", func(t *testing.T) {
		s := newStory(when(condition, "", ""), func(s *story) { s.p1().Attributes = []byte(`{"category": "gift-card"}`) }).record(t)
		s.p1().Attributes = nil
		s.link().Label = "press"
		s.expect(t, "p1 NotCounting ConditionFalse")
	})
}

// Another version recorded a condition that this version cannot compile: no pair is decided, so no
// credit is taken back.
func TestRevisionWhoseConditionCannotBeCompiledDecidesNothing(t *testing.T) {
	s := newStory(when("purchase.tomorrow > 5", "", ""))
	_, err := Decide(&s.config, &s.ben, s.now)
	const want = `while deciding purchase "p1": campaign "invite": the condition of revision 1 cannot be compiled: ` +
		`1:1: purchase has no "tomorrow": it has amount, currency, purchased_at, attributes`
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestConditionIsSafeForConcurrentUse(t *testing.T) {
	condition, err := KnownCondition("purchase.amount > 1000 && purchase.attributes.items.exists(i, i.matches('^[ab]+$'))")
	if err != nil {
		t.Fatal(err)
	}
	var workers sync.WaitGroup
	for n := range 8 {
		workers.Go(func() {
			for i := range 200 {
				p := Purchase{Amount: int64(900 + 200*((n+i)%2)), PurchasedAt: time.Unix(0, 0), Attributes: []byte(`{"items": ["c", "abba"]}`)}
				holds, err := condition.holds(&conditionFacts{candidate: &candidate{purchase: &p}})
				if err != nil || holds != (p.Amount > 1000) {
					t.Errorf("%d: %v, %v", p.Amount, holds, err)
				}
			}
		})
	}
	workers.Wait()
}

// For any condition and any attributes nothing panics, an error is one line, and the same facts
// have the same result.
func FuzzCondition(f *testing.F) {
	f.Add(`purchase.attributes[?'category'].orValue('') != 'gift-card'`, `{"category": "book"}`)
	f.Add(`purchase.attributes.items.exists(i, i.price > 1.5 && has(i.tags))`, `{"items": [{"price": 2, "tags": null}, 1e400]}`)
	f.Add(`purchase.attributes.map(k, k).join(',') < link.code || "\u00e9" in signup.attributes`, `{"b": [[]], "a": {"a": 18446744073709551615}}`)
	f.Add(`purchase.purchased_at.getHours('Europe/Berlin') > 3 ? true : '%s'.format([purchase.amount]) == "1"`, `[]`)
	f.Add(`purchase.attributes.transformMap(k, v, v == null).all(k, v, v) = 5`, `{"a": -0.0}`)
	f.Fuzz(func(t *testing.T, text, attributes string) {
		condition, err := CompileCondition(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\r") {
				t.Errorf("more than one line: %q", err)
			}
			return
		}
		s := newStory(when("", attributes, attributes))
		c := candidate{referee: &s.ben, purchase: s.p1(), attribution: &Attribution{Code: "abc", Label: attributes}}
		holds, err := condition.holds(&conditionFacts{candidate: &c})
		for range 3 {
			again, errAgain := condition.holds(&conditionFacts{candidate: &c})
			if holds != again || (err == nil) != (errAgain == nil) {
				t.Fatalf("found %v, %v and then %v, %v", holds, err, again, errAgain)
			}
		}
	})
}

func BenchmarkCondition(b *testing.B) {
	condition, err := KnownCondition(`link.label != 'press' && purchase.attributes[?'category'].orValue('') != 'gift-card'`)
	if err != nil {
		b.Fatal(err)
	}
	p := Purchase{Amount: 4000, Attributes: []byte(`{"category": "book", "items": [{"sku": "a", "price": 1000}]}`)}
	c := candidate{purchase: &p, attribution: &Attribution{Code: "abc", Label: "invite-friends"}}
	for b.Loop() {
		if holds, err := condition.holds(&conditionFacts{candidate: &c}); !holds || err != nil {
			b.Fatal(holds, err)
		}
	}
}
