package command

import (
	"net/http"
	"path"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

func TestStatusDoesNotWaitForACampaignThatVanishes(t *testing.T) {
	w := newWorld(t)
	w.report(campaigns, "invite-friends", map[string]any{"conditions": ready(v1alpha1.ReadyReason)})
	apply := func() {
		w.kubectl(strings.NewReplacer("name: invite-friends", "name: old").Replace(strings.Split(manifestsYAML, "---")[2]), "apply", "-f", "-")
	}
	kubeconfig := w.through(func(server http.Handler, response http.ResponseWriter, request *http.Request) {
		if path.Base(request.URL.Path) == "old" {
			_ = w.admin.of(campaigns).Delete(request.Context(), "old", metav1.DeleteOptions{})
		}
		server.ServeHTTP(response, request)
	})
	for command, code := range map[string]int{"status": exitDone, "status old": exitError} {
		apply()
		got := w.runAs(kubeconfig, append(strings.Fields(command), "--wait", "--timeout", "1m")...)
		if got.code != code || code == exitDone && (got.problems != "" || strings.Contains(got.out, "old")) {
			t.Errorf("%s: %v", command, got)
		}
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
