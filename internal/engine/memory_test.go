package engine_test

import (
	"context"
	"fmt"
	"net/url"
	"runtime"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// withLargeReferee adds a referee with so many purchases of 60 kB.
func (s *shop) withLargeReferee(purchases int) {
	s.Helper()
	terms := every()
	terms.Condition = "has(purchase.attributes.a)"
	s.declare("invite", terms)
	s.write(link)
	s.converge()
	s.write(`INSERT INTO referral.signup (user_id, code, signed_up_at) VALUES ('bob', 'alice1', now() - interval '1 h')`)
	s.write(`INSERT INTO referral.purchase (user_id, purchase_id, amount, currency, attributes)
	         SELECT 'bob', 'p' || n, 1000, 'USD', jsonb_build_object('a', repeat('x', 60000)) FROM generate_series(1, $1::int) n`, purchases)
}

// silentEngine runs an engine of a tenant on the shop's database, whose server goes silent after so
// many bytes, until the test ends. Each batch gives up after batchTime.
func (s *shop) silentEngine(tenant string, bytes int, batchTime time.Duration) {
	s.Helper()
	uri, err := url.Parse(s.uri)
	testworld.Must(s, err)
	proxy := testworld.NewProxy(s, uri.Host)
	proxy.SilenceAfter(bytes)
	uri.Host = proxy.Address()
	db, err := postgres.Open(s.Context(), postgres.Config{URI: uri.String(), Schema: postgres.DefaultSchema, MaxConnections: 4})
	testworld.Must(s, err)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	e := engine.New(db, engine.Options{OwnerUID: uid, Tenant: tenant})
	e.SetBatchTime(batchTime)
	go func() { ended <- e.Run(ctx) }()
	s.Cleanup(func() { stop(); <-ended })
}

// A tenant's servers go silent in the middle of the facts of large referees. The memory for large
// ones is not theirs for good: those of others are decided.
func TestSilentServersDoNotKeepTheMemoryForLargeReferees(t *testing.T) {
	for n := range 2 {
		silent := newShop(t)
		silent.withLargeReferee(400)
		silent.silentEngine("hostile", (20+n)<<20, 4*time.Second)
	}
	good := newShop(t)
	good.withLargeReferee(400)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	e := good.newEngine(engine.Options{Tenant: "good"})
	go func() { _ = e.Run(ctx) }()
	for deadline := time.Now().Add(5 * time.Minute); good.rows("SELECT count(*) FROM referral.pair")[0] != "400"; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the large referee is not decided: %v", e.Err())
		}
	}
}

// Batches of all databases of a tenant together hold a bounded part of the process's memory,
// however long their servers keep them waiting, and leave the rest to others.
func TestSilentServersOfOneTenantHoldBoundedMemory(t *testing.T) {
	const databases = 12
	var before, after runtime.MemStats
	shops := make([]*shop, databases)
	for n := range shops {
		shops[n] = newShop(t)
		shops[n].withLargeReferee(255)
	}
	good := newShop(t)
	good.withLargeReferee(100)
	runtime.GC()
	runtime.ReadMemStats(&before)
	for _, s := range shops {
		s.silentEngine("hostile", 14<<20, 10*time.Minute)
	}
	waitFor(t, "the silent databases hold what one tenant may", func() bool { return engine.BatchBytes() >= 20<<20 })
	time.Sleep(2 * time.Second) // all of them have tried
	runtime.GC()
	runtime.ReadMemStats(&after)
	if kept := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) >> 20; kept > 64 {
		t.Errorf("%d silent databases keep %d MiB", databases, kept)
	}
	testworld.Must(t, good.newEngine(engine.Options{Tenant: "good"}).Converge(t.Context()))
	good.expect("decided beside them", "SELECT count(*) FROM referral.pair", fmt.Sprint(100))
}

// Two tenants whose servers keep batches waiting leave memory to a third one.
func TestTenantsLeaveMemoryForBatchesToOthers(t *testing.T) {
	const most = 100
	reserve := func(tenant string) int {
		mebibytes := engine.ReserveForBatches(tenant, most)
		t.Cleanup(func() { engine.ReleaseForBatches(tenant, mebibytes) })
		return mebibytes
	}
	if first := reserve("first"); first != 40 {
		t.Errorf("one tenant alone has %d MiB, want 40", first)
	}
	reserve("second")
	if third := reserve("third"); third < 4 {
		t.Errorf("beside two others a tenant has %d MiB, want 4", third)
	}
}
