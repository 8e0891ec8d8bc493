package controllers_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

// The engine of an idle database polls rarely, so two edits may come between two polls.
func TestEditThatIsUndoneBeforeTheNextPollIsUndoneInTheDatabase(t *testing.T) {
	const attribution, suspended = "SELECT attribution FROM referral.meta", "SELECT suspended::text FROM referral.meta"
	for name, test := range map[string]struct {
		initial, other string // specs
		reason         string // of Ready under the initial spec
		query          string // for what is in force
		before, edited string // what it returns under each
	}{
		"attribution": {`{"attribution":"LastTouch"}`, `{"attribution":"FirstTouch"}`, v1alpha1.ReadyReason, attribution, "LastTouch", "FirstTouch"},
		"suspend":     {`{"suspend":true}`, `{"suspend":false}`, v1alpha1.SuspendedReason, suspended, "true", "false"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // a database counts as idle a minute after it was declared
			w := newQuietWorld(t)
			w.endHosts()
			w.pollInterval, w.idlePollInterval = 20*time.Second, 20*time.Second
			w.startRegistry()
			w.startManager()
			own := w.newDatabase()
			w.secret("shop-db", map[string]string{"uri": own.URI})
			w.apply(shopYAML)
			adb := w.adb("shop")
			w.awaitReady(adb)
			w.patch("adb", "shop", test.initial)
			w.awaitReason(adb, metav1.ConditionTrue, test.reason)
			w.patience = 3 * patience
			w.eventually("quiet", func() bool {
				_, quiet := w.registry.QuietReport(client.ObjectKeyFromObject(adb))
				return quiet
			})

			w.patch("adb", "shop", test.other)
			w.eventually("edited", func() bool { return value[string](w, own, test.query) == test.edited })
			w.patch("adb", "shop", test.initial)
			w.awaitReason(adb, metav1.ConditionTrue, test.reason)
			if is := value[string](w, own, test.query); is != test.before {
				t.Errorf("in force: %s", is)
			}
		})
	}
}
