package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
)

// takeSlots has slow databases of other namespaces take all slots until the returned function is
// called.
func (w *world) takeSlots() (release func()) {
	w.Helper()
	own := w.newDatabase()
	leave := make(chan struct{})
	var users sync.WaitGroup
	for n := range workers / 2 {
		name := types.NamespacedName{Namespace: fmt.Sprintf("%s-slow-%d", w.namespace, n), Name: "shop"}
		w.registry.Ensure(name, hosting.Config{
			Source: hosting.Source{UID: name.Namespace}, Identity: database.Identity{Installation: "other", Name: name.String(), UID: name.Namespace},
			Database: postgres.Config{URI: own.URI, Schema: postgres.DefaultSchema, MaxConnections: 4},
		})
		w.eventually("connected", func() bool { return w.registry.State(name).Phase == hosting.Connected })
		inside := make(chan struct{})
		users.Go(func() {
			err := w.registry.Prepare(w.Context(), name, func(ctx context.Context, _ *postgres.DB) error {
				close(inside)
				select {
				case <-leave:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})
			if err != nil {
				w.Errorf("the slot of %s: %v", name, err)
			}
		})
		<-inside
	}
	return func() {
		close(leave)
		users.Wait()
	}
}

// In a rebuilt cluster a pipeline may apply the campaigns only once their database is Ready.
func TestGraceDoesNotRunBeforeTheDatabaseWasReady(t *testing.T) {
	for name, test := range map[string]struct {
		locked string // what declaring the spec waits for
		shows  string
	}{
		"not prepared":                        {"SELECT FROM referral.owner FOR UPDATE", v1alpha1.ConnectingReason},
		"served, and an edit is not in force": {"SELECT FROM referral.campaign FOR UPDATE", v1alpha1.SlowReason},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, own := newShop(t)
			w.stop()
			w.endHosts()
			w.forceDelete("rcamp", "invite-friends", w.rcamp("invite-friends"))
			w.forceDelete("adb", "shop", w.adb("shop"))
			w.sql(own, "UPDATE referral.owner SET heartbeat_at = heartbeat_at - interval '1 hour'")

			w.startRegistry()
			releaseSlots, unlock := w.takeSlots(), w.lock(own, test.locked)
			w.apply(strings.Replace(shopYAML, "spec:", "spec:\n  attribution: FirstTouch", 1))
			w.startManager()
			adb := w.adb("shop")
			w.awaitMore(adb, 2)
			w.ahead.Add(int64(2 * time.Minute))
			await(w, adb, test.shows, func(adb *v1alpha1.AttributionDatabase) bool {
				ready := meta.FindStatusCondition(adb.Status.Conditions, v1alpha1.ReadyCondition)
				return ready != nil && strings.Contains(ready.Message, hosting.ErrSlow.Error())
			})
			w.awaitReason(adb, metav1.ConditionFalse, test.shows)
			w.ahead.Add(int64(11 * time.Minute))
			w.awaitMore(adb, 2)
			unlock()
			releaseSlots()
			w.settled()
			if mode := value[string](w, own, campaignMode); mode != "Open" {
				t.Errorf("once the database is Ready, the campaign is %s", mode)
			}
		})
	}
}
