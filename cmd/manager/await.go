package main

import (
	"context"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

const (
	askInterval   = time.Second
	askTimeout    = 5 * time.Second
	remindEvery   = 30 // asks between two lines in the log that say the same
	askJitterPart = 0.5
)

// awaitKinds returns when the API server answers and serves our kinds. A manager that was built before would only run
// into its timeouts, and not say what is missing.
func awaitKinds(ctx context.Context, kubernetes *rest.Config) error {
	log := ctrl.Log.WithName("await")
	config := rest.CopyConfig(kubernetes)
	config.Timeout = askTimeout
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return fmt.Errorf("while making a client of the API server: %w", err)
	}
	for asked := 0; ; asked++ {
		_, err := client.ServerResourcesForGroupVersion(v1alpha1.GroupVersion.String())
		if err == nil {
			if asked > 0 {
				log.Info("The API server is there")
			}
			return nil
		}
		if asked%remindEvery == 0 {
			if apierrors.IsNotFound(err) {
				log.Info("Waiting for the CustomResourceDefinitions; apply config/crd", "group", v1alpha1.GroupVersion.String())
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
