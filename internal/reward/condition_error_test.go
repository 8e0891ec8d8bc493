package reward

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConditionErrorsSayWhereAndWhatWouldBeRight(t *testing.T) {
	for _, c := range []struct{ rule, condition, want string }{
		{"nothing", " \n", "1:1: is empty: leave the field out if there is no condition"},
		{"too much", strings.Repeat("!", maxConditionLength) + "true", "1:1: has 4100 characters: at most 4096"},
		{"brackets without end", strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200), "1:1: is nested more than 100 levels deep"},
		{"macros without end", "[1]" + strings.Repeat(".map(i, i)", 13) + " == []", "1:1: has 13 macros such as exists or map: at most 12"},
		{"macros that double", "optional.of(1)" + strings.Repeat(".optMap(i, i)", 40) + ".hasValue()", "1:1: has 40 of optMap and optFlatMap: at most 4"},
		{"what is no CEL", "SELECT $1; FROM $2", "1:8: '$' is not expected here"},
		{"no text", "link.code == '\xff'", "1:1: is not valid UTF-8"},

		// Words of other languages.
		{"'=' to compare", "link.label = 'press'", "1:12: '=' is no operator: write '==' to compare"},
		{"'&'", "link.code != '' & true", `1:17: "&" is no operator: write '&&' or '||'`},
		{"'and'", "purchase.amount > 5 AND true", `1:21: "AND" is no operator: write '&&'`},
		{"'or'", "purchase.amount > 5 or true", `1:21: "or" is no operator: write '||'`},
		{"'not'", "not true", `1:5: "not" is no operator: write '!' before what is to be false`},
		{"quotation marks of prose", "purchase.currency == “USD”", `1:22: "“" is no quotation mark of CEL: write ' or "`},
		{"a text that does not end", "purchase.currency == \"USD", `1:22: the text that begins here does not end: close it with "`},
		{"text without quotes", "link.label == press",
			`1:15: there is no "press": there are purchase, signup and link; text stands in quotes, as in 'press'`},

		// Sentences that do not end, or go on.
		{"an end too early", "purchase.amount > 5 &&", "1:23: ends where a value should follow"},
		{"a parenthesis that stays open", "((true)", "1:8: ends where a value should follow"},
		{"more than an expression", "link.label == 'it's'", "1:19: 's' is not expected here"},
		{"a later line", "true &&\n\n  purchase.amount >", "3:20: ends where a value should follow"},

		// Facts that there are not.
		{"a field that is misspelt", "purchase.amout > 5", `1:1: purchase has no "amout": it has amount, currency, purchased_at, attributes`},
		{"a field of another", "signup.amount > 5", `1:1: signup has no "amount": it has signed_up_at, attributes`},
		{"a fact taken whole", "link == 'a'", "1:1: link cannot be used alone: write one of link.code, link.label"},
		{"a field in brackets", "link['code'] == 'a'", "1:1: link cannot be used alone: write one of link.code, link.label"},
		{"has() of what is always there", "has(purchase.amount)", "1:5: purchase.amount is always there: has() is for keys of attributes"},
		{"a field alone", "attributes.category == 'a'", `1:1: there is no "attributes" by itself: write purchase.attributes`},
		{"a function that there is not", "link.code.toLower() == 'a'", `1:18: there is no function "toLower"`},
		{"all of them at once", "signup.amount > 5 && link.lable == 'x'",
			`1:1: signup has no "amount": it has signed_up_at, attributes; 1:22: link has no "lable": it has code, label`},
		{"but not a page of them", "a && b && c && d && e", `1:1: there is no "a": there are purchase, signup and link; text stands in quotes, as in 'a'; ` +
			`1:6: there is no "b": there are purchase, signup and link; text stands in quotes, as in 'b'; ` +
			`1:11: there is no "c": there are purchase, signup and link; text stands in quotes, as in 'c'; and 2 more`},

		// Types.
		{"a number in quotes", "purchase.amount == '20'", "1:17: '==' does not work on (int, string): numbers stand without quotes, and texts in quotes"},
		{"a time as text", "purchase.purchased_at > '2026-01-01'",
			"1:23: '>' does not work on (timestamp, string): write a time as timestamp('2026-01-31T00:00:00Z')"},
		{"a duration as text", "purchase.purchased_at - signup.signed_up_at > '24h'",
			"1:45: '>' does not work on (duration, string): write a duration as duration('24h')"},
		{"a value that may be none", "purchase.attributes.?x == 'a'",
			"1:24: '==' does not work on (optional_type(dyn), string): say what to take where there is none, with .orValue(…)"},
		{"a list of several types", "link.label in ['a', 1]", "1:21: expected type 'string' but found 'int'"},
		{"a choice of several types", "true ? 1 : 'a'", "1:6: what stands on both sides of ':' must be of the same type, and a condition before '?'"},
		{"a regular expression", "link.label.matches('(')", "1:20: must be a regular expression of RE2"},
		{"a time", "timestamp('2026-01-31') < purchase.purchased_at", "1:11: must be a time such as '2026-01-31T00:00:00Z'"},
		{"a duration", "duration('1d') < purchase.purchased_at - signup.signed_up_at", "1:10: must be a duration such as '24h', '90m' or '30s'"},
		{"a time zone", "purchase.purchased_at.getHours('Berlin') > 3",
			`1:32: there is no time zone "Berlin": write one such as 'Europe/Berlin' or '+02:00'`},
		{"the machine's time zone", "purchase.purchased_at.getHours('Local') > 3",
			`1:32: there is no time zone "Local": write one such as 'Europe/Berlin' or '+02:00'`},

		// What it comes to.
		{"a number", "purchase.amount", "1:1: is of type int: must be true or false, such as a comparison"},
		{"an attribute", "purchase.attributes.x", "1:1: is a value of any type: must be true or false; compare it, as in … == true"},
		{"an attribute that may be none", "purchase.attributes.?x",
			"1:1: may have no value: must be true or false; end it with .orValue(false), or compare what .orValue(…) returns"},

		// What it costs.
		{"loops in loops in loops", "purchase.attributes.a.exists(i, i.b.exists(j, j.c.exists(k, k == '')))",
			"1:57: may cost more than 10000000 comparisons for one purchase: a loop inside a loop multiplies: " +
				"go through one list at a time, or have the application sum it up in one attribute"},
		{"a text of any length in each place of another", "purchase.attributes.a.replace('', purchase.attributes.b) == ''",
			"1:30: may make a value of more than 4000000 characters and entries: repeat less, and compare parts rather than what they are put together to"},
		{"a text of any length searched in each of many", "purchase.attributes.items.all(i, i.contains(purchase.attributes.b))",
			"1:44: may cost more than 10000000 comparisons for one purchase: two texts of any length are searched or joined: " +
				"use a text that is written in the condition for one of them"},
		{"a list repeated again and again", "[[1]]" + strings.Repeat(".map(a, ["+strings.Repeat("a,", 9)+"a])", 8) + " == []",
			"1:164: may make a value of more than 4000000 characters and entries: repeat less, and compare parts rather than what they are put together to"},
		{"the same unseen by types", "[dyn('a')]" + strings.Repeat(".map(a, dyn('%s%s%s%s%s%s%s%s%s'.format(["+strings.Repeat("a,", 8)+"a])))", 8) + " == [dyn('b')]",
			"1:175: may make a value of more than 4000000 characters and entries: repeat less, and compare parts rather than what they are put together to"},
		{"a list of any length made up", "lists.range(purchase.amount).size() > 4",
			"1:37: may cost more than 10000000 comparisons for one purchase: leave out what is not needed"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			_, err := CompileCondition(c.condition)
			if err == nil {
				t.Fatal("compiles")
			}
			if diff := cmp.Diff(c.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}
