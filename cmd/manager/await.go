package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

const (
	askInterval   = time.Second
	askTimeout    = 5 * time.Second
	remindEvery   = 30 // requests between two equal log lines
	askJitterPart = 0.5
)

// awaitKinds returns when the API server answers and serves our kinds. A manager that starts
// earlier would run into its timeouts and not report what is missing.
func awaitKinds(ctx context.Context, kubernetes *rest.Config) error {
	log := ctrl.Log.WithName("await")
	config := rest.CopyConfig(kubernetes)
	config.Timeout = askTimeout
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("while making a client of the API server: %w", err)
	}
	for asked := 0; ; asked++ {
		missing, err := missingKinds(client)
		if err == nil && len(missing) == 0 {
			if asked > 0 {
				log.Info("The API server answers")
			}
			return nil
		}
		if asked%remindEvery == 0 {
			if err == nil {
				log.Info("Waiting for CustomResourceDefinitions; apply config/crd", "missing", missing)
			} else {
				log.Info("Waiting for the API server", "host", config.Host, "reason", err.Error())
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait.Jitter(askInterval, askJitterPart)):
		}
	}
}

// kinds are the kinds of our API group, by name: each of them has a controller. The scheme has a
// list type for each of them, and none for the group's options and events.
var kinds = func() []string {
	known := scheme.KnownTypes(v1alpha1.GroupVersion)
	names := slices.Sorted(maps.Keys(known))
	return slices.DeleteFunc(names, func(name string) bool { return known[name+"List"] == nil })
}()

// missingKinds returns the kinds that the API server does not serve.
func missingKinds(client discovery.DiscoveryInterface) ([]string, error) {
	list, err := client.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
	if apierrors.IsNotFound(err) {
		return kinds, nil
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool {
		return slices.ContainsFunc(list.APIResources, func(served metav1.APIResource) bool { return served.Kind == kind })
	}), nil
}
