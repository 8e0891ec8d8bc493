package command

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMain(m *testing.M) { testworld.Main(m) }

const manifestsYAML = `
apiVersion: referral-operator.io/v1alpha1
kind: AttributionDatabase
metadata: {name: shop}
spec: {secretRef: {name: shop-db}}
---
apiVersion: referral-operator.io/v1alpha1
kind: RewardPolicy
metadata: {name: five-dollars}
spec:
  rewards:
  - {name: inviter, beneficiary: Referrer, fixed: {amount: "5.00", currency: USD}}
---
apiVersion: referral-operator.io/v1alpha1
kind: ReferralCampaign
metadata: {name: invite-friends}
spec: {databaseRef: {name: shop}, policyRef: {name: five-dollars}}
`

// world is a namespace of a real API server. No operator runs: the tests write the status that one
// would.
type world struct {
	testing.TB
	cluster    *testworld.ControlPlane
	namespace  string
	kubeconfig string   // the administrator's
	admin      *cluster // sees the namespace as the administrator
	clients    kubernetes.Interface
}

func newWorld(t *testing.T) *world {
	t.Helper()
	plane := testworld.Cluster(t)
	w := &world{TB: t, cluster: plane, namespace: testworld.NewNamespace(t, plane), kubeconfig: plane.Kubeconfig()}
	client, err := dynamic.NewForConfig(plane.Config())
	testworld.Must(t, err)
	w.clients, err = kubernetes.NewForConfig(plane.Config())
	testworld.Must(t, err)
	w.admin = &cluster{client: client, namespace: w.namespace}
	w.kubectl(manifestsYAML, "apply", "-f", "-")
	return w
}

func (w *world) kubectl(input string, args ...string) {
	w.Helper()
	_, err := w.cluster.Kubectl(w.Context(), input, append([]string{"--namespace", w.namespace}, args...)...)
	testworld.Must(w, err)
}

// file writes a file and returns its path.
func (w *world) file(name, content string) string {
	w.Helper()
	path := filepath.Join(w.TempDir(), name)
	testworld.Must(w, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// result is what a call of the command printed, and its exit code.
type result struct {
	code          int
	out, problems string
}

func (r result) String() string { return fmt.Sprintf("exit %d\n%s%s", r.code, r.out, r.problems) }

// run runs a command in the namespace, as the administrator or the user of another kubeconfig.
func (w *world) run(args ...string) result {
	w.Helper()
	return w.runAs(w.kubeconfig, args...)
}

func (w *world) runAs(kubeconfig string, args ...string) result {
	w.Helper()
	return runIn(w.Context(), append(args, "--kubeconfig", kubeconfig, "--namespace", w.namespace)...)
}

func runIn(ctx context.Context, args ...string) result {
	var out, problems bytes.Buffer
	code := Run(ctx, args, strings.NewReader(""), &out, &problems)
	return result{code, out.String(), problems.String()}
}

// object gets an object as the administrator.
func (w *world) object(t target) *unstructured.Unstructured {
	w.Helper()
	object, err := w.admin.get(w.Context(), t.kind, t.name)
	testworld.Must(w, err)
	return object
}

// report writes an object's status, as the operator would.
func (w *world) report(k kind, name string, status map[string]any) {
	w.Helper()
	object := w.object(target{k, name})
	status["observedGeneration"] = object.GetGeneration()
	object.Object["status"] = status
	_, err := w.admin.of(k).UpdateStatus(w.Context(), object, metav1.UpdateOptions{FieldManager: v1alpha1.FieldManager})
	testworld.Must(w, err)
}

// condition is one as in a status.
func condition(kind, status, reason, message string) map[string]any {
	return map[string]any{
		"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-11-01T00:00:00Z",
	}
}

func ready(reason string) []any {
	return []any{condition(v1alpha1.ReadyCondition, "True", reason, "as declared")}
}

func stalledFor(reason, message string) []any {
	return []any{
		condition(v1alpha1.ReadyCondition, "False", reason, message), condition(v1alpha1.StalledCondition, "True", reason, message),
	}
}

// answer writes the same status to each new object of a kind, until the test ends.
func (w *world) answer(k kind, status map[string]any) {
	ctx, stop := context.WithCancel(w.Context())
	done := make(chan struct{})
	w.Cleanup(func() { stop(); <-done })
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			list, err := w.admin.of(k).List(ctx, metav1.ListOptions{})
			for i := 0; err == nil && i < len(list.Items); i++ {
				object := &list.Items[i]
				if generation, _, _ := unstructured.NestedInt64(object.Object, "status", "observedGeneration"); generation > 0 {
					continue
				}
				object.Object["status"] = status
				_, _ = w.admin.of(k).UpdateStatus(ctx, object, metav1.UpdateOptions{})
			}
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
}

// user makes a user with some rights in the namespace, and returns its kubeconfig.
func (w *world) user(name string, rights []Right) string {
	w.Helper()
	var rules []rbacv1.PolicyRule
	for _, right := range rights {
		rules = append(rules, rbacv1.PolicyRule{
			APIGroups: []string{v1alpha1.GroupVersion.Group}, Resources: []string{right.Resource}, Verbs: right.Verbs,
		})
	}
	_, err := w.clients.RbacV1().Roles(w.namespace).Create(w.Context(),
		&rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: rules}, metav1.CreateOptions{})
	testworld.Must(w, err)
	user := w.namespace + "-" + name
	_, err = w.clients.RbacV1().RoleBindings(w.namespace).Create(w.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}, metav1.CreateOptions{})
	testworld.Must(w, err)
	for _, right := range rights {
		w.awaitRight(user, right)
	}
	config, err := w.cluster.ConfigFor(user)
	testworld.Must(w, err)
	path := filepath.Join(w.TempDir(), "kubeconfig")
	testworld.Must(w, testworld.WriteKubeconfig(path, config))
	return path
}

// awaitRight waits until the API server has noticed a right.
func (w *world) awaitRight(user string, right Right) {
	w.Helper()
	for _, verb := range right.Verbs {
		for {
			review, err := w.clients.AuthorizationV1().SubjectAccessReviews().Create(w.Context(), &authorizationv1.SubjectAccessReview{
				Spec: authorizationv1.SubjectAccessReviewSpec{User: user, ResourceAttributes: &authorizationv1.ResourceAttributes{
					Namespace: w.namespace, Group: v1alpha1.GroupVersion.Group, Resource: right.Resource, Verb: verb,
				}},
			}, metav1.CreateOptions{})
			testworld.Must(w, err)
			if review.Status.Allowed {
				break
			}
		}
	}
}
