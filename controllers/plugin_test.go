package controllers_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// plugin compiles kubectl-referral once per process. It is a module of its own.
var plugin = sync.OnceValues(func() (string, error) {
	path, err := testworld.ScratchDir("plugin")
	if err != nil {
		return "", err
	}
	path = filepath.Join(path, "kubectl-referral")
	build := exec.CommandContext(context.Background(), "go", "build", "-o", path, ".")
	build.Dir = filepath.Join("..", "cmd", "kubectl-referral")
	if output, err := build.CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(output)))
	}
	return path, nil
})

// referral runs kubectl referral in the world's namespace and returns what it printed.
func (w *world) referral(kubeconfig string, code int, arguments ...string) string {
	w.Helper()
	program, err := plugin()
	check(w, err)
	var output bytes.Buffer
	run := exec.CommandContext(w.Context(), program, append(arguments, "--kubeconfig", kubeconfig, "--namespace", w.namespace)...)
	run.Stdout, run.Stderr = &output, &output
	err = run.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		w.Fatal(err)
	}
	if got := run.ProcessState.ExitCode(); got != code {
		w.Fatalf("kubectl referral %s: exit %d, want %d\n%s", strings.Join(arguments, " "), got, code, output.String())
	}
	return output.String()
}

// The audit story: a superuser alters an entry, verify names it, a resync corrects the sum by
// appending, and verify finds nothing.
func TestAuditorFindsAnAlteredEntryWithThePlugin(t *testing.T) {
	t.Parallel()
	w, own := newFriend(t)
	administrator := w.cluster.Kubeconfig()
	if got := w.referral(administrator, 0, "verify"); !strings.Contains(got, "is consistent") {
		t.Error(got)
	}
	w.sql(own, "SET session_replication_role = replica; UPDATE referral.ledger SET amount = 700 WHERE user_id = 'bob'")
	if got := w.referral(administrator, 1, "verify", "shop"); !strings.Contains(got, "bob/order-1") || !strings.Contains(got, "ledger") {
		t.Error(got)
	}
	w.referral(administrator, 0, "reconcile", "invite-friends", "--wait")
	if got := w.referral(administrator, 0, "verify", "shop"); !strings.Contains(got, "is consistent") {
		t.Error(got)
	}
}

// The support story: the shipped role answers where a reward is, and nothing else.
func TestSupportPersonExplainsARewardWithTheShippedRoleAlone(t *testing.T) {
	t.Parallel()
	w, _ := newFriend(t)
	support := w.supportPerson()
	answer := w.referral(support, 0, "explain", "bob", "--database", "shop")
	for _, says := range []string{"bob", "alice", "order-1", "Granted", "5.00 USD"} {
		if !strings.Contains(answer, says) {
			t.Errorf("it does not say %s:\n%s", says, answer)
		}
	}
	if got := w.referral(support, 0, "explain", "mallory", "--database", "shop"); !strings.Contains(got, "→") {
		t.Errorf("no remedy for an unknown id:\n%s", got)
	}
	if len(w.reviews()) > 0 {
		t.Errorf("%d questions are left behind", len(w.reviews()))
	}
	for _, command := range []string{"status", "verify shop", "reconcile invite-friends"} {
		if got := w.referral(support, 2, strings.Fields(command)...); !strings.Contains(got, "you may not") {
			t.Errorf("%s: %s", command, got)
		}
	}
}

// supportPerson is the kubeconfig of a user with the role that config ships for support.
func (w *world) supportPerson() string {
	w.Helper()
	w.kubectl("", "apply", "--server-side", "-f", filepath.Join("..", "config", "access", "support_role.yaml"))
	user := "support-of-" + w.namespace
	check(w, w.client.Create(w.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: "support"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "referral-operator-support"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}))
	w.eventually("a right that the API server knows", func() bool {
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: w.namespace, Group: v1alpha1.GroupVersion.Group, Resource: "rewardreviews", Verb: "create",
			},
		}}
		check(w, w.client.Create(w.Context(), review))
		return review.Status.Allowed
	})
	config, err := w.cluster.ConfigFor(user)
	check(w, err)
	path := filepath.Join(w.TempDir(), "kubeconfig")
	check(w, testworld.WriteKubeconfig(path, config))
	return path
}
