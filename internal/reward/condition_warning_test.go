package reward

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnguardedReadsCauseWarnings(t *testing.T) {
	const breaksOff = " the condition breaks off and the purchase does not count: read "
	for condition, want := range map[string][]string{
		`purchase.attributes.category != 'gift-card'`: {
			"1:20: where purchase.attributes has no 'category'" + breaksOff +
				"purchase.attributes[?'category'].orValue(…), or test 'category' in purchase.attributes as well"},
		"link.code != '' &&\n  signup.attributes['plan'] == 'pro'": {
			"2:20: where signup.attributes has no 'plan'" + breaksOff +
				"signup.attributes[?'plan'].orValue(…), or test 'plan' in signup.attributes as well"},
		// One for a chain of keys: the first that may be missing.
		`has(purchase.attributes.a) && purchase.attributes.a.b.c == 1`: {
			"1:52: where purchase.attributes['a'] has no 'b'" + breaksOff +
				"purchase.attributes['a'][?'b'].orValue(…), or test 'b' in purchase.attributes['a'] as well"},
		`has(purchase.attributes.a.b)`: {
			"1:24: where purchase.attributes has no 'a'" + breaksOff +
				"purchase.attributes[?'a'].orValue(…), or test 'a' in purchase.attributes as well"},
		`purchase.attributes[?'items'].orValue([])[0] == 'a'`: {
			"1:42: where purchase.attributes[?\"items\"].orValue([]) has no 0" + breaksOff +
				"purchase.attributes[?\"items\"].orValue([])[?0].orValue(…), or test 0 in purchase.attributes[?\"items\"].orValue([]) as well"},
		`purchase.attributes[?'items'].orValue([]).exists(i, i.sku == 'a')`: {
			"1:54: where i has no 'sku'" + breaksOff + "i[?'sku'].orValue(…), or test 'sku' in i as well"},
		// A test that need not hold where the key is read is none.
		`has(purchase.attributes.a) || purchase.attributes.a == 1`: {
			"1:50: where purchase.attributes has no 'a'" + breaksOff +
				"purchase.attributes[?'a'].orValue(…), or test 'a' in purchase.attributes as well"},
		`has(purchase.attributes.a) ? true : purchase.attributes.a == 1`: {
			"1:56: where purchase.attributes has no 'a'" + breaksOff +
				"purchase.attributes[?'a'].orValue(…), or test 'a' in purchase.attributes as well"},
		`has(purchase.attributes.b) && signup.attributes.b == 1`: {
			"1:48: where signup.attributes has no 'b'" + breaksOff +
				"signup.attributes[?'b'].orValue(…), or test 'b' in signup.attributes as well"},

		// These are guarded.
		`purchase.amount > 1 && link.label != 'press'`:                                               nil,
		`purchase.attributes[?'a'].orValue(1) == 1`:                                                  nil,
		`purchase.attributes.?a.b.c.orValue(1) == 1`:                                                 nil,
		`has(purchase.attributes.a)`:                                                                 nil,
		`has(purchase.attributes.a) && purchase.attributes.a == 1`:                                   nil,
		`purchase.attributes.a == 1 && has(purchase.attributes.a)`:                                   nil,
		`purchase.amount > 1 && (has(purchase.attributes.a) && purchase.attributes['a'] == 1)`:       nil,
		`'a' in purchase.attributes && link.label == '' && purchase.attributes.a == 1`:               nil,
		`!has(purchase.attributes.a) || purchase.attributes.a == 1`:                                  nil,
		`!(has(purchase.attributes.a) && purchase.attributes.a == 1)`:                                nil,
		`has(purchase.attributes.a) ? purchase.attributes.a == 1 : true`:                             nil,
		`!('a' in purchase.attributes) ? true : purchase.attributes.a == 1`:                          nil,
		`purchase.attributes[?'a'].hasValue() && purchase.attributes.a == 1`:                         nil,
		`has(purchase.attributes.a) && has(purchase.attributes.a.b) && purchase.attributes.a.b == 1`: nil,
		`purchase.attributes.exists(k, purchase.attributes[k] == 1)`:                                 nil,
		`purchase.attributes.exists(k, v, k != 'a' && v == 1)`:                                       nil,
		`{'press': false}[?link.label].orValue(true)`:                                                nil,
		`['a', 'b'][0] == link.code`:                                                                 nil,
		`purchase.attributes[?'items'].orValue([]).exists(i, i.?sku == optional.of('a'))`:            nil,
	} {
		t.Run(condition, func(t *testing.T) {
			compiled, err := CompileCondition(condition)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, warning := range compiled.Warnings {
				got = append(got, warning.String())
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
