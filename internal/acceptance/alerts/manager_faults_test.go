package alerts

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// latencyFaults have each batch take more than ten seconds.
func (i *installation) latencyFaults() []fault {
	slow := i.shops["slow"]
	end := make(chan struct{})
	var writer sync.WaitGroup
	shows := []string{`slow +shop +True +Ready +[1-9]\d* +\d+s`}
	return []fault{{
		alert: "ReferralCreditLatencyFastBurn", shows: shows, also: []string{"ReferralChangesPilingUp slow"},
		provoke: func() {
			testworld.Exec(i, slow.admin, "CREATE FUNCTION on_ledger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(12); RETURN NULL; END $$")
			testworld.Exec(i, slow.admin, "CREATE TRIGGER on_ledger BEFORE INSERT ON referral.ledger FOR EACH STATEMENT EXECUTE FUNCTION on_ledger()")
			writer.Go(func() {
				for n := 4; ; n += 10 {
					select {
					case <-end:
						return
					case <-time.After(500 * time.Millisecond):
						slow.record(n, n+9)
					}
				}
			})
		},
		mend: func() {
			close(end)
			writer.Wait()
			slow.offLedger()
		},
	}, {
		alert: "ReferralCreditLatencySlowBurn", shows: shows,
	}}
}

// leaseFault takes the right to the lease from the manager.
func (i *installation) leaseFault() fault {
	const binding = "referral-operator-leader-election"
	return fault{
		alert: "ReferralLeaderAbsent", shows: []string{`leases.*forbidden`},
		provoke: func() { i.kubectl("", "delete", "rolebinding", binding, "--namespace", system) },
		mend: func() {
			i.kubectl("", "apply", "--server-side", "--namespace", system,
				"--filename", filepath.Join(i.root, "config", "rbac", "leader_election_role_binding.yaml"))
		},
	}
}

// pauseFault pauses both replicas. Their pods are not ready then, as the kubelet's probes find.
func (i *installation) pauseFault() fault {
	signal := func(sent syscall.Signal, ready bool) {
		for _, r := range i.replicas {
			testworld.Must(i, r.process.Signal(sent))
			i.kubelet.ready(r.name, ready)
		}
	}
	return fault{
		alert: "ReferralMetricsAbsent", shows: []string{`manager-0 +0/1`, `manager-1 +0/1`},
		also:    []string{"ReferralLeaderAbsent"}, // until one of them has the lease again
		provoke: func() { signal(syscall.SIGSTOP, false) },
		mend:    func() { signal(syscall.SIGCONT, true) },
	}
}

// apiServerFault stops the API server. The manager asks it who scrapes.
func (i *installation) apiServerFault() fault {
	return fault{
		alert: "ReferralMetricsAbsent", shows: []string{`was refused`},
		also:    []string{"ReferralLeaderAbsent"}, // until the manager has forgotten who scrapes
		provoke: func() { testworld.Must(i, i.cluster.StopAPIServer()) },
		mend:    func() { testworld.Must(i, i.cluster.StartAPIServer(i.Context())) },
	}
}

// killFault kills both replicas.
func (i *installation) killFault() fault {
	return fault{
		alert: "ReferralMetricsAbsent", shows: []string{`No resources found`},
		also: []string{"ReferralLeaderAbsent"}, // until the lease of the killed leader has expired
		provoke: func() {
			for _, r := range i.replicas {
				r.kill()
			}
		},
		mend: func() { i.replace(testworld.BuildManager(i)) },
	}
}

// stuckFault replaces both replicas by a program whose engines never start.
func (i *installation) stuckFault(program string) fault {
	return fault{
		alert: "ReferralEngineNotRunning", namespace: "undecided", shows: []string{`Connected to the database.*undecided/shop`},
		provoke: func() { i.replace(program) },
		mend:    func() { i.replace(testworld.BuildManager(i)) },
	}
}

// replace replaces all replicas by a program, one after the other.
func (i *installation) replace(program string) {
	i.Helper()
	for _, r := range i.replicas {
		if r.process.Running() {
			r.kill()
		}
		r.start(program)
	}
}

// buildStuckManager compiles the manager with a fault in it: none of its engines may decide. The
// alert is about unknown bugs, so nothing from outside provokes it in the shipped manager.
func buildStuckManager(i *installation) string {
	i.Helper()
	const sound = "identity database.Identity) (bool, error) {\n"
	source := filepath.Join(i.root, "internal", "hosting", "serve.go")
	content, err := os.ReadFile(source)
	testworld.Must(i, err)
	if strings.Count(string(content), sound) != 1 {
		i.Fatalf("%s has changed: there is no place for the fault", source)
	}
	directory := i.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(directory, name)
		testworld.Must(i, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	stuck := write("serve.go", strings.Replace(string(content), sound, sound+"\tif true {\n\t\treturn false, nil\n\t}\n", 1))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: stuck}})
	testworld.Must(i, err)
	program := filepath.Join(directory, "manager")
	build := exec.CommandContext(i.Context(), "go", "build", "-overlay", write("overlay.json", string(overlay)), "-o", program, "./cmd/manager")
	build.Dir = i.root
	output, err := build.CombinedOutput()
	if err != nil {
		i.Fatalf("%v\n%s", err, output)
	}
	return program
}
