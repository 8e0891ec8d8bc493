package engine_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/reward"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// noGiftCards is the condition of most policies that have one.
const noGiftCards = "link.label != 'press' && purchase.attributes.category != 'gift-card'"

// when returns terms that pay five dollars for each purchase whose condition is true.
func when(condition string) reward.Terms {
	terms := fiveDollars()
	terms.Purchases, terms.Condition = reward.EveryPurchase, condition
	return terms
}

const (
	conditionErrors = "SELECT campaign, sum(condition_errors)::int FROM referral.pair_count GROUP BY 1 HAVING sum(condition_errors) > 0 ORDER BY 1"
	setAside        = "SELECT user_id, cause FROM referral.set_aside ORDER BY 1"
)

func (s *shop) buy(id, attributes string) {
	s.Helper()
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES ('bob', $1, 2500, 'USD', $2)", id, attributes)
}

func TestPurchaseCountsWhenItsConditionIsTrue(t *testing.T) {
	s := newShop(t)
	s.declare("invite", when(noGiftCards))
	for _, fact := range []string{link, touch, signup} {
		s.write(fact)
	}
	s.buy("book", `{"category": "book"}`)
	s.buy("card", `{"category": "gift-card"}`)
	s.buy("none", `{}`)
	s.buy("large", `{"category": "book", "note": "`+strings.Repeat("n", 2*reward.MaxAttributes)+`"}`)
	s.converge()
	s.expect("pairs", pairs, "bob book Granted Qualified")
	s.expect("set aside", setAside)

	t.Run("those that break off are counted each time they are decided", func(*testing.T) {
		s.asOwner("UPDATE referral.pair_count SET condition_errors = 0")
		s.write("UPDATE referral.signup SET visitor_id = visitor_id")
		s.converge()
		s.expect("conditions that broke off", conditionErrors, "invite 2")
	})

	t.Run("attributes that are corrected decide anew", func(*testing.T) {
		s.write(`UPDATE referral.purchase SET attributes = '{"category": "gift-card"}' WHERE purchase_id = 'book'`)
		s.write(`UPDATE referral.purchase SET attributes = '{"category": "game"}' WHERE purchase_id = 'none'`)
		s.converge()
		s.expect("pairs", pairs, "bob book Reversed ConditionFalse", "bob none Granted Qualified")
		s.expect("balances", balances, "alice USD 500 0")
	})
	t.Run("a purchase of others is not kept from counting", func(*testing.T) {
		s.write("INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('carol', 'v1', now() - interval '1 h')")
		s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes) VALUES ('carol', 'p1', 2500, 'USD', '{"category": "book"}')`)
		s.converge()
		s.expect("carol's pairs", "SELECT state FROM referral.pair WHERE user_id = 'carol'", "Granted")
	})
}

func TestConditionSeesSignupAndLink(t *testing.T) {
	s := newShop(t)
	s.declare("invite", when("signup.attributes.?plan.orValue('') == 'pro' && link.code == 'alice1' && link.label == 'invite-friends'"))
	s.write(link)
	s.write("UPDATE referral.link SET label = 'invite-friends'")
	s.write(touch)
	s.write(signup)
	s.buy("p1", `{}`)
	s.converge()
	s.expect("pairs of a signup without a plan", pairs)
	s.write(`UPDATE referral.signup SET attributes = '{"plan": "pro"}'`)
	s.converge()
	s.expect("pairs of one with a plan", pairs, "bob p1 Granted Qualified")
}

// The attribution of an admitted pair stays as it was; that of other pairs follows the link.
func TestRelabelledLinkReversesNothing(t *testing.T) {
	s := newShop(t)
	s.declare("invite", when("link.label != 'press'"))
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.converge()
	s.expect("pairs", pairs, "bob p1 Granted Qualified")
	s.write("UPDATE referral.link SET label = 'press'")
	s.write("INSERT INTO referral.signup (user_id, visitor_id, signed_up_at) VALUES ('carol', 'v1', now() - interval '1 h')")
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'p1', 2500, 'USD')")
	s.write("UPDATE referral.purchase SET amount = 2600")
	s.converge()
	s.expect("pairs once the link is the press's", pairs, "bob p1 Granted Qualified")

	s.write("UPDATE referral.link SET label = ''")
	s.converge()
	s.expect("pairs once it is not", pairs, "bob p1 Granted Qualified", "carol p1 Granted Qualified")
}

func TestEachRevisionHasItsCondition(t *testing.T) {
	s := newShop(t)
	s.declare("invite", when("purchase.amount >= 5000"))
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.converge()
	s.expect("pairs below what is asked", pairs)
	s.declare("invite", when("purchase.amount >= 2000"), func(d *database.Declaration) { d.Policy.Generation = 2 })
	s.buy("p2", "{}")
	s.converge()
	s.expect("pairs", pairs, "bob p2 Granted Qualified")
}

// A revision whose condition this version cannot compile grants and reverses nothing: its referees
// are set aside until a version can.
func TestInvalidConditionSetsRefereesAside(t *testing.T) {
	s := newShop(t)
	s.declare("invite", when("purchase.amount > 0"))
	for _, fact := range []string{link, touch, signup, purchase} {
		s.write(fact)
	}
	s.converge()
	s.asOwner(`UPDATE referral.revision SET terms = jsonb_set(terms::jsonb, '{condition}', '"purchase.tomorrow > 0"')`)
	s.asOwner("UPDATE referral.meta SET epoch = epoch + 1")
	s.write("UPDATE referral.purchase SET amount = 2600")
	s.converge()
	s.expect("pairs", pairs, "bob p1 Granted Qualified")
	s.expect("set aside", setAside, `bob while deciding purchase "p1": campaign "invite": the condition of revision 1 cannot be compiled: `+
		`1:1: purchase has no "tomorrow": it has amount, currency, purchased_at, attributes`)
}

// Without a condition no attributes are read, however large they are.
func TestAttributesAreReadOnlyForConditions(t *testing.T) {
	s := newShop(t)
	s.declare("invite", fiveDollars())
	for _, fact := range []string{link, touch, signup} {
		s.write(fact)
	}
	for i := range 50 {
		s.buy(strconv.Itoa(i), `{"note": "`+strings.Repeat("n", 100_000)+`"}`)
	}
	s.converge()
	s.expect("pairs", "SELECT state FROM referral.pair", "Granted")
	config, err := engine.LoadDeclared(s.Context(), s.db)
	testworld.Must(s, err)
	if config.Conditions {
		t.Error("a configuration without conditions has some")
	}
	s.declare("ask", when("purchase.amount > 1"))
	if config, err = engine.LoadDeclared(s.Context(), s.db); err != nil || !config.Conditions {
		t.Errorf("a configuration with a condition has none, %v", err)
	}
}

// slow is a condition that costs as much as one purchase may, for a link with longLabel.
const slow = `lists.range(300).exists(i, link.label.matches('((a{1,20}){1,20}){1,2}b'))`

// dear is charged like slow, but takes little time: no label of these tests begins with b.
const dear = `lists.range(300).exists(i, link.label.matches('^b((a{1,20}){1,20}){1,2}'))`

const longLabel = "UPDATE referral.link SET label = repeat('a', 255)"

func TestSlowConditionsOfManyRefereesAreDecided(t *testing.T) {
	s := newShop(t)
	s.engine.SetDecideTimeout(50 * time.Millisecond) // several referees take longer
	s.declare("invite", when(slow))
	s.write(link)
	s.write(longLabel)
	s.write("INSERT INTO referral.signup (user_id, code) SELECT 'u' || n, 'alice1' FROM generate_series(1, 6) AS n")
	s.converge() // so that each referee has one change, and is decided once
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 2500, 'USD' FROM generate_series(1, 6) AS n")
	s.converge()
	s.expect("pending changes and set aside", "SELECT (SELECT count(*) FROM referral.change), (SELECT count(*) FROM referral.set_aside)", "0 0")
	s.expect("conditions that broke off", conditionErrors, "invite 6")
}

func TestBatchThatTakesTooLongToDecideIsDividedAndDecided(t *testing.T) {
	s := newShop(t)
	s.engine.SetDecideTimeout(time.Nanosecond)
	s.declare("invite", when("purchase.amount > 1"))
	s.write(link)
	s.write("INSERT INTO referral.signup (user_id, code) SELECT 'u' || n, 'alice1' FROM generate_series(1, 60) AS n")
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'u' || n, 'p', 2500, 'USD' FROM generate_series(1, 60) AS n")
	s.converge()
	s.expect("granted, and set aside", "SELECT (SELECT count(*) FROM referral.pair WHERE state = 'Granted'), (SELECT count(*) FROM referral.set_aside)", "60 0")
}

// A referee that cannot be decided within the limit is set aside at once, and not tried for ever.
func TestRefereeWhoseConditionsCostTooMuchIsSetAside(t *testing.T) {
	s := newShop(t)
	s.declare("invite", when(dear+" || true"))
	for _, fact := range []string{link, longLabel, touch, signup} {
		s.write(fact)
	}
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) SELECT 'bob', 'p' || n, 2500, 'USD' FROM generate_series(1, 100) AS n")
	s.write("INSERT INTO referral.signup (user_id, code) VALUES ('carol', 'alice1')")
	s.write("INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('carol', 'p', 2500, 'USD')")
	s.converge()
	s.expect("set aside", "SELECT user_id FROM referral.set_aside", "bob")
	s.expect("pending changes", "SELECT count(*) FROM referral.change", "0")
}
