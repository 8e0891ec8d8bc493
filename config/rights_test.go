package config_test

import (
	"slices"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// right is one thing the manager may or may not do.
type right struct {
	verb, group, resource, namespace string
	subresource, name                string
	allowed                          bool
}

func testRightsOfTheClusterInstall(t *testing.T, cluster *testworld.ControlPlane) {
	t.Helper()
	manager := clientFor(t, signIn(t, cluster, systemNamespace, serviceAccount))

	t.Run("before a namespace gives its Secrets", func(t *testing.T) {
		checkRights(t, manager, append(secretRights("growth", false), secretRights("payroll", false)...))
		checkRights(t, manager, []right{
			{verb: "watch", group: "referral-operator.io", resource: "referralcampaigns", allowed: true},
			{verb: "patch", group: "referral-operator.io", resource: "referralcampaigns", namespace: "growth", allowed: true},
			{verb: "create", group: "referral-operator.io", resource: "referralcampaigns", namespace: "growth"},
			{verb: "delete", group: "referral-operator.io", resource: "referralcampaigns", namespace: "growth"},
			{verb: "patch", group: "referral-operator.io", resource: "rewardpolicies", namespace: "growth"},
			{verb: "delete", group: "referral-operator.io", resource: "attributiondatabases", namespace: "growth"},
			{verb: "patch", group: "referral-operator.io", resource: "rewardpolicies", subresource: "status",
				namespace: "growth", allowed: true},
			{verb: "delete", group: "referral-operator.io", resource: "rewardplans", namespace: "growth", allowed: true},
			{verb: "create", group: "referral-operator.io", resource: "rewardplans", namespace: "growth"},
			{verb: "patch", group: "referral-operator.io", resource: "rewardplans", namespace: "growth"},
			{verb: "delete", group: "referral-operator.io", resource: "rewardreviews", namespace: "growth", allowed: true},
			{verb: "create", group: "referral-operator.io", resource: "rewardreviews", namespace: "growth"},
			{verb: "create", group: "events.k8s.io", resource: "events", namespace: "growth", allowed: true},
			{verb: "update", group: "coordination.k8s.io", resource: "leases", name: "referral-operator",
				namespace: systemNamespace, allowed: true},
			{verb: "update", group: "coordination.k8s.io", resource: "leases", name: "another", namespace: systemNamespace},
			{verb: "create", group: "coordination.k8s.io", resource: "leases", namespace: "growth"},
			{verb: "get", resource: "configmaps", namespace: systemNamespace},
			{verb: "create", resource: "pods", namespace: systemNamespace},
			{verb: "create", resource: "serviceaccounts", subresource: "token", namespace: systemNamespace},
		})
	})
	t.Run("after one namespace did", func(t *testing.T) {
		kubectl(t, cluster.Kubeconfig(), "create", "rolebinding", "referral-operator-secret-reader", "--namespace", "growth",
			"--clusterrole", "referral-operator-secret-reader", "--serviceaccount", systemNamespace+":"+serviceAccount)
		checkRights(t, manager, append(secretRights("growth", true), secretRights("payroll", false)...))
		checkRights(t, manager, secretRights(systemNamespace, false))
		checkRights(t, manager, secretRights("", false))
	})
	t.Run("a pipeline that plans can do nothing else", func(t *testing.T) {
		kubectl(t, cluster.Kubeconfig(), "create", "serviceaccount", "pipeline", "--namespace", "growth")
		kubectl(t, cluster.Kubeconfig(), "create", "rolebinding", "planner", "--namespace", "growth",
			"--clusterrole", "referral-operator-planner", "--serviceaccount", "growth:pipeline")
		pipeline := clientFor(t, signIn(t, cluster, "growth", "pipeline"))
		checkRights(t, pipeline, plannerRights("growth"))
		checkRights(t, pipeline, []right{
			{verb: "create", group: "referral-operator.io", resource: "rewardplans", namespace: "payroll"},
			{verb: "get", group: "referral-operator.io", resource: "referralcampaigns", namespace: "payroll"},
		})
		checkRights(t, pipeline, secretRights("growth", false))
	})
	t.Run("support can ask where a reward is and nothing else", func(t *testing.T) {
		kubectl(t, cluster.Kubeconfig(), "create", "serviceaccount", "support", "--namespace", "growth")
		kubectl(t, cluster.Kubeconfig(), "create", "rolebinding", "support", "--namespace", "growth",
			"--clusterrole", "referral-operator-support", "--serviceaccount", "growth:support")
		support := clientFor(t, signIn(t, cluster, "growth", "support"))
		checkRights(t, support, supportRights("growth"))
		checkRights(t, support, []right{
			{verb: "create", group: "referral-operator.io", resource: "rewardreviews", namespace: "payroll"},
			{verb: "get", group: "referral-operator.io", resource: "rewardreviews", namespace: "payroll"},
		})
		checkRights(t, support, secretRights("growth", false))
	})
	t.Run("no rule of any namespace has a wildcard", func(t *testing.T) {
		for _, namespace := range []string{"growth", "payroll", systemNamespace} {
			checkNoWildcard(t, manager, namespace)
		}
	})
	kubectl(t, cluster.Kubeconfig(), "delete", "rolebinding", "referral-operator-secret-reader", "--namespace", "growth")
}

// secretRights are the rights to Secrets of a namespace ("": all of them): to get one or not, and
// never more.
func secretRights(namespace string, get bool) []right {
	rights := []right{{verb: "get", resource: "secrets", name: "shop-db", namespace: namespace, allowed: get}}
	for _, verb := range []string{"list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
		rights = append(rights, right{verb: verb, resource: "secrets", namespace: namespace})
	}
	return rights
}

// plannerRights are the rights of the role planner to each resource of the group: these, and no
// other verb.
func plannerRights(namespace string) []right {
	return exactly(namespace, map[string][]string{
		"rewardplans":       {"create", "get", "delete"},
		"referralcampaigns": {"get", "list"},
		"rewardpolicies":    {"get", "list"},
	})
}

// supportRights are the rights of the role support, and no other verb.
func supportRights(namespace string) []right {
	return exactly(namespace, map[string][]string{"rewardreviews": {"create", "get", "delete"}})
}

// exactly are rights to some verbs of the group's resources, and to no other.
func exactly(namespace string, allowed map[string][]string) []right {
	var rights []right
	for _, resource := range []string{"attributiondatabases", "referralcampaigns", "rewardpolicies", "rewardplans", "rewardreviews"} {
		for _, verb := range []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"} {
			rights = append(rights, right{
				verb: verb, group: "referral-operator.io", resource: resource, namespace: namespace,
				allowed: slices.Contains(allowed[resource], verb),
			})
		}
		rights = append(rights, right{
			verb: "patch", group: "referral-operator.io", resource: resource, subresource: "status", namespace: namespace,
		})
	}
	return rights
}

