package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// fieldManager is the name under which the commands write. It must not begin with "kubectl": Flux
// takes the fields of such managers over and resets them.
const fieldManager = "referral-cli"

// kind is one of the operator's kinds.
type kind struct {
	name     string // as in manifests
	resource string // as in URLs and rules of RBAC
}

var (
	databases = kind{"AttributionDatabase", "attributiondatabases"}
	policies  = kind{"RewardPolicy", "rewardpolicies"}
	campaigns = kind{"ReferralCampaign", "referralcampaigns"}
	plans     = kind{"RewardPlan", "rewardplans"}
	reviews   = kind{"RewardReview", "rewardreviews"}
)

// cluster is an API server, and the namespace that a command is about. Objects are read without
// their types, so that fields of a newer operator are passed on.
type cluster struct {
	client    dynamic.Interface
	namespace string
	role      string // see Role
}

// connect returns the cluster that the flags name. It sends no request yet.
func (s *session) connect(cmd *cobra.Command) (*cluster, error) {
	config, err := s.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig cannot be used: %w", err)
	}
	if config.Host == hostWithoutKubeconfig && !s.namesServer() {
		return nil, errors.New("there is no kubeconfig: name one with --kubeconfig, or in the variable KUBECONFIG")
	}
	config.UserAgent = "kubectl-referral/" + version()
	config.QPS = -1 // the API server limits by itself
	config.Timeout = requestTimeout
	config.WarningHandler = rest.NewWarningWriter(s.problems, rest.WarningWriterOptions{Deduplicate: true})
	namespace, _, err := s.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig cannot be used: %w", err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig cannot be used: %w", err)
	}
	return &cluster{client: client, namespace: namespace, role: Role(cmd)}, nil
}

// namesServer reports whether a flag or the kubeconfig names an API server.
func (s *session) namesServer() bool {
	raw, err := s.flags.ToRawKubeConfigLoader().RawConfig()
	return err == nil && len(raw.Clusters) > 0 || s.flags.APIServer != nil && *s.flags.APIServer != ""
}

// hostWithoutKubeconfig is where cli-runtime looks for an API server if nothing names one.
const hostWithoutKubeconfig = "http://localhost:8080"

// requestTimeout ends one request to an API server that does not answer.
const requestTimeout = 20 * time.Second

func (c *cluster) of(k kind) dynamic.ResourceInterface {
	resources := c.client.Resource(v1alpha1.GroupVersion.WithResource(k.resource))
	if c.namespace == metav1.NamespaceAll {
		return resources
	}
	return resources.Namespace(c.namespace)
}

func (c *cluster) get(ctx context.Context, k kind, name string) (*unstructured.Unstructured, error) {
	object, err := c.of(k).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, c.explain(err, "get", k, name)
	}
	return object, nil
}

func (c *cluster) list(ctx context.Context, k kind) (*unstructured.UnstructuredList, error) {
	list, err := c.of(k).List(ctx, metav1.ListOptions{})
	return list, c.explain(err, "list", k, "")
}

// create creates an object for this call, named by a prefix and random letters. A field that the
// API server does not know is an error: the operator is older than the plugin.
//
// An interruption waits for the API server's answer, and an object whose answer was lost is
// deleted. So an error leaves an object behind only if the API server can no longer be reached; it
// stays until its ttl has passed.
func (c *cluster) create(ctx context.Context, k kind, prefix string, spec any) (*unstructured.Unstructured, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(k.name))
	object.SetName(prefix + utilrand.String(10))
	created, err := c.of(k).Create(context.WithoutCancel(ctx), object, metav1.CreateOptions{
		FieldManager: fieldManager, FieldValidation: metav1.FieldValidationStrict,
	})
	if err != nil && passes(err) {
		_ = c.remove(ctx, k, object) // an API server that cannot be reached is reported once
	}
	return created, c.explain(err, "create", k, "")
}

// remove deletes an object of this call, also if the call was interrupted. The object may have
// gone.
func (c *cluster) remove(ctx context.Context, k kind, object *unstructured.Unstructured) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
	defer cancel()
	err := c.of(k).Delete(ctx, object.GetName(), metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return c.explain(err, "delete", k, object.GetName())
}

// patch merges a patch into an object. A dry run is validated by the API server and not stored.
func (c *cluster) patch(ctx context.Context, k kind, name string, patch map[string]any, dryRun bool) (*unstructured.Unstructured, error) {
	data, err := json.Marshal(patch)
	if err != nil {
		return nil, fmt.Errorf("while encoding a patch: %w", err)
	}
	options := metav1.PatchOptions{FieldManager: fieldManager}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	object, err := c.of(k).Patch(ctx, name, types.MergePatchType, data, options)
	return object, c.explain(err, "patch", k, name)
}

const (
	firstPoll = 100 * time.Millisecond
	lastPoll  = 2 * time.Second

	// patience is how many requests in a row may fail while an object is awaited: an API server that
	// restarts ends no wait.
	patience = 10
)

// await gets an object again and again until it is done. Its pauses grow.
func (c *cluster) await(
	ctx context.Context, k kind, name string, done func(*unstructured.Unstructured) (bool, error),
) (*unstructured.Unstructured, error) {
	pause, failures := firstPoll, 0
	for {
		object, err := c.get(ctx, k, name)
		switch {
		case err == nil:
			failures = 0
			is, err := done(object)
			if is || err != nil {
				return object, err
			}
		case !passes(err) || failures == patience:
			return nil, err
		default:
			failures++
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(pause):
		}
		pause = min(pause*3/2, lastPoll)
	}
}

// passes reports whether the API server may soon answer a request that failed.
func passes(err error) bool {
	status, answered := errors.AsType[*apierrors.StatusError](err)
	return !answered || status.ErrStatus.Code >= 500 || apierrors.IsTooManyRequests(err)
}

// decode returns an object with its type. Fields that the type does not have are left out.
func decode[T any](object *unstructured.Unstructured) (*T, error) {
	data, err := json.Marshal(object.Object)
	typed := new(T)
	if err == nil {
		err = json.Unmarshal(data, typed)
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s cannot be read by kubectl-referral %s: install the operator's version: %w",
			object.GetKind(), object.GetName(), version(), err)
	}
	return typed, nil
}

// decodeAll is decode for a list.
func decodeAll[T any](list *unstructured.UnstructuredList) ([]*T, error) {
	typed := make([]*T, 0, len(list.Items))
	for i := range list.Items {
		object, err := decode[T](&list.Items[i])
		if err != nil {
			return nil, err
		}
		typed = append(typed, object)
	}
	return typed, nil
}
