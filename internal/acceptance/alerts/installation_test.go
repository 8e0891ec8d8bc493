package alerts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

func TestMain(m *testing.M) { testworld.Main(m) }

// system is the namespace of config/default.
const system = "referral-operator-system"

// patience bounds each wait; it is long for the sake of busy machines.
const patience = 4 * time.Minute

// installation is the operator as config/default installs it, with replicas of the manager as
// processes of their own, and the Prometheus that watches it.
type installation struct {
	testing.TB
	root     string
	psql     string // the path of the program
	cluster  *testworld.ControlPlane
	postgres *testworld.Postgres
	kubelet  *kubelet
	replicas []*replica
	tracker  string // the address of its metrics
	*prometheus

	shops    map[string]*shop // by namespace
	quiet    time.Time        // when no alert fired before the first fault; zero: not yet
	expected []string         // alerts that were provoked since then
}

// newInstallation starts an installation with two replicas of the manager.
func newInstallation(t testing.TB) *installation {
	t.Helper()
	if os.Getenv("ALERTS") != "1" {
		t.Skip("takes minutes: make alerts runs it")
	}
	program, psql := testworld.Need(t, binaries.Prometheus), testworld.Need(t, binaries.Psql)
	root, err := binaries.ModuleRoot()
	testworld.Must(t, err)
	i := &installation{
		TB: t, root: root, psql: psql,
		cluster: testworld.NewCluster(t, testworld.ControlPlaneOptions{}),
		// Many small databases, each with the connections of two replicas.
		postgres: testworld.NewPostgres(t, testworld.PostgresOptions{Settings: map[string]string{"max_connections": "300"}}),
		shops:    map[string]*shop{},
	}
	i.kubectl("", "apply", "--server-side", "--filename", filepath.Join(root, "config", "crd", "bases"))
	i.kubectl("", "wait", "crd", "--all", "--for=condition=Established", "--timeout=60s")
	i.kubectl("", "apply", "--server-side", "--kustomize", filepath.Join(root, "config", "default"))
	i.kubectl("", "create", "serviceaccount", "prometheus", "--namespace", "default")
	i.kubectl("", "create", "clusterrolebinding", "prometheus", "--clusterrole=referral-operator-metrics-reader", "--serviceaccount=default:prometheus")
	i.kubelet = startKubelet(i)
	for n := range 2 {
		i.replicas = append(i.replicas, &replica{installation: i, name: fmt.Sprint("manager-", n), address: freeAddress(t)})
	}
	i.tracker = freeAddress(t)
	for _, r := range i.replicas {
		r.start(testworld.BuildManager(t))
	}
	i.prometheus = startPrometheus(i, program)
	return i
}

// kubectl runs kubectl as administrator.
func (i *installation) kubectl(input string, args ...string) string {
	i.Helper()
	output, err := i.cluster.Kubectl(i.Context(), input, args...)
	testworld.Must(i, err)
	return output
}

// token returns a token of a ServiceAccount.
func (i *installation) token(namespace, account string) string {
	return strings.TrimSpace(i.kubectl("", "create", "token", account, "--namespace", namespace))
}

// until waits until something has happened.
func (i *installation) until(what string, happened func() bool) {
	i.Helper()
	for deadline := time.Now().Add(patience); !happened(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			i.Fatalf("timed out waiting until %s; firing: %v", what, i.firing())
		}
	}
}

// replica is a manager with the flags of config/manager, except that its addresses and intervals
// suit a test. It has the rights of its own ServiceAccount.
type replica struct {
	*installation
	name    string
	address string // of its metrics
	process *testworld.Process
}

// start starts the replica, and shows it as a pod.
func (r *replica) start(program string) {
	r.Helper()
	kubeconfig := filepath.Join(r.TempDir(), "kubeconfig")
	testworld.Must(r, testworld.WriteKubeconfig(kubeconfig, r.cluster.ConfigForToken(r.token(system, "referral-operator"))))
	r.process = testworld.Run(r, testworld.ProcessOptions{
		Path: program,
		Args: []string{
			"--kubeconfig", kubeconfig, "--leader-elect", "--leader-election-namespace", system,
			"--metrics-bind-address", r.address, "--health-probe-bind-address", "0",
			"--status-interval", "2s", "--poll-interval", "1s",
		},
	})
	r.kubelet.run(r.name, r.process)
}

