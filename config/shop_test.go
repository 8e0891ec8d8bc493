package config_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// shop is the application of the samples: a database whose URI is in the Secret shop-db of the
// namespace growth, and the role shop that records facts in it.
type shop struct {
	cluster  *testworld.ControlPlane
	database *testworld.Database
}

func newShop(t *testing.T, cluster *testworld.ControlPlane) *shop {
	t.Helper()
	database := testworld.NewDatabase(t)
	kubectl(t, cluster.Kubeconfig(), "create", "secret", "generic", "shop-db", "--namespace", "growth",
		"--from-literal", "uri="+database.URI)
	return &shop{cluster: cluster, database: database}
}

// applyProgram applies the samples but for the RoleBinding that gives the operator the Secrets.
func applyProgram(t *testing.T, cluster *testworld.ControlPlane) {
	t.Helper()
	for _, file := range []string{"attributiondatabase.yaml", "rewardpolicy.yaml", "referralcampaign.yaml"} {
		kubectl(t, cluster.Kubeconfig(), "apply", "--server-side", "-f", filepath.Join("samples", file))
	}
}

// sell records a signup through ann's code and a purchase, and waits for ann's $5, in the database
// and in status.
func (s *shop) sell(t *testing.T) {
	t.Helper()
	for _, object := range []string{"attributiondatabase/shop", "rewardpolicy/five-dollars", "referralcampaign/invite-friends"} {
		waitForReason(t, s.cluster, object, "Ready")
	}
	connection, err := pgx.Connect(t.Context(), s.database.WriterURI)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	for _, fact := range []string{
		"INSERT INTO referral.link (code, campaign, referrer_id) VALUES ('ann-1', 'invite-friends', 'ann')",
		"INSERT INTO referral.signup (user_id, code) VALUES ('bob', 'ann-1')",
		"INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('bob', 'order-1', 4000, 'USD')",
	} {
		if _, err := connection.Exec(t.Context(), fact); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "ann's five dollars", func() error {
		var available int64
		err := connection.QueryRow(t.Context(),
			"SELECT coalesce(sum(available), 0) FROM referral.balance WHERE beneficiary_id = 'ann' AND currency = 'USD'").
			Scan(&available)
		if err == nil && available != 500 {
			err = fmt.Errorf("ann has %d cents", available)
		}
		return err
	})
	eventually(t, "the credit in status", func() error {
		credit, _ := kubectl(t, s.cluster.Kubeconfig(), "get", "referralcampaign", "invite-friends", "--namespace", "growth",
			"--output", "jsonpath={.status.credit}")
		if credit != "5.00 USD" {
			return fmt.Errorf("status says %q", credit)
		}
		return nil
	})
}

// waitForReason waits until the condition Ready of an object in the namespace growth has this
// reason.
func waitForReason(t *testing.T, cluster *testworld.ControlPlane, object, want string) {
	t.Helper()
	eventually(t, object+" to be "+want, func() error {
		ready, said, err := tryKubectl(t, cluster.Kubeconfig(), "get", object, "--namespace", "growth",
			"--output", "jsonpath={.status.conditions[?(@.type=='Ready')].reason}: {.status.conditions[?(@.type=='Ready')].message}")
		if err != nil {
			return fmt.Errorf("%w: %s", err, said)
		}
		if reason, _, _ := strings.Cut(ready, ":"); reason != want {
			return fmt.Errorf("it is %s", ready)
		}
		return nil
	})
}

// cure is the line for the shell that the database's message ends with.
func cure(t *testing.T, cluster *testworld.ControlPlane) string {
	t.Helper()
	message, _ := kubectl(t, cluster.Kubeconfig(), "get", "attributiondatabase", "shop", "--namespace", "growth",
		"--output", "jsonpath={.status.conditions[?(@.type=='Ready')].message}")
	line := regexp.MustCompile(`kubectl .*`).FindString(message)
	if line == "" {
		t.Fatalf("the message has no kubectl line: %s", message)
	}
	return line
}

// runInShell runs a line in a shell, as if it were pasted.
func runInShell(t *testing.T, cluster *testworld.ControlPlane, line string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+cluster.Kubeconfig(),
		"PATH="+filepath.Dir(cluster.KubectlPath())+string(os.PathListSeparator)+os.Getenv("PATH"))
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, output)
	}
}

// freeAddress is a free address of loopback.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := testworld.FreeAddress()
	testworld.Must(t, err)
	return address
}
