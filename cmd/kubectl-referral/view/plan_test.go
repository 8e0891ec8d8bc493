package view

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// specs are an object's spec now and as proposed.
type specs struct {
	Now      map[string]any `json:"now"`
	Proposed map[string]any `json:"proposed"`
}

// step reads a step of testdata.
func step(t *testing.T, path string) *Step {
	t.Helper()
	read := object[struct {
		Plan             *v1alpha1.RewardPlan `json:"plan"`
		Campaign, Policy *specs
		New, Approval    bool
	}](t, path)
	s := &Step{Plan: read.Plan, New: read.New, Approval: read.Approval}
	for name, edit := range map[string]*specs{"campaign": read.Campaign, "policy": read.Policy} {
		if edit != nil {
			s.Edits = append(s.Edits, Edit{name, Compare(edit.Now, edit.Proposed)})
		}
	}
	if len(s.Edits) == 2 && s.Edits[0].Object == "policy" {
		s.Edits[0], s.Edits[1] = s.Edits[1], s.Edits[0]
	}
	return s
}

func TestPlansReadAsRecorded(t *testing.T) {
	each(t, "plan", ".txt", func(t *testing.T, path string) string {
		t.Helper()
		return Plan(Options{Now: now}, step(t, path))
	})
}

func TestPlansReadAsRecordedInMarkdown(t *testing.T) {
	each(t, "plan", ".md", func(t *testing.T, path string) string {
		t.Helper()
		return Markdown([]*Step{step(t, path)})
	})
}

func TestOnlyAPlanWithoutAnyDifferenceChangesNothing(t *testing.T) {
	for name, want := range map[string]bool{
		"no-change": false, "raise-new-pairs": true, "lower-the-cap": true, "create": true, "delete": true, "raise-the-budget": true,
	} {
		if got := step(t, "testdata/plan/"+name+".yaml").Changes(); got != want {
			t.Errorf("%s: changes: %v", name, got)
		}
	}
}

func TestCompareIgnoresOnlySpelling(t *testing.T) {
	for name, test := range map[string]struct {
		now, proposed map[string]any
		want          []Change
	}{
		"an amount":              {fixed("5.00"), fixed("5.0"), nil},
		"another amount":         {fixed("5.00"), fixed("50.0"), []Change{{"rewards[a.b].fixed.amount", "5.00", "50.0"}}},
		"a duration":             {map[string]any{"holdPeriod": "720h"}, map[string]any{"holdPeriod": "720h0m0s"}, nil},
		"a time":                 {map[string]any{"endsAt": "2026-11-01T00:00:00Z"}, map[string]any{"endsAt": "2026-11-01T02:00:00+02:00"}, nil},
		"list order":             {list("USD", "EUR"), list("EUR", "USD"), nil},
		"a new value":            {map[string]any{}, map[string]any{"n": int64(50)}, []Change{{"n", "", "50"}}},
		"a lost item":            {list("USD", "EUR"), list("USD"), []Change{{"m[EUR].amount", "1", ""}}},
		"a boolean":              {map[string]any{"s": false}, map[string]any{"s": true}, []Change{{"s", "false", "true"}}},
		"a text":                 {map[string]any{"c": "a == 1"}, map[string]any{"c": "a == 1.0"}, []Change{{"c", "a == 1", "a == 1.0"}}},
		"a name like a number":   {policyRef("1.1"), policyRef("1.10"), []Change{{"policyRef.name", "1.1", "1.10"}}},
		"a name like a duration": {policyRef("1h"), policyRef("60m"), []Change{{"policyRef.name", "1h", "60m"}}},
		"a condition":            {map[string]any{"condition": "1 "}, map[string]any{"condition": "1.0"}, []Change{{"condition", "1 ", "1.0"}}},
		"no such amount":         {fixed("five"), fixed("5"), []Change{{"rewards[a.b].fixed.amount", "five", "5"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Compare(test.now, test.proposed)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func fixed(amount string) map[string]any {
	return map[string]any{"rewards": []any{map[string]any{"name": "a.b", "fixed": map[string]any{"amount": amount, "currency": "USD"}}}}
}

func policyRef(name string) map[string]any {
	return map[string]any{"policyRef": map[string]any{"name": name}}
}

// Each field whose type has more than one spelling of a value is compared by its value.
func TestCompareKnowsTheFieldsThatHaveSpellings(t *testing.T) {
	var walk func(reflect.Type, string)
	walk = func(is reflect.Type, field string) {
		switch {
		case is == reflect.TypeFor[v1alpha1.Duration](), is == reflect.TypeFor[metav1.Time]():
			if spellings[field] == nil {
				t.Errorf("spellings lacks %s", field)
			}
		case is.Kind() == reflect.Pointer, is.Kind() == reflect.Slice:
			walk(is.Elem(), field)
		case is.Kind() == reflect.Struct:
			for f := range is.Fields() {
				name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				walk(f.Type, name)
			}
		}
	}
	walk(reflect.TypeFor[v1alpha1.RewardPolicySpec](), "")
	walk(reflect.TypeFor[v1alpha1.ReferralCampaignSpec](), "")
}

func list(currencies ...string) map[string]any {
	var items []any
	for _, currency := range currencies {
		items = append(items, map[string]any{"currency": currency, "amount": "1"})
	}
	return map[string]any{"m": items}
}

// A pull request's author chooses names, conditions and labels; the comment must not mention a
// user, load an image or break the table.
func TestMarkdownHasNoMeaningInTextOfManifests(t *testing.T) {
	s := step(t, "testdata/plan/raise-new-pairs.yaml")
	s.Edits[0].Changes[0].Proposed = "@everyone ![x](https://evil.example/x.png) a|b <img src=x> `code`\n\n# title"
	text := Markdown([]*Step{s})
	for _, active := range []string{"@everyone", "![x](", "a|b", "<img", "\n# title", "https://evil"} {
		if strings.Contains(text, active) {
			t.Errorf("%q is active:\n%s", active, text)
		}
	}
}