// kill kills the replica, and removes its pod.
func (r *replica) kill() {
	r.Helper()
	testworld.Must(r, r.process.Kill())
	r.kubelet.remove(r.name)
}

func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := testworld.FreeAddress()
	testworld.Must(t, err)
	return address
}

// shop is a namespace with a database, a policy and a campaign.
type shop struct {
	*installation
	namespace string
	own       *testworld.Database
	writer    *pgxpool.Pool // the shop's plain role
	admin     *pgxpool.Pool // a superuser
}

// manifests declare a shop; its namespace is the only difference between shops.
const manifests = `
apiVersion: v1
kind: Namespace
metadata: {name: %[1]s}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: referral-operator-secret-reader, namespace: %[1]s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: referral-operator-secret-reader}
subjects: [{kind: ServiceAccount, name: referral-operator, namespace: referral-operator-system}]
---
apiVersion: v1
kind: Secret
metadata: {name: shop-db, namespace: %[1]s}
stringData: {uri: %[2]q}
---
apiVersion: referral-operator.io/v1alpha1
kind: AttributionDatabase
metadata: {name: shop, namespace: %[1]s}
spec: {secretRef: {name: shop-db}, roles: {writers: [shop]}}
---
apiVersion: referral-operator.io/v1alpha1
kind: RewardPolicy
metadata: {name: five-dollars, namespace: %[1]s}
spec: {rewards: [{name: inviter, beneficiary: Referrer, fixed: {amount: "5.00", currency: USD}}]}
---
apiVersion: referral-operator.io/v1alpha1
kind: ReferralCampaign
metadata: {name: invite-friends, namespace: %[1]s}
spec: {databaseRef: {name: shop}, policyRef: {name: five-dollars}, attributionWindow: 720h, destination: https://mysite.test/}
---
`

// declare declares shops on a server, each with so many pairs that are granted, and waits until all
// are Ready.
func (i *installation) declare(pairs map[string]int, on *testworld.Postgres) {
	i.Helper()
	var objects strings.Builder
	for namespace := range pairs {
		own, err := on.CreateDatabase(i.Context())
		testworld.Must(i, err)
		i.shops[namespace] = &shop{
			installation: i, namespace: namespace, own: own,
			writer: testworld.Pool(i, own.WriterURI), admin: testworld.Pool(i, own.AdminURI),
		}
		fmt.Fprintf(&objects, manifests, namespace, own.URI)
	}
	i.kubectl(objects.String(), "apply", "--server-side", "--filename", "-")
	i.kubectl("", "wait", "adb,rcamp", "--all", "--all-namespaces", "--for=condition=Ready", "--timeout=240s")
	for namespace, referees := range pairs {
		i.shops[namespace].earn(referees)
	}
	for namespace, referees := range pairs {
		i.shops[namespace].awaitGranted(referees)
		i.shops[namespace].awaitReported(referees)
	}
}

// startTracker starts the shop's tracker, and waits until Prometheus has its metrics.
func (s *shop) startTracker() {
	s.Helper()
	directory := s.TempDir()
	keys, tokens := filepath.Join(directory, "keys"), filepath.Join(directory, "tokens")
	testworld.Must(s, os.WriteFile(keys, []byte(strings.Repeat("0123456789abcdef", 4)+"\n"), 0o600))
	testworld.Must(s, os.WriteFile(tokens, []byte("shop: "+strings.Repeat("fedcba9876543210", 4)+"\n"), 0o600))
	listen := freeAddress(s)
	testworld.Run(s, testworld.ProcessOptions{
		Path: testworld.BuildTracker(s),
		Args: []string{"--listen", listen, "--ops-listen", s.tracker, "--public-url", "http://" + listen, "--keys-file", keys, "--tokens-file", tokens},
		Env:  []string{"DATABASE_URL=" + s.own.WriterURI},
	})
	s.until("Prometheus has the tracker's metrics", func() bool { return len(s.series("referral_tracker_build_info", time.Now().Add(-patience))) > 0 })
}

