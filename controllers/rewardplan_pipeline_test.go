package controllers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The script of the documentation, run as a user with the role of a pipeline and no other right.
func TestPipelineOfTheDocumentationPlansAPullRequest(t *testing.T) {
	t.Parallel()
	w, _ := newFriend(t)
	documentation, err := os.ReadFile(filepath.Join("..", "docs", "what-will-it-pay.md"))
	check(t, err)
	script := between(t, string(documentation), "```sh\n#!", "\n```")
	wanted := between(t, string(documentation), "it prints:\n\n```\n", "```")

	said, err := w.asPipeline("#!"+script, "apiVersion: referral-operator.io/v1alpha1\nkind: RewardPolicy\nmetadata: {name: five-dollars}\nspec: "+
		paying("7.00", "AllPairs"))
	if err != nil || said != wanted {
		t.Errorf("error %v, and\n%s\nwant\n%s", err, said, wanted)
	}
	said, err = w.asPipeline("#!"+script, strings.Replace(fiveDollarsYAML, "5.00", "7.001", 1))
	if err == nil || !strings.Contains(said, `PolicyInvalid: RewardPolicy `+w.namespace+`/five-dollars: spec.rewards[inviter].fixed.amount`) {
		t.Errorf("with too many decimals: error %v, and\n%s", err, said)
	}
	said, err = w.asPipeline("#!"+script, strings.Replace(fiveDollarsYAML, "5.00", "-7", 1))
	if err == nil || !strings.Contains(said, "spec.proposed.policy.rewards[0].fixed.amount") {
		t.Errorf("below zero: error %v, and\n%s", err, said)
	}
	said, err = w.asPipeline("#!"+script, strings.Replace(fiveDollarsYAML, "name: five-dollars", "name: unused", 1))
	if err != nil || said != "" {
		t.Errorf("a policy that no campaign follows: error %v, and\n%s", err, said)
	}
	var plans v1alpha1.RewardPlanList
	check(t, w.client.List(t.Context(), &plans))
	for _, plan := range plans.Items {
		if plan.Namespace == w.namespace && plan.Status.Largest != nil {
			t.Errorf("plan %s names people", plan.Name)
		}
	}
}

func between(t *testing.T, text, start, end string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, start)
	part, _, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("no part between %q and %q", start, end)
	}
	return part
}

// asPipeline runs a script on a policy with the rights of a pipeline.
func (w *world) asPipeline(script, policy string) (said string, err error) {
	w.Helper()
	const role = "referral-operator-planner"
	_, err = w.cluster.Kubectl(w.Context(), "", "apply", "--server-side", "-f", filepath.Join("..", "config", "access", "planner_role.yaml"))
	check(w, err)
	user := "pipeline-of-" + w.namespace
	err = w.client.Create(w.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, GenerateName: "planner-"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, Name: user}},
	})
	check(w, err)
	config, err := w.cluster.ConfigFor(user)
	check(w, err)
	directory := w.TempDir()
	kubeconfig, file := filepath.Join(directory, "kubeconfig"), filepath.Join(directory, "policy.yaml")
	check(w, testworld.WriteKubeconfig(kubeconfig, config))
	check(w, os.WriteFile(file, []byte(policy), 0o600))
	script = strings.Replace(script, "namespace=growth", "namespace="+w.namespace, 1)
	command := exec.CommandContext(w.Context(), "sh", "-c", script, "plan.sh", file)
	command.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+filepath.Dir(w.cluster.KubectlPath())+":"+os.Getenv("PATH"))
	output, err := command.CombinedOutput()
	return string(output), err
}
