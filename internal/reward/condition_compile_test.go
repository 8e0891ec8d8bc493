package reward

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pinned returns a referee whose pairs follow revisions in turn, each of which has a condition of
// almost the longest text.
func pinned(t *testing.T, revisions, pairs int) *story {
	t.Helper()
	terms := make([]Terms, revisions)
	for i := range terms {
		terms[i] = everyPurchase()
		terms[i].Condition = fmt.Sprintf("purchase.currency != '%d%s'", i, strings.Repeat("x", maxConditionLength-50))
	}
	s := newStory(func(s *story) { s.config.Campaigns["invite"] = openCampaign("invite", terms...) })
	s.ben.Purchases = nil
	for n := range pairs {
		s.ben.Purchases = append(s.ben.Purchases, bought(fmt.Sprintf("p%04d", n), 4000, day(2)))
	}
	s.record(t)
	for i := range s.ben.Pairs {
		s.ben.Pairs[i].Revision = 1 + i%revisions
	}
	return s
}

// The cache keeps fewer conditions than a database may have, and a referee's pairs may follow them in
// turn.
func TestConditionsOfAReferee(t *testing.T) {
	for _, c := range []struct {
		rule             string
		revisions, pairs int
		tooMany          bool
	}{
		{"each is compiled once, however many pairs follow it", 20, 400, false},
		{"and too many cost too much, whether or not they are cached", 30, 60, true},
	} {
		t.Run(c.rule, func(t *testing.T) {
			s := pinned(t, c.revisions, c.pairs)
			outcome, err := Decide(&s.config, &s.ben, s.now)
			_, explainErr := Explain(&s.config, &s.ben, s.now)
			if errors.Is(err, errConditionsCost) != c.tooMany || errors.Is(explainErr, errConditionsCost) != c.tooMany {
				t.Fatalf("decided with %v, explained with %v", err, explainErr)
			}
			for i := range outcome.Decisions {
				if d := &outcome.Decisions[i]; d.State != Granted || d.Revision != s.ben.Pairs[i].Revision {
					t.Errorf("%s is %s under revision %d, want revision %d", d.PurchaseID, d.State, d.Revision, s.ben.Pairs[i].Revision)
				}
			}
			if held := ConditionsHeld(&s.config, &s.ben); len(held) != c.pairs {
				t.Errorf("%d conditions have a result", len(held))
			}
		})
	}
}

// What a referee's pairs keep in memory does not grow with the conditions that they follow.
func TestDecidedCandidatesKeepNoCondition(t *testing.T) {
	s := pinned(t, 3, 9)
	attribution, _ := attribute(&s.config, &s.ben)
	candidates, err := judged(&s.config, &s.ben, attribution, NotAttributed, true)
	if err != nil || len(candidates) != 9 {
		t.Fatalf("%d candidates: %v", len(candidates), err)
	}
	for i := range candidates {
		if c := &candidates[i]; c.condition != nil || !c.evaluated || c.reason != "" {
			t.Errorf("%s keeps %v, evaluated %t, %s", c.id(), c.condition, c.evaluated, c.reason)
		}
	}
}

func TestDescriptionOfAConditionThatFailsIsShort(t *testing.T) {
	s := newStory()
	terms := &s.config.Campaigns["invite"].Revisions[0].Terms
	terms.Condition = "purchase.attributes.category != '" + strings.Repeat("ä", 2000) + "'"
	explanation, err := Explain(&s.config, &s.ben, s.now)
	if err != nil {
		t.Fatal(err)
	}
	checks := explanation.Purchases[0].Checks
	at := slices.IndexFunc(checks, func(c Check) bool { return c.Rule == RuleCondition })
	if at < 0 {
		t.Fatalf("no check of the condition: %v", checks)
	}
	const want = "the condition ended in an error: purchase.attributes.category != 'ä"
	if c := checks[at]; c.Passed || len(c.Detail) > 300 || !strings.HasPrefix(c.Detail, want) {
		t.Errorf("passed %t: %s", c.Passed, c.Detail)
	}
}
