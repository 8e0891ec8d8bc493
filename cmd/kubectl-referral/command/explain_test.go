package command

import (
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func TestExplainShowsTheAnswerAndLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.answer(reviews, map[string]any{
		"observedGeneration": int64(1), "truncated": false, "conditions": ready(v1alpha1.AnsweredReason),
		"summary": "Nothing is known of user bob.", "remedy": "Check the id.",
	})
	for _, command := range []string{"explain bob", "explain bob order-1 -d shop", "explain --referrer alice", "explain --referrer alice --after x"} {
		if got := w.run(strings.Fields(command)...); got.code != exitDone || !strings.Contains(got.out, "→ Check the id.") {
			t.Errorf("%s: %v", command, got)
		}
	}
	w.leavesNothing(reviews)
	if got := w.run("explain", "bob", "-o", "json"); got.code != exitDone || !strings.Contains(got.out, `"userID": "bob"`) {
		t.Error(got)
	}
}

func TestExplainRefusesQuestionsBeforeTheyAreSent(t *testing.T) {
	for command, says := range map[string]string{
		"explain":                           "name either a user",
		"explain bob --referrer alice":      "name either a user",
		"explain bob order-1 order-2":       "at most a user and a purchase",
		"explain bob --after x":             "--after needs --referrer",
		"explain bob -o toml":               "unknown --output",
		"explain bob --kubeconfig /missing": "the kubeconfig cannot be used",
	} {
		if got := runIn(t.Context(), strings.Fields(command)...); got.code != exitError || !strings.Contains(got.problems, says) {
			t.Errorf("%s: %v", command, got)
		}
	}
	if got := runIn(t.Context(), "explain", ""); got.code != exitError || !strings.Contains(got.problems, "USER and PURCHASE must not be empty") {
		t.Error(got)
	}
}

func TestExplainSaysWhyThereIsNoAnswer(t *testing.T) {
	w := newWorld(t)
	if got := w.run("explain", "bob", "--timeout", "3s"); got.code != exitError || !strings.Contains(got.problems, "no operator has noticed the question yet") {
		t.Error(got)
	}
	w.answer(reviews, map[string]any{
		"observedGeneration": int64(1), "truncated": false, "conditions": stalledFor(v1alpha1.TooManyReviewsReason, "ask less often"),
	})
	if got := w.run("explain", "bob"); got.code != exitError || !strings.Contains(got.problems, "TooManyReviews: ask less often") {
		t.Error(got)
	}
	w.leavesNothing(reviews)
}

func TestDatabaseIsNamedWhereThereAreSeveral(t *testing.T) {
	w := newWorld(t)
	w.kubectl(strings.Replace(strings.Split(manifestsYAML, "---")[0], "name: shop}", "name: outlet}", 1), "apply", "-f", "-")
	for _, command := range []string{"explain bob", "verify"} {
		if got := w.run(strings.Fields(command)...); got.code != exitError || !strings.Contains(got.problems, "has the databases outlet, shop: name one with") {
			t.Errorf("%s: %v", command, got)
		}
	}
	support := w.user("support", []Right{{reviews.resource, []string{"create", "get", "delete"}, ""}})
	if got := w.runAs(support, "explain", "bob"); got.code != exitError || !strings.Contains(got.problems, "name one with --database") {
		t.Error(got)
	}
}

// A review that is swept before the command gives up takes the reason with it.
func TestReviewLastsLongerThanTheCommandWaits(t *testing.T) {
	w := newWorld(t)
	w.answer(reviews, map[string]any{"observedGeneration": int64(1), "truncated": false, "conditions": ready(v1alpha1.AnsweredReason)})
	for timeout, want := range map[string]string{"30s": "1m0s", "5m": "5m30s", "2h": "1h0m0s", "1000000h": "1h0m0s"} {
		got := w.run("explain", "bob", "--timeout", timeout, "-o", "yaml")
		if got.code != exitDone || !strings.Contains(got.out, "ttl: "+want+"\n") {
			t.Errorf("%s: %v", timeout, got)
		}
	}
}
