package terms_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/terms"
)

// Every condition of the kind's page works and causes no warning.
func TestConditionsOfTheDocumentationWork(t *testing.T) {
	page, err := os.ReadFile("../../docs/rewardpolicy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "### qualification.condition")
	_, table, _ := strings.Cut(section, "| condition |")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := regexp.MustCompile("(?m)^\\| `(.*?)` \\| ").FindAllStringSubmatch(table, -1)
	written := regexp.MustCompile(`(?m)^ *condition: "(.*)"$`).FindStringSubmatch(section)
	if len(rows) < 5 || written == nil {
		t.Fatalf("found %d examples", len(rows))
	}
	for _, row := range append(rows, written) {
		spec := withCondition(strings.ReplaceAll(row[1], `\|`, "|"))
		if _, err := terms.FromPolicy(spec); err != nil {
			t.Error(err)
		}
		for _, warning := range terms.Warnings(spec) {
			t.Error(warning)
		}
	}
}
