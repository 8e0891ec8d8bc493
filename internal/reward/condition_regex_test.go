package reward

import (
	"regexp/syntax"
	"strings"
	"testing"
)

func TestRegularExpressionsAreLimitedWhenThePolicyIsApplied(t *testing.T) {
	for name, test := range map[string]struct{ condition, says string }{
		"repeated classes":               {`link.label.matches('` + strings.Repeat(`\\pL{999}`, 400) + `')`, "1:20: makes the regular expressions of the condition too large"},
		"classes that fit in one text":   {`link.label.matches(r'(\pL{100}){9}')`, "too large"},
		"repetitions in repetitions":     {`lists.range(1000).exists(i, (string(i) + 'aaaaaaaa').matches('((a{1,20}){1,20}){1,2}b'))`, "may cost more than"},
		"several that are small":         {`link.label.matches('.{600}') || link.code.matches('a{600}') || link.code.matches('b{600}') || link.code.matches('c{600}')`, "too large"},
		"one as a function":              {`matches(link.label, '.{999}.{999}.{999}')`, "too large"},
		"one in a macro":                 {`purchase.attributes[?'a'].orValue([]).exists(x, string(x).matches('.{999}.{999}.{999}'))`, "too large"},
		"one of an attribute":            {`link.label.matches(string(purchase.attributes[?'pattern'].orValue('')))`, "1:26: must be written in the condition"},
		"one that is put together":       {`link.label.matches('.{999}' + '.{999}')`, "must be written in the condition"},
		"one that is chosen":             {`link.label.matches(purchase.amount > 1 ? 'a' : 'b')`, "must be written in the condition"},
		"a long text in a long loop":     {`lists.range(1000).exists(i, lists.range(100).exists(j, link.label.matches('.{900}')))`, "may cost more than"},
		"invalid":                        {`link.label.matches('(')`, "must be a regular expression"},
		"more repetitions than RE2 does": {`link.label.matches('a{1001}')`, "must be a regular expression"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := CompileCondition(test.condition); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("got %v, want %q", err, test.says)
			}
		})
	}
}

