package command

import (
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// Flux takes over the fields of these managers and resets what they wrote.
func TestFieldManagerIsNoneThatFluxTakesOver(t *testing.T) {
	for _, prefix := range []string{"kubectl", "before-first-apply"} {
		if strings.HasPrefix(fieldManager, prefix) {
			t.Errorf("%s begins with %s", fieldManager, prefix)
		}
	}
}

func TestSuspendAndResumeAreIdempotent(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"campaign/invite-friends", "database/shop"} {
		object, err := parseTarget(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			command, says   string
			spec, annotated bool
		}{
			{"resume", "is not suspended", false, false},
			{"suspend", "suspended", true, true},
			{"suspend", "is suspended already", true, true},
			{"resume", "resumed", false, false},
			{"resume", "is not suspended", false, false},
		} {
			got := w.run(step.command, name)
			if got.code != exitDone || got.out != object.String()+" "+step.says+"\n" {
				t.Errorf("%s: %v", step.command, got)
			}
			if spec, annotated := suspended(w.object(object)); spec != step.spec || annotated != step.annotated {
				t.Errorf("after %s: spec %v, annotation %v", step.command, spec, annotated)
			}
		}
	}
	for _, entry := range w.object(target{campaigns, "invite-friends"}).GetManagedFields() {
		if entry.Manager == "kubectl-referral" || entry.Manager == "Mozilla" {
			t.Errorf("manager %s", entry.Manager)
		}
	}
}

func TestServerDryRunStoresNothing(t *testing.T) {
	w := newWorld(t)
	w.report(campaigns, "invite-friends", map[string]any{"conditions": stalledFor(v1alpha1.MassReversalReason, massReversal)})
	before := w.object(target{campaigns, "invite-friends"}).GetResourceVersion()
	for _, command := range []string{"suspend invite-friends", "reconcile invite-friends", "release invite-friends"} {
		if got := w.run(append(strings.Fields(command), "--dry-run=server")...); got.code != exitDone || !strings.Contains(got.out, "(server dry run)") {
			t.Errorf("%s: %v", command, got)
		}
	}
	if after := w.object(target{campaigns, "invite-friends"}).GetResourceVersion(); after != before {
		t.Error("the campaign changed")
	}
	if got := w.run("verify", "shop", "--dry-run=server"); got.code != exitDone {
		t.Errorf("verify: %v", got)
	}
	if got := w.run("suspend", "invite-friends", "--dry-run=client"); got.code != exitError {
		t.Errorf("an unknown dry run: %v", got)
	}
}

// What git declares stays what git declares; the annotation is the person's.
func TestSuspendLeavesWhatGitDeclares(t *testing.T) {
	declared := strings.Replace(manifestsYAML, "policyRef: {name: five-dollars}}", "policyRef: {name: five-dollars}, suspend: false}", 1)
	for manager, apply := range map[string][]string{
		"kustomize-controller":      {"apply", "--server-side", "--force-conflicts", "--field-manager=kustomize-controller", "-f", "-"},
		"kubectl-client-side-apply": {"apply", "-f", "-"},
		"argocd-controller":         {"apply", "--server-side", "--force-conflicts", "--field-manager=argocd-controller", "-f", "-"},
	} {
		t.Run(manager, func(t *testing.T) {
			w, campaign := newWorld(t), target{campaigns, "invite-friends"}
			w.kubectl(declared, apply...)
			got := w.run("suspend", "invite-friends")
			if got.code != exitDone || !strings.Contains(got.problems, manager+" declares spec.suspend") ||
				!strings.Contains(got.problems, "spec: {suspend: true}") {
				t.Errorf("suspend: %v", got)
			}
			w.kubectl(declared, apply...)
			if spec, annotated := suspended(w.object(campaign)); spec || !annotated {
				t.Errorf("after git applied again: spec %v, annotation %v", spec, annotated)
			}
			w.kubectl(strings.Replace(declared, "suspend: false", "suspend: true", 1), apply...)
			got = w.run("resume", "invite-friends")
			if got.code != exitError || !strings.Contains(got.problems, "is still suspended: "+manager+" declares spec.suspend: true") {
				t.Errorf("resume: %v", got)
			}
			if spec, annotated := suspended(w.object(campaign)); !spec || annotated {
				t.Errorf("after resume: spec %v, annotation %v", spec, annotated)
			}
		})
	}
}

func TestResumeUndoesWhatAPersonDidWithKubectl(t *testing.T) {
	w := newWorld(t)
	w.kubectl("", "patch", "rcamp/invite-friends", "--type=merge", "-p", `{"spec":{"suspend":true}}`)
	if got := w.run("resume", "rcamp/invite-friends"); got.code != exitDone {
		t.Error(got)
	}
	if spec, annotated := suspended(w.object(target{campaigns, "invite-friends"})); spec || annotated {
		t.Errorf("spec %v, annotation %v", spec, annotated)
	}
}

