package controllers_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// With RECORD=1 the tests of this package record each object in each state that it shows, for the
// tests in hack/gitops of how other tools read our objects:
//
//	RECORD=1 go test ./controllers
//
// Of the objects in one state the one with the most fields is kept, and of equals the earlier one.
const recordings = "../config/argocd/referral-operator.io"

var recording sync.Mutex

// recordObjects records the objects of the world's namespace until the test ends.
func (w *world) recordObjects() {
	w.Helper()
	watcher, err := client.NewWithWatch(w.cluster.Config(), client.Options{Scheme: scheme})
	check(w, err)
	ctx, cancel := context.WithCancel(context.Background())
	w.Cleanup(cancel)
	for _, kind := range []string{"AttributionDatabase", "RewardPolicy", "ReferralCampaign", "RewardPlan"} {
		list := &unstructured.UnstructuredList{}
		list.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind(kind + "List"))
		changes, err := watcher.Watch(ctx, list, client.InNamespace(w.namespace))
		check(w, err)
		go func() {
			for change := range changes.ResultChan() {
				if object, ok := change.Object.(*unstructured.Unstructured); ok {
					if err := recordObject(object); err != nil {
						w.Error(err)
					}
				}
			}
		}()
	}
}

// recordObject writes an object to the file of its state, unless that has as many fields.
func recordObject(object *unstructured.Unstructured) error {
	state, err := stateOf(object)
	if err != nil {
		return err
	}
	namespace := object.GetNamespace()
	object.SetManagedFields(nil)
	object.SetResourceVersion("")
	annotations := object.GetAnnotations()
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	object.SetAnnotations(annotations)
	encoded, err := yaml.Marshal(object)
	if err != nil {
		return err
	}
	content := strings.ReplaceAll(string(encoded), namespace, "growth")
	path := filepath.Join(recordings, object.GetKind(), "testdata", state+".yaml")
	recording.Lock()
	defer recording.Unlock()
	recorded, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if strings.Count(content, "\n") <= strings.Count(string(recorded), "\n") {
		return nil
	}
	return os.WriteFile(path, []byte(content), 0o644)
}

// stateOf names what an object shows: whether it is being deleted or has been edited, how it
// stands, and its warnings.
func stateOf(object *unstructured.Unstructured) (string, error) {
	var shown v1alpha1.RewardPolicy // any kind: their conditions are alike
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, &shown); err != nil {
		return "", err
	}
	conditions := shown.Status.Conditions
	is := func(kind string) bool { return meta.IsStatusConditionTrue(conditions, kind) }
	ready := meta.FindStatusCondition(conditions, v1alpha1.ReadyCondition)
	if ready == nil {
		return "new", nil
	}
	var words []string
	switch {
	case object.GetDeletionTimestamp() != nil:
		words = append(words, "deleted")
	case ready.ObservedGeneration != object.GetGeneration():
		words = append(words, "edited")
	}
	switch {
	case is(v1alpha1.StalledCondition):
		words = append(words, "stalled")
	case is(v1alpha1.ReconcilingCondition):
		words = append(words, "reconciling")
	case ready.Status == metav1.ConditionFalse:
		words = append(words, "unready")
	}
	words = append(words, kebab(ready.Reason))
	if ready.Reason == v1alpha1.SuspendedReason && v1alpha1.SuspendedByAnnotation(object) {
		words = append(words, "by-annotation")
	}
	for _, warning := range []string{v1alpha1.ResyncFailingCondition, v1alpha1.PrivilegedRoleCondition} {
		if is(warning) {
			words = append(words, "and", kebab(warning))
		}
	}
	// A consistent ledger is nothing to see.
	if verified := meta.FindStatusCondition(conditions, v1alpha1.LedgerConsistentCondition); verified != nil && verified.Status == metav1.ConditionFalse {
		words = append(words, "and", kebab(verified.Reason))
	}
	return strings.Join(words, "-"), nil
}

var wordStart = regexp.MustCompile(`([a-z])([A-Z])`)

// kebab writes CamelCase as camel-case.
func kebab(name string) string {
	return strings.ToLower(wordStart.ReplaceAllString(name, "$1-$2"))
}
