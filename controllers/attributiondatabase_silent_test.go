package controllers_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// As many databases as there are workers, whose servers fall silent in the middle of a migration,
// do not keep a database of another namespace from becoming Ready.
func TestSilentServersLeaveWorkersToOtherDatabases(t *testing.T) {
	w := newQuietWorld(t)
	other := w.neighbour()
	w.startManager()
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
	other.secret("shop-db", map[string]string{"uri": own.URI})
	other.apply(`
apiVersion: referral-operator.io/v1alpha1
kind: AttributionDatabase
metadata: {name: shop}
spec: {secretRef: {name: shop-db}}
`)
	// This waits for less than the five minutes that an attempt to migrate may take.
	other.awaitReady(other.adb("shop"))
}
