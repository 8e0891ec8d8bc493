package command

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/cli-runtime/pkg/resource"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// manifests are the campaigns and policies of files, by namespace and name.
type manifests struct {
	campaigns, policies map[types.NamespacedName]*unstructured.Unstructured
}

// read reads manifests. Objects of other kinds are left out: the files may be a whole directory of
// git.
func (o *plan) read(c *cluster) (*manifests, error) {
	files := &manifests{map[types.NamespacedName]*unstructured.Unstructured{}, map[types.NamespacedName]*unstructured.Unstructured{}}
	infos, err := resource.NewBuilder(o.flags).Unstructured().Local().
		FilenameParam(false, &o.files).Flatten().Do().Infos()
	if err != nil {
		return nil, fmt.Errorf("the manifests cannot be read: %w", err)
	}
	for _, info := range infos {
		object, ok := info.Object.(*unstructured.Unstructured)
		if !ok || object.GroupVersionKind().Group != v1alpha1.GroupVersion.Group {
			continue
		}
		into := map[string]map[types.NamespacedName]*unstructured.Unstructured{
			campaigns.name: files.campaigns, policies.name: files.policies,
		}[object.GetKind()]
		if into == nil {
			continue
		}
		name := types.NamespacedName{Namespace: object.GetNamespace(), Name: object.GetName()}
		if name.Namespace == "" {
			name.Namespace = c.namespace
		}
		if object.GroupVersionKind().Version != v1alpha1.GroupVersion.Version {
			return nil, fmt.Errorf("%s %s has apiVersion %s, which kubectl-referral %s does not know", object.GetKind(), name, object.GetAPIVersion(), version())
		}
		if name.Name == "" {
			return nil, fmt.Errorf("a %s in %s has no name", object.GetKind(), info.Source)
		}
		object.SetNamespace(name.Namespace)
		if into[name] != nil {
			return nil, fmt.Errorf("%s %s is in the files twice", object.GetKind(), name)
		}
		into[name] = object
	}
	return files, nil
}

// question is one plan to ask for.
type question struct {
	campaign types.NamespacedName
	live     *unstructured.Unstructured // the campaign; nil: it does not exist
	edited   *unstructured.Unstructured // the campaign in the files; nil: it is not in them
	policy   *unstructured.Unstructured // its policy in the files; nil: it is not in them
	deletes  bool
}

// questions are the plans that the files ask for: one for each campaign in them, and one for each
// campaign of the cluster that follows a policy in them. It also returns the policies that no
// campaign follows.
func (f *manifests) questions(ctx context.Context, c *cluster) (asked []question, unused []types.NamespacedName, err error) {
	followed := map[types.NamespacedName]bool{}
	for name, edited := range f.campaigns {
		there := c.in(name.Namespace)
		live, err := there.get(ctx, campaigns, name.Name)
		if err := ignoreAbsence(err); err != nil {
			return nil, nil, err
		}
		policy := policyOf(edited)
		followed[policy] = true
		asked = append(asked, question{campaign: name, live: live, edited: edited, policy: f.policies[policy]})
	}
	namespaces := map[string]bool{}
	for name := range f.policies {
		namespaces[name.Namespace] = true
	}
	for namespace := range namespaces {
		list, err := c.in(namespace).list(ctx, campaigns)
		if err != nil {
			return nil, nil, err
		}
		for i := range list.Items {
			live := &list.Items[i]
			name, policy := types.NamespacedName{Namespace: namespace, Name: live.GetName()}, policyOf(live)
			if f.policies[policy] == nil || f.campaigns[name] != nil || live.GetDeletionTimestamp() != nil {
				continue
			}
			followed[policy] = true
			asked = append(asked, question{campaign: name, live: live, policy: f.policies[policy]})
		}
	}
	slices.SortFunc(asked, func(a, b question) int { return compareNames(a.campaign, b.campaign) })
	for _, name := range slices.SortedFunc(maps.Keys(f.policies), compareNames) {
		if !followed[name] {
			unused = append(unused, name)
		}
	}
	return asked, unused, nil
}

func compareNames(a, b types.NamespacedName) int {
	switch {
	case a.String() < b.String():
		return -1
	case a.String() > b.String():
		return 1
	default:
		return 0
	}
}

// policyOf is the policy that a campaign refers to.
func policyOf(campaign *unstructured.Unstructured) types.NamespacedName {
	name, _, _ := unstructured.NestedString(campaign.Object, "spec", "policyRef", "name")
	return types.NamespacedName{Namespace: campaign.GetNamespace(), Name: name}
}

// in is the cluster as seen from another namespace.
func (c *cluster) in(namespace string) *cluster {
	return &cluster{client: c.client, namespace: namespace, role: c.role}
}

var errNoFiles = errors.New("nothing to plan: name either manifests with -f or -k, or a campaign with --delete")