// checkRights asks the API server, as the manager, what the manager may do.
func checkRights(t *testing.T, manager kubernetes.Interface, rights []right) {
	t.Helper()
	for _, right := range rights {
		review, err := manager.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(),
			&authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{
					Verb: right.verb, Group: right.group, Resource: right.resource, Subresource: right.subresource,
					Namespace: right.namespace, Name: right.name,
				},
			}}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if review.Status.Allowed != right.allowed {
			t.Errorf("allowed=%v for %+v", review.Status.Allowed, right)
		}
	}
}

func checkNoWildcard(t *testing.T, manager kubernetes.Interface, namespace string) {
	t.Helper()
	review, err := manager.AuthorizationV1().SelfSubjectRulesReviews().Create(t.Context(),
		&authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: namespace}},
		metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(review.Status.ResourceRules) == 0 {
		t.Errorf("there is no rule at all in namespace %s", namespace)
	}
	for _, rule := range review.Status.ResourceRules {
		if slices.Contains(rule.Verbs, "*") || slices.Contains(rule.APIGroups, "*") ||
			slices.ContainsFunc(rule.Resources, func(resource string) bool { return strings.Contains(resource, "*") }) {
			t.Errorf("namespace %s has the rule %+v", namespace, rule)
		}
	}
}

// signIn mints a token for a ServiceAccount and returns the way in it gives: the rights of its
// bindings and no other.
func signIn(t *testing.T, cluster *testworld.ControlPlane, namespace, account string) *rest.Config {
	t.Helper()
	token, err := clientFor(t, cluster.Config()).CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), account,
		&authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return cluster.ConfigForToken(token.Status.Token)
}

func clientFor(t *testing.T, config *rest.Config) *kubernetes.Clientset {
	t.Helper()
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client
}
