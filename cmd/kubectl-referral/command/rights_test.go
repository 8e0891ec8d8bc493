package command

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// calls are one call of each command that uses all rights of the command, and its exit code.
var calls = map[string]struct {
	args []string
	code int
}{
	"plan":      {[]string{"plan", "-f", "FILE"}, exitDifferences},
	"explain":   {[]string{"explain", "bob"}, exitDone},
	"status":    {[]string{"status"}, exitDone},
	"verify":    {[]string{"verify", "--timeout", "1s"}, exitError}, // nothing answers
	"suspend":   {[]string{"suspend", "invite-friends", "database/shop"}, exitDone},
	"resume":    {[]string{"resume", "invite-friends", "database/shop"}, exitDone},
	"reconcile": {[]string{"reconcile", "invite-friends", "database/shop"}, exitDone},
	"release":   {[]string{"release", "invite-friends"}, exitDone},
}

const sevenDollarsYAML = `
apiVersion: referral-operator.io/v1alpha1
kind: RewardPolicy
metadata: {name: five-dollars}
spec:
  rewards:
  - {name: inviter, beneficiary: Referrer, fixed: {amount: "7.00", currency: USD}}
`

// aloneUsed are the verbs that only a call of another form uses.
var aloneUsed = map[string][]string{
	"plan":      {campaigns.resource + " get"},
	"reconcile": {campaigns.resource + " get"},
	"status":    {campaigns.resource + " get", databases.resource + " get"},
}

func TestEachCommandRunsWithExactlyItsRights(t *testing.T) {
	w := newWorld(t)
	w.answer(plans, map[string]any{"observedGeneration": int64(1), "conditions": ready(v1alpha1.DoneReason), "estimate": false})
	w.answer(reviews, map[string]any{"observedGeneration": int64(1), "conditions": ready(v1alpha1.AnsweredReason), "truncated": false})
	file := w.file("policy.yaml", sevenDollarsYAML)
	for name, call := range calls {
		t.Run(name, func(t *testing.T) {
			args := slices.Clone(call.args)
			if at := slices.Index(args, "FILE"); at >= 0 {
				args[at] = file
			}
			prepare := func() { w.prepare(name) }
			prepare()
			if got := w.runAs(w.user(name, rights[name]), args...); got.code != call.code || strings.Contains(got.problems, "you may not") {
				t.Errorf("with all its rights: %v", got)
			}
			for i, right := range rights[name] {
				for _, verb := range right.Verbs {
					if slices.Contains(aloneUsed[name], right.Resource+" "+verb) {
						continue
					}
					prepare()
					fewer := without(rights[name], i, verb)
					user := w.user(fmt.Sprintf("%s-%d-%s", name, i, verb), fewer)
					got := w.runAs(user, args...)
					if got.code != exitError || !strings.Contains(got.problems, "you may not "+verb) || strings.Count(got.problems, "\n") > 3 {
						t.Errorf("without %s %s: %v", verb, right.Resource, got)
					}
				}
			}
		})
	}
}

// prepare makes the state in which a command has something to do.
func (w *world) prepare(command string) {
	w.Helper()
	switch command {
	case "resume":
		w.kubectl("", "annotate", "rcamp/invite-friends", "adb/shop", "--overwrite", v1alpha1.SuspendAnnotation+"=true")
	case "suspend":
		w.kubectl("", "annotate", "rcamp/invite-friends", "adb/shop", v1alpha1.SuspendAnnotation+"-")
	case "release":
		w.kubectl("", "annotate", "rcamp/invite-friends", v1alpha1.AllowReversalsAnnotation+"-")
		w.report(campaigns, "invite-friends", map[string]any{"conditions": stalledFor(v1alpha1.MassReversalReason, massReversal)})
	}
}

const massReversal = "the signups or purchases of 180 pairs, of 880 held or granted, are missing and were probably lost: " +
	"restore the missing rows, or reverse the pairs with: kubectl -n growth annotate referralcampaign invite-friends " +
	"--overwrite referral-operator.io/allow-reversals=k7f2"

// without are rights less one verb.
func without(rights []Right, at int, verb string) []Right {
	var fewer []Right
	for i, right := range rights {
		if i == at {
			right.Verbs = slices.DeleteFunc(slices.Clone(right.Verbs), func(v string) bool { return v == verb })
		}
		if len(right.Verbs) > 0 {
			fewer = append(fewer, right)
		}
	}
	return fewer
}

func TestForbiddenNamesTheRoleThatCuresIt(t *testing.T) {
	w := newWorld(t)
	user := w.user("nothing", nil)
	file := w.file("policy.yaml", sevenDollarsYAML)
	for command, role := range map[string]string{
		"explain bob --database shop": "referral-operator-support",
		"plan -f " + file:             "referral-operator-planner",
		"plan --delete x":             "referral-operator-planner",
		"status":                      "view",
		"status invite-friends":       "view",
		"suspend invite-friends":      "edit",
		"suspend database/shop":       "edit",
		"resume invite-friends":       "edit",
		"reconcile database/shop":     "edit",
		"release invite-friends":      "edit",
		"verify shop":                 "edit",
	} {
		got := w.runAs(user, strings.Fields(command)...)
		cure := fmt.Sprintf("kubectl create rolebinding NAME -n %s --clusterrole=%s --user=USER", w.namespace, role)
		if got.code != exitError || !strings.Contains(got.problems, cure) || strings.Count(got.problems, "\n") != 1 {
			t.Errorf("%s: %v", command, got)
		}
	}
	oneError(t, w.runAs(user, "status", "-A"), "kubectl create clusterrolebinding NAME --clusterrole=view --user=USER")
}
