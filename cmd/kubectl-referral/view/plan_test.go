package view

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
		"an amount":   {map[string]any{"a": "5.00"}, map[string]any{"a": "5.0"}, nil},
		"a duration":  {map[string]any{"d": "720h"}, map[string]any{"d": "720h0m0s"}, nil},
		"a time":      {map[string]any{"t": "2026-11-01T00:00:00Z"}, map[string]any{"t": "2026-11-01T02:00:00+02:00"}, nil},
		"list order":  {list("USD", "EUR"), list("EUR", "USD"), nil},
		"a new value": {map[string]any{}, map[string]any{"n": int64(50)}, []Change{{"n", "", "50"}}},
		"a lost item": {list("USD", "EUR"), list("USD"), []Change{{"m[EUR].amount", "1", ""}}},
		"a boolean":   {map[string]any{"s": false}, map[string]any{"s": true}, []Change{{"s", "false", "true"}}},
		"a text":      {map[string]any{"c": "a == 1"}, map[string]any{"c": "a == 1.0"}, []Change{{"c", "a == 1", "a == 1.0"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Compare(test.now, test.proposed)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func list(currencies ...string) map[string]any {
	var items []any
	for _, currency := range currencies {
		items = append(items, map[string]any{"currency": currency, "amount": "1"})
	}
	return map[string]any{"m": items}
}

// A pull request's author chooses names, conditions and labels; the comment must not mention a user,
// load an image or break the table.
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
