package config_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// prometheusRule is what is read of config/prometheus/rules.yaml.
type prometheusRule struct {
	Spec struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
}

func readRules(t *testing.T) (rule prometheusRule) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("prometheus", "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, &rule); err != nil {
		t.Fatal(err)
	}
	return rule
}

func TestEveryAlertHasARunbook(t *testing.T) {
	const base = "https://github.com/referral-operator/referral-operator/blob/main/"
	index, err := os.ReadFile(filepath.Join("..", "docs", "runbooks", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages := map[string]bool{"README.md": true}
	for _, rule := range readRules(t).Spec.Groups[0].Rules {
		name := rule.Alert + ".md"
		pages[name] = true
		if want := base + "docs/runbooks/" + name; rule.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", rule.Alert, rule.Annotations["runbook_url"], want)
		}
		page, err := os.ReadFile(filepath.Join("..", "docs", "runbooks", name))
		if err != nil {
			t.Error(err)
		}
		for _, section := range []string{"## First", "## Causes", "## Over when"} {
			if !strings.Contains(string(page), section) {
				t.Errorf("%s lacks %q", name, section)
			}
		}
		if !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/runbooks/README.md does not list %s", name)
		}
		if severity := rule.Labels["severity"]; severity != "critical" && severity != "warning" {
			t.Errorf("%s: severity %q", rule.Alert, severity)
		}
	}
	entries, err := os.ReadDir(filepath.Join("..", "docs", "runbooks"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !pages[entry.Name()] {
			t.Errorf("docs/runbooks/%s belongs to no alert", entry.Name())
		}
	}
}

var metricName = regexp.MustCompile(`\breferral_[a-z_]+`)

// TestRulesAndDashboardUseKnownMetrics compares with the generated reference.
func TestRulesAndDashboardUseKnownMetrics(t *testing.T) {
	reference, err := os.ReadFile(filepath.Join("..", "docs", "reference", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join("prometheus", "rules.yaml"), filepath.Join("grafana", "dashboard.json")} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range metricName.FindAllString(string(content), -1) {
			family := name
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				if base := strings.TrimSuffix(name, suffix); strings.Contains(string(reference), "| `"+base+"` | histogram |") {
					family = base
				}
			}
			if !strings.Contains(string(reference), "| `"+family+"` |") {
				t.Errorf("%s: there is no metric %s", path, name)
			}
		}
	}
}

// TestEveryAlertFiresAndDoesNot runs promtool over rules_test.yaml.
func TestEveryAlertFiresAndDoesNot(t *testing.T) {
	cases, err := os.ReadFile(filepath.Join("prometheus", "rules_test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range readRules(t).Spec.Groups[0].Rules {
		for _, kind := range []string{" fires\n", " does not fire\n"} {
			if !strings.Contains(string(cases), "- name: "+rule.Alert+kind) {
				t.Errorf("no case in which %s%s", rule.Alert, kind)
			}
		}
	}
	promtool := testworld.Need(t, binaries.Promtool)
	var rule map[string]any
	content, err := os.ReadFile(filepath.Join("prometheus", "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, &rule); err != nil {
		t.Fatal(err)
	}
	plain, err := yaml.Marshal(rule["spec"])
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	for name, content := range map[string][]byte{"rules.yaml": plain, "rules_test.yaml": cases} {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, arguments := range [][]string{{"check", "rules", "rules.yaml"}, {"test", "rules", "rules_test.yaml"}} {
		command := exec.CommandContext(t.Context(), promtool, arguments...)
		command.Dir = directory
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
	}
}
