package testworld

import (
	"context"
	"errors"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// group is the API group of this project's kinds.
const group = "referral-operator.io"

// CreateNamespace creates a namespace with a name that begins with prefix.
func (c *ControlPlane) CreateNamespace(ctx context.Context, prefix string) (string, error) {
	client, err := kubernetes.NewForConfig(c.config)
	if err != nil {
		return "", fmt.Errorf("while making a client for namespaces: %w", err)
	}
	namespace, err := client.CoreV1().Namespaces().Create(ctx,
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-"}}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("while creating a namespace: %w", err)
	}
	return namespace.Name, nil
}

// EmptyNamespace removes the project's objects from a namespace, despite finalizers, so that the
// next test's manager does not find them. The namespace stays: without a controller manager it
// would remain Terminating.
func (c *ControlPlane) EmptyNamespace(ctx context.Context, namespace string) error {
	resources, err := c.projectResources()
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(c.config)
	if err != nil {
		return fmt.Errorf("while making a client for namespace %s: %w", namespace, err)
	}
	var errs []error
	for _, resource := range resources {
		errs = append(errs, removeAll(ctx, client.Resource(resource).Namespace(namespace)))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("while emptying namespace %s: %w", namespace, err)
	}
	return nil
}

func removeAll(ctx context.Context, client dynamic.ResourceInterface) error {
	objects, err := client.List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for _, object := range objects.Items {
		err := client.Delete(ctx, object.GetName(), metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		release := []byte(`{"metadata":{"finalizers":null}}`)
		_, err = client.Patch(ctx, object.GetName(), types.MergePatchType, release, metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// projectResources returns the kinds of this project that the API server serves, each in its first
// version.
func (c *ControlPlane) projectResources() ([]schema.GroupVersionResource, error) {
	client, err := discovery.NewDiscoveryClientForConfig(c.config)
	if err != nil {
		return nil, fmt.Errorf("while making a discovery client: %w", err)
	}
	groups, err := client.ServerGroups()
	if err != nil {
		return nil, fmt.Errorf("while asking for API groups: %w", err)
	}
	for _, served := range groups.Groups {
		if served.Name != group {
			continue
		}
		version := served.PreferredVersion
		list, err := client.ServerResourcesForGroupVersion(version.GroupVersion)
		if err != nil {
			return nil, fmt.Errorf("while asking for the kinds of %s: %w", group, err)
		}
		var resources []schema.GroupVersionResource
		for _, resource := range list.APIResources {
			if !strings.Contains(resource.Name, "/") && resource.Namespaced {
				resources = append(resources, schema.GroupVersionResource{
					Group: group, Version: version.Version, Resource: resource.Name,
				})
			}
		}
		return resources, nil
	}
	return nil, nil
}