// earn records signups and purchases of referees u1, u2 and so on.
func (s *shop) earn(referees int) {
	s.Helper()
	testworld.Exec(s, s.writer, `INSERT INTO referral.link (code, campaign, referrer_id)
		VALUES ('alice1', 'invite-friends', 'alice') ON CONFLICT DO NOTHING`)
	s.record(1, referees)
}

// record records signups and purchases of the referees u<from> to u<to>.
func (s *shop) record(from, to int) {
	s.Helper()
	testworld.Exec(s, s.writer, `INSERT INTO referral.signup (user_id, code)
		SELECT 'u' || n, 'alice1' FROM generate_series($1::int, $2::int) n`, from, to)
	testworld.Exec(s, s.writer, `INSERT INTO referral.purchase (user_id, purchase_id, amount, currency)
		SELECT 'u' || n, 'order', 2500, 'USD' FROM generate_series($1::int, $2::int) n`, from, to)
}

func (s *shop) awaitGranted(pairs int) {
	s.Helper()
	s.until(fmt.Sprintf("%d pairs of %s are granted", pairs, s.namespace), func() bool {
		return testworld.Value[int64](s, s.admin, "SELECT count(*) FROM referral.pair WHERE state = 'Granted'") == int64(pairs)
	})
}

// awaitReported waits until status has the granted pairs and no pending change. What was pending at
// the last reading of a database that then goes away counts as pending until it is back.
func (s *shop) awaitReported(pairs int) {
	s.Helper()
	s.until("the status of "+s.namespace+" is that of its database", func() bool {
		return s.status("rcamp/invite-friends", "pairs.granted") == fmt.Sprint(pairs) && s.status("adb/shop", "pendingChanges") == "0"
	})
}

// touch records a fact that changes nothing: the status of an idle database is read less often.
func (s *shop) touch() {
	s.Helper()
	testworld.Exec(s, s.writer, "INSERT INTO referral.touch (touch_id, visitor_id, code) VALUES (gen_random_uuid(), gen_random_uuid(), 'alice1')")
}

// withoutTriggers runs a statement as a superuser whose changes no trigger notices.
func (s *shop) withoutTriggers(sql string) {
	s.Helper()
	testworld.Exec(s, s.admin, "DO $do$ BEGIN SET LOCAL session_replication_role = replica; "+sql+"; END $do$")
}

// onLedger runs PL/pgSQL before each entry of the ledger; offLedger ends that.
func (s *shop) onLedger(body string) {
	s.Helper()
	testworld.Exec(s, s.admin, "CREATE FUNCTION on_ledger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+body+" RETURN NEW; END $$")
	testworld.Exec(s, s.admin, "CREATE TRIGGER on_ledger BEFORE INSERT ON referral.ledger FOR EACH ROW EXECUTE FUNCTION on_ledger()")
}

func (s *shop) offLedger() {
	s.Helper()
	testworld.Exec(s, s.admin, "DROP FUNCTION on_ledger CASCADE")
}

// edit merges a patch into an object.
func (s *shop) edit(object, patch string, args ...string) {
	s.Helper()
	s.kubectl("", append([]string{"patch", object, "--namespace", s.namespace, "--type=merge", "--patch", patch}, args...)...)
}

// connectAs gives the operator another URI.
func (s *shop) connectAs(uri string) {
	s.Helper()
	s.edit("secret/shop-db", fmt.Sprintf(`{"stringData": {"uri": %q}}`, uri))
}

// request sets an annotation to a new value.
func (s *shop) request(object, annotation string) {
	s.Helper()
	s.kubectl("", "annotate", object, "--namespace", s.namespace, "--overwrite",
		annotation+"="+time.Now().UTC().Format(time.RFC3339Nano))
}

// status returns a field of an object's status.
func (s *shop) status(object, path string) string {
	s.Helper()
	return s.kubectl("", "get", object, "--namespace", s.namespace, "--output", "jsonpath={.status."+path+"}")
}
