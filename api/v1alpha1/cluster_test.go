package v1alpha1_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMain(m *testing.M) { testworld.Main(m) }

// strict is how kubectl writes by default: an unknown or repeated field is an error and not a
// warning.
const strict = client.FieldValidation(metav1.FieldValidationStrict)

// cluster returns a client of a real API server with the kinds installed, bound to a namespace of
// the test's own.
func cluster(t testing.TB) client.Client {
	t.Helper()
	controlPlane := testworld.Cluster(t)
	config := controlPlane.Config()
	config.QPS = -1
	scheme := runtime.NewScheme()
	utilruntime.Must(corev1.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return client.NewNamespacedClient(c, testworld.NewNamespace(t, controlPlane))
}
