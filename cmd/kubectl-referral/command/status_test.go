package command

import (
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func TestStatusWaitsUntilTheNewestEditIsInForce(t *testing.T) {
	w := newWorld(t)
	for name, test := range map[string]struct {
		conditions []any
		code       int
	}{
		"in force":              {ready(v1alpha1.ReadyReason), exitDone},
		"suspended":             {ready(v1alpha1.SuspendedReason), exitDone},
		"stalled":               {stalledFor(v1alpha1.InvalidSpecReason, "spec.budget"), exitDifferences},
		"on its way, too long":  {[]any{condition(v1alpha1.ReadyCondition, "False", v1alpha1.RollingOutReason, "1 of 2")}, exitDifferences},
		"conditions of another": {[]any{condition("Novel", "True", "Future", "unknown")}, exitDifferences},
	} {
		t.Run(name, func(t *testing.T) {
			w.report(campaigns, "invite-friends", map[string]any{"conditions": test.conditions})
			for _, command := range []string{"status invite-friends", "status"} {
				if got := w.run(append(strings.Fields(command), "--wait", "--timeout", "500ms")...); got.code != test.code {
					t.Errorf("%s: %v", command, got)
				}
			}
		})
	}
}

func TestStatusOfAllNamespacesNamesThem(t *testing.T) {
	w := newWorld(t)
	got := w.run("status", "-A")
	if got.code != exitDone || !strings.Contains(got.out, w.namespace+"/invite-friends") {
		t.Error(got)
	}
	if got := w.run("status", "invite-friends", "-A"); got.code != exitError {
		t.Error(got)
	}
}

func TestStatusOfAnEmptyNamespaceSaysSo(t *testing.T) {
	w := newWorld(t)
	w.kubectl("", "delete", "rcamp,rpol,adb", "--all")
	if got := w.run("status"); got.code != exitDone || !strings.Contains(got.problems, "There are no campaigns and no databases in namespace") {
		t.Error(got)
	}
	if got := w.run("status", "missing"); got.code != exitError || !strings.Contains(got.problems, "there is no ReferralCampaign missing in namespace") {
		t.Error(got)
	}
}

func TestStatusShowsACampaignWhoseDatabaseMayNotBeRead(t *testing.T) {
	w := newWorld(t)
	user := w.user("campaigns", []Right{{campaigns.resource, []string{"get"}, ""}})
	if got := w.runAs(user, "status", "invite-friends"); got.code != exitDone || !strings.Contains(got.out, "may not be read") {
		t.Error(got)
	}
}
