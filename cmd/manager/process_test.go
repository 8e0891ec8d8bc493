package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"k8s.io/client-go/rest"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestMain(m *testing.M) { testworld.Main(m) }

// patience is how long a test waits on a busy machine.
const patience = 2 * time.Minute

// program is a running manager with the address of its probes.
type program struct {
	*testworld.Process
	t      testing.TB
	probes string
}

func start(t testing.TB, config *rest.Config, arguments ...string) *program {
	t.Helper()
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	if err := testworld.WriteKubeconfig(kubeconfig, config); err != nil {
		t.Fatal(err)
	}
	probes := freeAddress(t)
	process := testworld.Run(t, testworld.ProcessOptions{
		Path: testworld.BuildManager(t),
		Args: append([]string{
			"--kubeconfig", kubeconfig, "--metrics-bind-address=0", "--health-probe-bind-address", probes, "--status-interval=1s",
		}, arguments...),
	})
	return &program{Process: process, t: t, probes: probes}
}

func freeAddress(t testing.TB) string {
	t.Helper()
	address, err := testworld.FreeAddress()
	testworld.Must(t, err)
	return address
}

// probe returns the status that a path answers with, 0 for none.
func (p *program) probe(path string) int {
	request, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://"+p.probes+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

func (p *program) awaitProbe(path string, status int) {
	p.t.Helper()
	eventually(p.t, fmt.Sprintf("%s answers %d", path, status), func() bool { return p.probe(path) == status })
}

func (p *program) awaitLog(line string) {
	p.t.Helper()
	eventually(p.t, "in the log: "+line, func() bool { return strings.Contains(p.Log(), line) })
}

// stops sends SIGTERM and checks that the process ends in order.
func (p *program) stops() {
	p.t.Helper()
	if err := p.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	code, err := p.Wait(ctx)
	if err != nil || code != 0 {
		p.t.Errorf("exit status %d, %v", code, err)
	}
}

func eventually(t testing.TB, want string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not %s", want)
		}
	}
}

const shopYAML = `
apiVersion: v1
kind: Secret
metadata: {name: shop-db}
stringData: {uri: "%s"}
---
apiVersion: referral-operator.io/v1alpha1
kind: AttributionDatabase
metadata: {name: shop}
spec: {secretRef: {name: shop-db}, roles: {writers: [shop]}}
---
apiVersion: referral-operator.io/v1alpha1
kind: RewardPolicy
metadata: {name: five-dollars}
spec: {rewards: [{name: inviter, beneficiary: Referrer, fixed: {amount: "5.00", currency: USD}}]}
---
apiVersion: referral-operator.io/v1alpha1
kind: ReferralCampaign
metadata: {name: invite-friends}
spec: {databaseRef: {name: shop}, policyRef: {name: five-dollars}}
`

// shop is a database with everything applied that a campaign needs.
type shop struct {
	testing.TB
	cluster   *testworld.ControlPlane
	namespace string
	own       *testworld.Database
}

func newShop(t testing.TB, cluster *testworld.ControlPlane) *shop {
	t.Helper()
	s := &shop{TB: t, cluster: cluster, namespace: testworld.NewNamespace(t, cluster), own: testworld.NewDatabase(t)}
	s.kubectl(fmt.Sprintf(shopYAML, s.own.URI), "apply", "--server-side", "-f", "-")
	return s
}

func (s *shop) kubectl(input string, arguments ...string) string {
	s.Helper()
	output, err := s.cluster.Kubectl(s.Context(), input, append([]string{"--namespace", s.namespace}, arguments...)...)
	if err != nil {
		s.Fatal(err)
	}
	return output
}

func (s *shop) awaitReady() {
	s.Helper()
	s.kubectl("", "wait", "--for=condition=Ready", "--timeout=2m", "rcamp/invite-friends", "adb/shop", "rpol/five-dollars")
}

// granted is what the campaign's status says.
func (s *shop) granted() int {
	s.Helper()
	var campaign struct {
		Status struct{ Pairs struct{ Granted int } }
	}
	output := s.kubectl("", "get", "rcamp", "invite-friends", "-o", "json")
	if err := json.Unmarshal([]byte(output), &campaign); err != nil {
		s.Fatal(err)
	}
	return campaign.Status.Pairs.Granted
}

// sell records a signup and a purchase.
func (s *shop) sell(user string) {
	s.Helper()
	s.sql(s.own.WriterURI, "INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('c', 'invite-friends', 'alice') ON CONFLICT DO NOTHING")
	s.sql(s.own.WriterURI, "INSERT INTO referral.signup (user_id, code) VALUES ($1, 'c')", user)
	s.sql(s.own.WriterURI, "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ($1, 'order', 2500, 'USD')", user)
}

func (s *shop) password() string {
	s.Helper()
	uri, err := url.Parse(s.own.URI)
	if err != nil {
		s.Fatal(err)
	}
	password, _ := uri.User.Password()
	return password
}

func (s *shop) sql(uri, statement string, arguments ...any) {
	s.Helper()
	connection := s.connect(uri)
	defer func() { _ = connection.Close(context.Background()) }()
	if _, err := connection.Exec(s.Context(), statement, arguments...); err != nil {
		s.Fatal(err)
	}
}

// entries is how many the ledger has.
func (s *shop) entries() int {
	s.Helper()
	connection := s.connect(s.own.AdminURI)
	defer func() { _ = connection.Close(context.Background()) }()
	var count int
	if err := connection.QueryRow(s.Context(), "SELECT count(*) FROM referral.ledger").Scan(&count); err != nil {
		s.Fatal(err)
	}
	return count
}

func (s *shop) connect(uri string) *pgx.Conn {
	s.Helper()
	connection, err := pgx.Connect(s.Context(), uri)
	if err != nil {
		s.Fatal(err)
	}
	return connection
}
