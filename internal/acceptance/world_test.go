// Package acceptance tests the product as its users see it: YAML goes in through a real API server,
// facts through SQL as the shop's plain role, the real manager runs as a process of its own, and
// the tests check balances.
package acceptance

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMain(m *testing.M) { testworld.Main(m) }

// world is a namespace with a shop's database and its objects.
type world struct {
	testing.TB
	cluster   *testworld.ControlPlane
	namespace string
	own       *testworld.Database
	shop      *pgxpool.Pool // the plain writer
	operator  *pgxpool.Pool // for queries, and for what only an administrator may do
}

// manifests are a shop's database and campaign; the policy is the test's.
const manifests = `
apiVersion: v1
kind: Secret
metadata: {name: shop-db}
stringData: {uri: %q}
---
apiVersion: referral-operator.io/v1alpha1
kind: AttributionDatabase
metadata: {name: shop}
spec:
  secretRef: {name: shop-db}
  roles: {writers: [shop]}
---
apiVersion: referral-operator.io/v1alpha1
kind: ReferralCampaign
metadata: {name: invite-friends}
spec:
  databaseRef: {name: shop}
  policyRef: {name: terms}
  attributionWindow: 720h
  destination: https://mysite.test/
`

// fiveDollars is the policy of the README's first sentence.
const fiveDollars = `
apiVersion: referral-operator.io/v1alpha1
kind: RewardPolicy
metadata: {name: terms}
spec:
  rewards:
  - {name: inviter, beneficiary: Referrer, fixed: {amount: "5.00", currency: USD}}
`

func newWorld(t testing.TB, cluster *testworld.ControlPlane, postgres *testworld.Postgres) *world {
	t.Helper()
	own, err := postgres.CreateDatabase(t.Context())
	testworld.Must(t, err)
	return &world{
		TB: t, cluster: cluster, namespace: testworld.NewNamespace(t, cluster), own: own,
		shop: pool(t, own.WriterURI), operator: pool(t, own.URI),
	}
}

func pool(t testing.TB, uri string) *pgxpool.Pool {
	t.Helper()
	p, err := pgxpool.New(t.Context(), uri)
	testworld.Must(t, err)
	t.Cleanup(p.Close)
	return p
}

// apply applies the world's manifests and what the test adds, and waits until the campaign is
// ready.
func (w *world) apply(policy string) {
	w.Helper()
	w.kubectl(fmt.Sprintf(manifests, w.own.URI)+"---\n"+policy, "apply", "--server-side", "-f", "-")
	w.kubectl("", "wait", "--for=condition=Ready", "--timeout=5m", "referralcampaign/invite-friends")
}

func (w *world) kubectl(input string, args ...string) string {
	w.Helper()
	output, err := w.cluster.Kubectl(w.Context(), input, append([]string{"--namespace", w.namespace}, args...)...)
	testworld.Must(w, err)
	return output
}

// manager starts a manager of this world without leader election.
func (w *world) manager(args ...string) *testworld.Process {
	w.Helper()
	return testworld.Run(w, testworld.ProcessOptions{
		Path: testworld.BuildManager(w),
		Args: append([]string{
			"--kubeconfig", w.cluster.Kubeconfig(), "--watch-namespaces", w.namespace, "--leader-elect=false",
			"--metrics-bind-address=0", "--health-probe-bind-address=0", "--status-interval=1s",
		}, args...),
	})
}

// insist writes a fact and retries until it is committed, whatever happens to the server meanwhile.
func (w *world) insist(ctx context.Context, sql string, arguments ...any) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		_, err := w.shop.Exec(attempt, sql, arguments...)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// converged waits until the change queue is empty.
func (w *world) converged() {
	w.Helper()
	w.eventually("every change is decided", "SELECT count(*) FROM referral.change", "0")
}

// eventually waits until a query returns exactly this row.
func (w *world) eventually(what, sql, want string) {
	w.Helper()
	var got []string
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var err error
		if got, err = w.try(sql); err == nil && len(got) == 1 && got[0] == want {
			return
		}
		if time.Now().After(deadline) {
			w.Fatalf("timed out waiting until %s: want %s, last got %v (%v)", what, want, got, err)
		}
	}
}

// rows returns each row with its columns separated by spaces.
func (w *world) rows(sql string) []string {
	w.Helper()
	rows, err := w.try(sql)
	testworld.Must(w, err)
	return rows
}

func (w *world) try(sql string) ([]string, error) {
	rows, err := w.operator.Query(w.Context(), sql)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		values, err := row.Values()
		words := make([]string, len(values))
		for i, value := range values {
			words[i] = fmt.Sprint(value)
		}
		return strings.Join(words, " "), err
	})
}