func TestReleasePermitsTheIncidentThatTheConditionNames(t *testing.T) {
	w := newWorld(t)
	permitted := func() string {
		return w.object(target{campaigns, "invite-friends"}).GetAnnotations()[v1alpha1.AllowReversalsAnnotation]
	}
	if got := w.run("release", "invite-friends"); got.code != exitDone || !strings.Contains(got.out, "has no reversals that are withheld") || permitted() != "" {
		t.Errorf("nothing withheld: %v", got)
	}
	w.report(campaigns, "invite-friends", map[string]any{"conditions": []any{
		condition(v1alpha1.ReadyCondition, "False", v1alpha1.DatabaseNotReadyReason, "AttributionDatabase growth/shop is not ready: Unreachable"),
	}})
	if got := w.run("release", "invite-friends"); got.code != exitError || got.out != "" ||
		!strings.Contains(got.problems, "it is not known whether referralcampaign/invite-friends has reversals that are withheld: AttributionDatabase growth/shop is not ready: Unreachable") {
		t.Errorf("the database is away: %v", got)
	}
	w.report(campaigns, "invite-friends", map[string]any{"conditions": stalledFor(v1alpha1.MassReversalReason, massReversal)})
	for _, says := range []string{"released", "has been released already"} {
		if got := w.run("release", "invite-friends"); got.code != exitDone || !strings.Contains(got.out, says) || permitted() != "k7f2" {
			t.Errorf("permitted %q: %v", permitted(), got)
		}
	}
	w.report(campaigns, "invite-friends", map[string]any{
		"conditions": stalledFor(v1alpha1.MassReversalReason, strings.ReplaceAll(massReversal, "=k7f2", "=m8")),
	})
	if got := w.run("release", "invite-friends"); got.code != exitDone || permitted() != "m8" {
		t.Errorf("the next incident: permitted %q: %v", permitted(), got)
	}
	w.report(campaigns, "invite-friends", map[string]any{"conditions": stalledFor(v1alpha1.MassReversalReason, "words of another version")})
	if got := w.run("release", "invite-friends"); got.code != exitError || permitted() != "m8" {
		t.Errorf("a message without an incident: %v", got)
	}
}

func TestReconcileWaitsForItsOwnRequest(t *testing.T) {
	w := newWorld(t)
	done := make(chan result)
	go func() { done <- w.run("reconcile", "invite-friends", "--wait", "--timeout", "1m") }()
	requested := ""
	for requested == "" {
		requested = w.object(target{campaigns, "invite-friends"}).GetAnnotations()[v1alpha1.RequestedAtAnnotation]
	}
	w.report(campaigns, "invite-friends", map[string]any{"lastHandledReconcileAt": "an earlier one"})
	w.report(campaigns, "invite-friends", map[string]any{"lastHandledReconcileAt": requested})
	if got := <-done; got.code != exitDone {
		t.Error(got)
	}
	if got := w.run("reconcile", "invite-friends", "--wait", "--timeout", "300ms"); got.code != exitError || !strings.Contains(got.problems, "was not compared within") {
		t.Error(got)
	}
}

func TestVerifyExitsWithOneWhereSomethingIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		violations int64
		reason     string
		code       int
		says       string
	}{
		"consistent": {0, v1alpha1.VerifiedReason, exitDone, "is consistent"},
		"violations": {7, v1alpha1.ViolationsFoundReason, exitDifferences, "bob/order-1"},
		"failed":     {0, v1alpha1.VerificationFailedReason, exitError, "VerificationFailed: the server is away"},
	} {
		t.Run(name, func(t *testing.T) {
			w, shop := newWorld(t), target{databases, "shop"}
			done := make(chan result)
			go func() { done <- w.run("verify") }()
			requested := ""
			for requested == "" {
				requested = w.object(shop).GetAnnotations()[v1alpha1.VerifyRequestedAtAnnotation]
			}
			status := "True"
			if test.code != exitDone {
				status = "False"
			}
			w.report(databases, "shop", map[string]any{
				"verification": map[string]any{
					"lastHandledVerifyAt": requested, "violations": test.violations,
					"examples": []any{map[string]any{"rule": "credits do not equal entries", "key": "bob/order-1", "detail": "500 USD of 0 USD"}},
				},
				"conditions": append(ready(v1alpha1.ReadyReason),
					condition(v1alpha1.LedgerConsistentCondition, status, test.reason, "the server is away")),
			})
			if got := <-done; got.code != test.code || !strings.Contains(got.out+got.problems, test.says) {
				t.Error(got)
			}
		})
	}
}

func TestTargetsAreNamedAsByKubectl(t *testing.T) {
	for text, want := range map[string]target{
		"invite-friends":          {campaigns, "invite-friends"},
		"campaign/invite-friends": {campaigns, "invite-friends"},
		"referralcampaign.referral-operator.io/invite-friends": {campaigns, "invite-friends"},
		"rcamp/invite-friends":                                 {campaigns, "invite-friends"},
		"adb/shop":                                             {databases, "shop"},
		"Database/shop":                                        {databases, "shop"},
	} {
		if got, err := parseTarget(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"policy/five-dollars", "campaign/", "/x", "campaign/a/b"} {
		if got, err := parseTarget(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestStructuredOutputIsTheWholeObject(t *testing.T) {
	w := newWorld(t)
	for _, command := range []string{"status invite-friends", "status", "suspend invite-friends", "resume invite-friends"} {
		got := w.run(append(strings.Fields(command), "-o", "yaml")...)
		if got.code != exitDone || !strings.Contains(got.out, "policyRef:") || strings.Contains(got.out, "managedFields") {
			t.Errorf("%s: %v", command, got)
		}
	}
	if got := w.run("status", "-o", "toml"); got.code != exitError || !strings.Contains(got.problems, "one of json, yaml, wide") {
		t.Error(got)
	}
}

// A second person may request the same comparison while the command waits.
func TestLaterRequestAnswersAnEarlierOne(t *testing.T) {
	const earlier, own, later = "2026-12-01T11:59:59Z", "2026-12-01T12:00:00.5Z", "2026-12-01T12:00:01Z"
	for name, test := range map[string]struct {
		handled, present string
		want             bool
	}{
		"its own":                            {own, own, true},
		"its own, before another":            {own, later, true},
		"none":                               {"", own, false},
		"an earlier one":                     {earlier, own, false},
		"an earlier one, another is present": {earlier, later, false},
		"a later one in its place":           {later, later, true},
		"a later one, of a clock ahead":      {later, own, false},
		"in words":                           {"now", "now", false},
	} {
		if got := answers(test.handled, own, test.present); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
