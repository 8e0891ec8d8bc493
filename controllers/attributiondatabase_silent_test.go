package controllers_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// As many databases as there are workers, whose servers fall silent in the middle of a migration,
// do not keep another database from becoming Ready.
func TestSilentServersLeaveWorkersToOtherDatabases(t *testing.T) {
	w := newWorld(t)
	uri, err := url.Parse(testworld.NewDatabase(t).URI)
	check(t, err)
	proxy := testworld.NewProxy(t, uri.Host)
	proxy.SilenceAt("CREATE SCHEMA")
	uri.Host = proxy.Address()
	w.secret("silent", map[string]string{"uri": uri.String()})
	for n := range workers {
		w.apply(fmt.Sprintf(`
apiVersion: referral-operator.io/v1alpha1
kind: AttributionDatabase
metadata: {name: silent-%d}
spec: {secretRef: {name: silent}}
`, n))
	}
	w.eventually("connected", func() bool { return proxy.Accepted() >= workers })
	own := w.newDatabase()
	w.secret("shop-db", map[string]string{"uri": own.URI})
	w.apply(`
apiVersion: referral-operator.io/v1alpha1
kind: AttributionDatabase
metadata: {name: shop}
spec: {secretRef: {name: shop-db}}
`)
	began := time.Now()
	w.awaitReady(w.adb("shop"))
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("Ready after %s", took)
	} else {
		t.Logf("Ready after %s", took)
	}
}
