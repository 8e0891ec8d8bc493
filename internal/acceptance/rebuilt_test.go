package acceptance

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

const everything = `SELECT 'ledger', user_id, purchase_id, reward, seq, amount FROM referral.ledger
	UNION ALL SELECT 'revision', campaign, digest, '', revision, 0 FROM referral.revision ORDER BY 1, 2, 3, 4, 5`

// TestSameYAMLChangesNoDecision deletes and applies all YAML again, and then applies it on another
// cluster on the same database.
func TestSameYAMLChangesNoDecision(t *testing.T) {
	w := newWorld(t, testworld.Cluster(t), sharedPostgres(t))
	manager := w.manager()
	w.apply(fiveDollars)
	w.tellLinks()
	for n := range 6 {
		testworld.Must(t, w.tellPair(t.Context(), n))
	}
	w.eventually("four pairs are granted", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "4")
	w.converged()
	before := w.rows(everything)

	w.kubectl("", "delete", "referralcampaign,rewardpolicy,attributiondatabase", "--all", "--timeout=5m")
	w.apply(fiveDollars)
	w.converged()
	if diff := cmp.Diff(before, w.rows(everything)); diff != "" {
		t.Errorf("after deleting and applying everything (-before +after):\n%s", diff)
	}

	// The old cluster disappeared some time ago, without a deletion.
	testworld.Must(t, manager.Kill())
	other := *w
	other.cluster = testworld.NewCluster(t, testworld.ControlPlaneOptions{CRDs: crds(t)})
	other.kubectlCreateNamespace()
	_, err := w.operator.Exec(t.Context(), "UPDATE referral.owner SET heartbeat_at = now() - interval '6 minutes'")
	testworld.Must(t, err)
	other.manager()
	other.apply(fiveDollars)
	other.converged()
	if diff := cmp.Diff(before, other.rows(everything)); diff != "" {
		t.Errorf("on another cluster (-before +after):\n%s", diff)
	}
	testworld.Must(t, other.tellPair(t.Context(), 7))
	other.eventually("it goes on where the old one stopped", "SELECT count(*) FROM referral.pair WHERE state = 'Granted'", "5")
}

// kubectlCreateNamespace creates the world's namespace on its cluster.
func (w *world) kubectlCreateNamespace() {
	w.Helper()
	_, err := w.cluster.Kubectl(w.Context(), "", "create", "namespace", w.namespace)
	testworld.Must(w, err)
}

func crds(t testing.TB) []string {
	t.Helper()
	path, err := testworld.CRDs()
	testworld.Must(t, err)
	return []string{path}
}
