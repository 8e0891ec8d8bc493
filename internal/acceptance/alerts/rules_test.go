package alerts

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// Every duration of the shipped rules is divided by shorter: "for", windows and their steps, and
// the seconds that ages are compared with. The age of heartbeats is divided by shorterHeartbeat:
// they come each minute. Nothing else of the rules is changed.
const (
	shorter          = 60
	shorterHeartbeat = 3
)

var (
	window = regexp.MustCompile(`\[(\w+)(:(\w+))?\]`)
	age    = regexp.MustCompile(`(_seconds\)\s*>\s*)(\d+)`)
)

// rulesFile is config/prometheus/rules.yaml; its spec is a file of rules as Prometheus reads it.
type rulesFile struct {
	Spec struct {
		Groups []struct {
			Name  string           `json:"name"`
			Rules []map[string]any `json:"rules"`
		} `json:"groups"`
	}
}

func readRules(t testing.TB, root string) (file rulesFile) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, "config", "prometheus", "rules.yaml"))
	testworld.Must(t, err)
	testworld.Must(t, yaml.Unmarshal(content, &file))
	return file
}

// shortenedRules returns the shipped rules with shorter durations.
func shortenedRules(t testing.TB, root string) []byte {
	t.Helper()
	file := readRules(t, root)
	for _, rule := range file.Spec.Groups[0].Rules {
		if wait, ok := rule["for"].(string); ok {
			rule["for"] = shorten(t, wait)
		}
		rule["expr"] = shortenExpression(t, fmt.Sprint(rule["expr"]))
	}
	rules, err := yaml.Marshal(file.Spec)
	testworld.Must(t, err)
	return rules
}

func shortenExpression(t testing.TB, expression string) string {
	t.Helper()
	expression = window.ReplaceAllStringFunc(expression, func(text string) string {
		over, step, stepped := strings.Cut(strings.Trim(text, "[]"), ":")
		if !stepped {
			return "[" + shorten(t, over) + "]"
		}
		return "[" + shorten(t, over) + ":" + shorten(t, step) + "]"
	})
	by := shorter
	if strings.Contains(expression, "heartbeat") {
		by = shorterHeartbeat
	}
	return age.ReplaceAllStringFunc(expression, func(text string) string {
		parts := age.FindStringSubmatch(text)
		seconds, err := strconv.Atoi(parts[2])
		testworld.Must(t, err)
		return parts[1] + strconv.Itoa(seconds/by)
	})
}

// shorten divides a duration, to a whole number of seconds.
func shorten(t testing.TB, text string) string {
	t.Helper()
	duration, err := time.ParseDuration(text)
	testworld.Must(t, err)
	return fmt.Sprintf("%ds", max(1, int(duration.Seconds())/shorter))
}

func TestShorteningDividesDurationsOnly(t *testing.T) {
	for expression, want := range map[string]string{
		`sum(rate(x_seconds_bucket{le="10"}[1h])) > 14.4 * 0.01`:             `sum(rate(x_seconds_bucket{le="10"}[60s])) > 14.4 * 0.01`,
		`delta((max(x))[1h:1m]) > 0`:                                         `delta((max(x))[60s:1s]) > 0`,
		`max by (database) (x_age_seconds) > 300`:                            `max by (database) (x_age_seconds) > 5`,
		`time() - max(x_due_timestamp_seconds) > 21600`:                      `time() - max(x_due_timestamp_seconds) > 360`,
		`time() - max(x_heartbeat_timestamp_seconds) > 240`:                  `time() - max(x_heartbeat_timestamp_seconds) > 80`,
		`max(x_reviews) > 500 or max(sum by (instance) (x)) > 20`:            `max(x_reviews) > 500 or max(sum by (instance) (x)) > 20`,
		`sum(increase(x_seconds_count[6h])) >= 100 and max(x_leader{}) == 0`: `sum(increase(x_seconds_count[360s])) >= 100 and max(x_leader{}) == 0`,
	} {
		if got := shortenExpression(t, expression); got != want {
			t.Errorf("%s: %s, want %s", expression, got, want)
		}
	}
}
