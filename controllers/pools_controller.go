package controllers

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/jitter"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

const (
	// secretInterval is how often a Secret is read again: Secrets are not watched.
	secretInterval = time.Minute

	// doubtInterval is how often a Secret is read again that is missing, or that leads to no
	// database.
	doubtInterval = 5 * time.Second
)

// uriField is the field that names the Secret with the database's URI.
const uriField = "spec.secretRef"

// PoolsReconciler gives the registry of this process the settings of each database: it reads the
// Secrets that an AttributionDatabase names. It runs on every replica, elected or not, and writes
// nothing to the API server.
type PoolsReconciler struct {
	client       client.Client
	live         client.Reader // gets Secrets by name; they are never listed or watched
	self         *self
	dryRun       client.Client // what it creates is not stored
	registry     *hosting.Registry
	installation string
}

// +kubebuilder:rbac:groups=referral-operator.io,resources=attributiondatabases,verbs=get;list;watch
// +kubebuilder:rbac:groups=events.k8s.io,resources=events,verbs=create

// Reconcile has one AttributionDatabase hosted as its spec and its Secrets say. While the API
// server does not answer, what is hosted stays hosted.
func (r *PoolsReconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	var adb v1alpha1.AttributionDatabase
	if err := r.client.Get(ctx, request.NamespacedName, &adb); err != nil {
		if apierrors.IsNotFound(err) {
			r.registry.Drop(request.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	connection, err := r.connection(ctx, &adb)
	refused, ok := errors.AsType[*settingsError](err)
	switch {
	case ok:
		r.registry.Refuse(request.NamespacedName, sourceOf(&adb), refused)
		return ctrl.Result{RequeueAfter: jitter.Spread(doubtInterval)}, nil
	case err != nil:
		// What is hosted under an earlier generation goes on, and the object says why it is not this one.
		if r.registry.State(request.NamespacedName).Source != sourceOf(&adb) {
			r.registry.Refuse(request.NamespacedName, sourceOf(&adb), &settingsError{reason: v1alpha1.ConnectingReason, err: err})
		}
		return ctrl.Result{}, err
	}
	r.registry.Ensure(request.NamespacedName, hosting.Config{
		Source:   sourceOf(&adb),
		Identity: identityOf(&adb, r.installation),
		Database: connection,
	})
	interval := secretInterval
	if cannotBeUsed(r.registry.State(request.NamespacedName)) {
		interval = doubtInterval
	}
	return ctrl.Result{RequeueAfter: jitter.Spread(interval)}, nil
}

// connection returns how to connect. An error of the spec or of a Secret is a *settingsError.
func (r *PoolsReconciler) connection(ctx context.Context, adb *v1alpha1.AttributionDatabase) (postgres.Config, error) {
	schema, err := postgres.ParseSchema(adb.Spec.Schema)
	if err != nil {
		return postgres.Config{}, &settingsError{reason: v1alpha1.InvalidSpecReason, hopeless: true, err: fmt.Errorf("spec.schema: %w", err)}
	}
	config := postgres.Config{Schema: schema, MaxConnections: adb.Spec.MaxConnections}
	ref := adb.Spec.SecretRef
	uri, err := r.secret(ctx, adb, uriField, ref.Name, ref.Key)
	if err != nil {
		return postgres.Config{}, err
	}
	config.URI = string(uri)
	if adb.Spec.TLS != nil {
		config.TLS = &postgres.TLS{Mode: postgres.TLSMode(adb.Spec.TLS.Mode)}
		if ca := adb.Spec.TLS.CASecretRef; ca != nil {
			config.TLS.CA, err = r.secret(ctx, adb, "spec.tls.caSecretRef", ca.Name, ca.Key)
			if err != nil {
				return postgres.Config{}, err
			}
		}
	}
	if _, err := postgres.ParseConfig(config.URI, config.TLS); err != nil {
		field := uriField
		if _, ok := errors.AsType[*postgres.AuthorityError](err); ok {
			field, ref.Name, ref.Key = "spec.tls.caSecretRef", adb.Spec.TLS.CASecretRef.Name, adb.Spec.TLS.CASecretRef.Key
		}
		return postgres.Config{}, &settingsError{
			reason: v1alpha1.InvalidURIReason,
			err:    fmt.Errorf("%s: key %q of Secret %s/%s: %w", field, ref.Key, adb.Namespace, ref.Name, err),
		}
	}
	return config, nil
}

// secret gets one value of one Secret from the API server.
func (r *PoolsReconciler) secret(ctx context.Context, adb *v1alpha1.AttributionDatabase, field, name, key string) ([]byte, error) {
	namespace := adb.Namespace
	var secret corev1.Secret
	err := r.live.Get(ctx, types.NamespacedName{Namespace: namespace, Name: name}, &secret)
	switch {
	case apierrors.IsNotFound(err):
		return nil, &settingsError{
			reason:  v1alpha1.SecretNotFoundReason,
			missing: field == uriField,
			err:     fmt.Errorf("%s: there is no Secret %s/%s: create it, or correct the name", field, namespace, name),
		}
	case apierrors.IsForbidden(err) && field == uriField && r.deletedWithNamespace(ctx, adb):
		return nil, &settingsError{
			reason:    v1alpha1.SecretForbiddenReason,
			forbidden: true,
			err: fmt.Errorf("%s: the operator may not get Secret %s/%s, and can no longer be allowed to, since the namespace is being deleted",
				field, namespace, name),
		}
	case apierrors.IsForbidden(err):
		return nil, &settingsError{
			reason: v1alpha1.SecretForbiddenReason,
			err:    fmt.Errorf("%s: the operator may not get Secret %s/%s", field, namespace, name),
			allow:  r.self.bindingLine(ctx, namespace),
		}
	case err != nil:
		return nil, fmt.Errorf("while getting Secret %s/%s: %w", namespace, name, err)
	}
	value := secret.Data[key]
	if len(value) == 0 {
		return nil, &settingsError{
			reason: v1alpha1.SecretKeyNotFoundReason,
			err:    fmt.Errorf("%s: Secret %s/%s has no key %q, or nothing in it: add the key, or correct its name", field, namespace, name, key),
		}
	}
	return value, nil
}

// deletedWithNamespace reports whether an AttributionDatabase is being deleted in a namespace that
// is being deleted too. Its Secret may be gone already, and the RoleBinding that lets the operator
// see that may be. Where that cannot be found out, the Secret counts as one that the operator may
// still be allowed to get.
func (r *PoolsReconciler) deletedWithNamespace(ctx context.Context, adb *v1alpha1.AttributionDatabase) bool {
	if adb.DeletionTimestamp.IsZero() {
		return false
	}
	terminating, err := r.namespaceTerminating(ctx, adb)
	if err != nil {
		ctrl.LoggerFrom(ctx).Error(err, "Cannot find out whether the namespace is being deleted")
	}
	return terminating
}

// namespaceTerminating reports whether the namespace of an AttributionDatabase is being deleted.
// The operator may not get namespaces, but the API server says of an event that it cannot be
// created for this reason.
func (r *PoolsReconciler) namespaceTerminating(ctx context.Context, adb *v1alpha1.AttributionDatabase) (bool, error) {
	event, err := newEvent(r.dryRun.Scheme(), adb, corev1.EventTypeNormal, "Deleting", "is the namespace being deleted?")
	if err == nil {
		err = r.dryRun.Create(ctx, event)
	}
	if apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return true, nil
	}
	return false, err
}

// cannotBeUsed reports whether a database is not connected yet, or has a fault.
func cannotBeUsed(state hosting.State) bool {
	return state.Phase == hosting.Connecting || state.Fault != nil
}

// settingsError is what is wrong with a spec or its Secrets.
type settingsError struct {
	reason    string
	hopeless  bool // only another spec can help
	missing   bool // the Secret with the URI does not exist
	forbidden bool // the operator will never be allowed to get that Secret: the namespace is being deleted
	err       error
	allow     string // the command that allows the operator to get the Secret; empty: it may
}

func (e *settingsError) Error() string {
	if e.allow != "" {
		return e.err.Error() + "; allow it with: " + e.allow
	}
	return e.err.Error()
}

func (e *settingsError) Unwrap() error { return e.err }

// outcome returns the error of a reconcile that needs the settings.
func (e *settingsError) outcome() error {
	if e.hopeless {
		return &stalledError{reason: e.reason, err: e}
	}
	return &waitingError{reason: e.reason, requeueAfter: recheckInterval, err: e}
}

func sourceOf(adb *v1alpha1.AttributionDatabase) hosting.Source {
	return hosting.Source{UID: string(adb.UID), Generation: adb.Generation}
}

func identityOf(adb *v1alpha1.AttributionDatabase, installation string) database.Identity {
	return database.Identity{
		Installation: installation,
		Name:         client.ObjectKeyFromObject(adb).String(),
		UID:          string(adb.UID),
	}
}