func TestUsualRegularExpressionsAreAccepted(t *testing.T) {
	for _, pattern := range []string{
		`^[a-z0-9-]{1,63}$`, `^\p{L}{2,30}$`, `(?i)^gift[-_ ]?card`, `.*`,
		`^[a-zA-Z0-9._%+-]{1,64}@([a-zA-Z0-9-]{1,63}\.){1,8}[a-zA-Z]{2,24}$`,
		`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`,
	} {
		if _, err := CompileCondition(`link.label.matches(r'` + pattern + `')`); err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}

// The limit is worth nothing for a pattern whose size is far above the estimate.
func TestSizeOfARegularExpressionIsNotBelowItsProgram(t *testing.T) {
	for _, pattern := range []string{
		``, `a`, `abc`, `(?i)abc`, `[a-z]`, `.`, `\pL`, `a*`, `a+`, `a?`, `a|b`, `abc|abd|xyz`, `^a$`, `\bx\b`, `(a)(b)`, `(?:a(b|c)*)+`,
		`a{5}`, `a{5,}`, `a{2,7}`, `(a{1,20}){1,20}`, `((a{1,20}){1,20}){1,2}b`, `(a|b){9}`, `(?:ab|cd|[e-g]){3,}`, `(x*){7}`, `(x+){7}`,
		`(x?){7}`, `(x{0,3}){0,3}`, `((a)(b)){10}`, `(?:^a){4}`, `(?:){99}`, `((?:)){99}`, `.{99}`, `x{0,1}`, `x{0}`, `(a{0}){9}`,
	} {
		parsed, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		program, err := syntax.Compile(parsed.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		const framing = 3 // fail, match and the begin of the program
		if size, is := sizeOfRegex(pattern), len(program.Inst); size+framing < is || size > 8*is {
			t.Errorf("%q has %d instructions, estimated as %d", pattern, is, size)
		}
	}
}

// evaluate evaluates a condition for facts with large attributes.
func evaluate(t *testing.T, text string) (*conditionFacts, bool, error) {
	t.Helper()
	condition, err := CompileCondition(text)
	if err != nil {
		t.Fatal(err)
	}
	attributes := `{"text": "` + strings.Repeat("ab", 1000) + `", "list": [` + strings.Repeat(`"abcdefgh",`, 999) + `"x"],
		"deep": [` + strings.Repeat(`[`+strings.Repeat("1,", 99)+`1],`, 99) + `[1]]}`
	facts := &conditionFacts{candidate: &candidate{
		purchase: &Purchase{Attributes: []byte(attributes)}, attribution: &Attribution{Label: strings.Repeat("a", 255)},
	}}
	holds, err := condition.holds(facts)
	return facts, holds, err
}

// Each of these takes long for what CEL counts by itself: without its charge it would run for
// seconds within the limit.
func TestConditionsThatTakeLongEndAtTheLimit(t *testing.T) {
	for name, condition := range map[string]string{
		"regular expressions":     `lists.range(300).exists(i, link.label.matches('((a{1,20}){1,20}){1,2}b'))`,
		"texts to be matched":     `lists.range(1000).exists(i, purchase.attributes.text.matches('(.*)(.*)(.*)(.*)c'))`,
		"entries of an attribute": `lists.range(1000).exists(i, 'zz' in purchase.attributes.list)`,
		"attributes turned over":  `lists.range(1000).exists(i, purchase.attributes.text.reverse() == '')`,
		"time zones":              `lists.range(1000).exists(i, purchase.purchased_at.getHours('Europe/Berlin') + purchase.purchased_at.getMinutes('Asia/Tokyo') < 0)`,
		"equal lists of lists":    `lists.range(1000).exists(i, purchase.attributes.deep != purchase.attributes.deep)`,
		"lists of lists in one":   `lists.range(1000).exists(i, [1] in purchase.attributes.deep && i < 0)`,
		"sets of lists":           `lists.range(10).exists(i, sets.contains(purchase.attributes.deep, [[2], [3]]))`,
	} {
		t.Run(name, func(t *testing.T) {
			facts, holds, err := evaluate(t, condition)
			if holds || err == nil || !strings.Contains(err.Error(), "cost limit exceeded") {
				t.Errorf("holds %t, %v", holds, err)
			}
			if facts.cost < costLimit {
				t.Errorf("cost %d", facts.cost)
			}
		})
	}
}

func TestOrdinaryConditionsCostLittle(t *testing.T) {
	for _, condition := range []string{
		`purchase.amount > 0 || link.label != 'press'`,
		`purchase.attributes[?'category'].orValue('') != 'gift-card'`,
		`link.label.matches('^[a-z-]{1,63}$') || true`,
		`purchase.attributes.list.size() > 5`,
		`purchase.attributes.list.exists(i, i == 'x')`,
	} {
		facts, holds, err := evaluate(t, condition)
		if !holds || err != nil || facts.cost > costLimit/20 {
			t.Errorf("%s: %t, %v, cost %d", condition, holds, err, facts.cost)
		}
	}
}

// One match is bounded too, since its cost is counted when it has returned.
func TestTextThatIsTooLongForARegularExpressionIsNotMatched(t *testing.T) {
	_, holds, err := evaluate(t, `[purchase.attributes.list.join('')].map(l, l + l + l + l).exists(l, l.matches('.{900}.{900}x'))`)
	if holds || err == nil || !strings.Contains(err.Error(), "too long for the regular expression") && !strings.Contains(err.Error(), "cost limit") {
		t.Errorf("holds %t, %v", holds, err)
	}
}

func TestRefereeWhoseConditionsCostTooMuchIsNotDecided(t *testing.T) {
	s := newStory(when(`purchase.attributes.deep != purchase.attributes.deep || true`, `{"deep": [`+strings.Repeat(`[`+strings.Repeat("1,", 99)+`1],`, 99)+`[1]]}`, "{}"))
	s.expect(t, granted)
	one := *s.p1()
	for i := range 300 {
		next := one
		next.ID = "p" + strings.Repeat("x", i%200+1) + string(rune('a'+i/200))
		s.ben.Purchases = append(s.ben.Purchases, next)
	}
	_, err := Decide(&s.config, &s.ben, s.now)
	if err == nil || !strings.Contains(err.Error(), "cost more than 5000000 comparisons") {
		t.Errorf("got %v", err)
	}
	if held := ConditionsHeld(&s.config, &s.ben); len(held) != len(s.ben.Purchases) || !held["p1"] {
		t.Errorf("%d conditions, of %d purchases", len(held), len(s.ben.Purchases))
	}
}
