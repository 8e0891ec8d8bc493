package controllers_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// everyField is a campaign with all that a spec can have.
const everyField = `
apiVersion: referral-operator.io/v1alpha1
kind: ReferralCampaign
metadata: {name: every-field, namespace: growth}
spec:
  databaseRef: {name: shop}
  policyRef: {name: five-dollars}
  startsAt: 2026-11-01T02:00:00+02:00
  endsAt: 2127-01-01T00:00:00Z
  attributionWindow: 30m
  destination: https://mysite.com/
  budget: {amount: "10000.00", currency: USD}
  deletionPolicy: Retain
  suspend: false
  resyncInterval: 90m
`

// Defaults, the operator's status and its finalizers must not look like drift from what was
// applied.
func TestDiffShowsNothingOnceTheSamplesAreInForce(t *testing.T) {
	for name, flags := range map[string][]string{
		"client-side": nil,
		"server-side": {"--server-side"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			own := w.newDatabase()
			w.secret("shop-db", map[string]string{"uri": own.URI})
			declared := w.samples() + "---" + strings.ReplaceAll(everyField, "growth", w.namespace)
			w.kubectl(declared, append([]string{"apply", "-f", "-"}, flags...)...)
			w.awaitReady(w.rcamp("every-field"))
			w.awaitReady(w.rcamp("invite-friends"))
			w.awaitReason(w.rplan("raise-to-seven"), metav1.ConditionTrue, v1alpha1.DoneReason)
			w.awaitReady(w.rpol("five-dollars"))
			w.awaitReady(w.adb("shop"))
			w.shop(own, oneFriend)
			w.annotate("rcamp", "every-field", v1alpha1.RequestedAtAnnotation, "2026-11-22T10:00:00Z")
			await(w, w.rcamp("every-field"), "compared", func(c *v1alpha1.ReferralCampaign) bool { return c.Status.LastHandledReconcileAt != "" })

			output, err := w.cluster.Kubectl(t.Context(), declared, append([]string{"diff", "--namespace", w.namespace, "-f", "-"}, flags...)...)
			if err != nil {
				t.Errorf("kubectl diff: %v\n%s", err, output)
			}
		})
	}
}

// samples are those of config, in the world's namespace. A plan gets a name, since only an object
// with a name can be applied.
func (w *world) samples() string {
	w.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "config", "samples", "*.yaml"))
	check(w, err)
	var manifests []string
	for _, path := range paths {
		if name := filepath.Base(path); name == "kustomization.yaml" || name == "secret_reader_role_binding.yaml" {
			continue // the world binds the role to its own manager
		}
		text, err := os.ReadFile(path)
		check(w, err)
		manifests = append(manifests, string(text))
	}
	return strings.NewReplacer("namespace: growth", "namespace: "+w.namespace, "generateName: raise-to-seven-", "name: raise-to-seven").
		Replace(strings.Join(manifests, "---\n"))
}
