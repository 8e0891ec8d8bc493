package hosting_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/hosting"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// serveSilent has two databases of one other namespace served, whose servers never answer a
// statement with these words.
func (w *world) serveSilent(words string) []types.NamespacedName {
	w.Helper()
	proxy := testworld.NewProxy(w, w.own.Server().Address())
	proxy.SilenceAt(words)
	var names []types.NamespacedName
	for n := range 2 {
		uri, err := url.Parse(testworld.NewDatabaseFrom(w, "hosting", nil).URI)
		testworld.Must(w, err)
		uri.Host = proxy.Address()
		name := types.NamespacedName{Namespace: "silent", Name: fmt.Sprint("db-", n)}
		owner := database.Identity{Installation: "default", Name: name.String(), UID: name.Name}
		w.Ensure(name, hosting.Config{
			Source: hosting.Source{UID: owner.UID, Generation: 1}, Identity: owner,
			Database: postgres.Config{URI: uri.String(), Schema: postgres.DefaultSchema, MaxConnections: 4},
		})
		w.awaitUse(name, func(ctx context.Context, db *postgres.DB) error {
			_, err := database.Claim(ctx, db, owner, "")
			return err
		})
		w.awaitServing(name)
		names = append(names, name)
	}
	return names
}

const (
	// headStart is how long the jobs of silent servers have to take slots.
	headStart = 200 * time.Millisecond

	// soonerThanATimeout is less than the timeout of a statement, which ends a job that a silent
	// server holds up.
	soonerThanATimeout = 15 * time.Second
)

func TestSilentServersOfANamespaceDelayNoVerificationOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	v := hosting.NewVerifications(w.Verify, time.Now)
	inBackground(t, v.Run)
	silent := w.serveSilent("count(*), clock_timestamp()")
	for _, name := range silent {
		v.Start(name, name.Name, "")
	}
	time.Sleep(headStart)
	v.Start(shop, identity.UID, "")
	for deadline := time.Now().Add(soonerThanATimeout); v.State(shop, identity.UID).Running; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the shop's verification has not ended: %+v", v.State(shop, identity.UID))
		}
	}
	if state := v.State(shop, identity.UID); state.Err != nil {
		t.Error(state.Err)
	}
	if name := silent[0]; !v.State(name, name.Name).Running {
		t.Errorf("the verification of a silent server has ended: %+v", v.State(name, name.Name))
	}
}

func TestSilentServersOfANamespaceDelayNoPlanOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.serve()
	p := hosting.NewPlans(w.Plan)
	inBackground(t, p.Run)
	ensure := func(on types.NamespacedName, uid string) hosting.PlanState {
		return p.Ensure(on, hosting.PlanJob{UID: "plan-" + uid, Database: on, Request: engine.PlanRequest{
			Campaign: database.Campaign{OwnerUID: uid, Name: "invite", UID: "c"}, Delete: true,
		}})
	}
	silent := w.serveSilent("coalesce((SELECT policy FROM referral.campaign WHERE name")
	for _, name := range silent {
		ensure(name, name.Name)
	}
	time.Sleep(headStart)
	for deadline := time.Now().Add(soonerThanATimeout); !ensure(shop, identity.UID).Ended(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the shop's plan has not ended: %+v", ensure(shop, identity.UID))
		}
	}
	if state := ensure(silent[0], silent[0].Name); !state.Running {
		t.Errorf("the plan of a silent server has ended: %+v", state)
	}
}

// inBackground runs what runs until its context ends, until the test has ended.
func inBackground(t *testing.T, run func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	t.Cleanup(func() {
		cancel()
		testworld.Must(t, <-ended)
	})
}
