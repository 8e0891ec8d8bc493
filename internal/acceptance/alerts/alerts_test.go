// Package alerts provokes each alert of config/prometheus once on a running system: a real API server,
// Postgres servers, two replicas of the manager with the rights of their ServiceAccount, and a
// Prometheus that scrapes them as config/prometheus says, under the shipped rules with shorter
// durations. Each alert has to fire, the first command of its runbook has to show the cause, and the
// alert has to end once the cause is removed. No other alert may fire.
//
// What stands in for something else: processes for the manager's pods (no node runs here), and for a
// day without verification a changed time in the status.
package alerts

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// fault is what provokes an alert.
type fault struct {
	alert     string
	namespace string   // the label of the alert; empty: it concerns the installation
	shows     []string // patterns that the output of the runbook's first command matches
	also      []string // further alerts, with their namespaces, that the cause provokes
	provoke   func()   // nil: the fault before provokes it as well
	mend      func()   // nil: the alert ends by itself, or the fault before mends it as well
}

// play provokes faults, all at the same time, and waits until each has its alert and none is left.
func (i *installation) play(faults ...fault) {
	i.Helper()
	i.until("no alert fires", func() bool { return len(i.firing()) == 0 })
	for _, f := range faults {
		if f.provoke != nil {
			f.provoke()
		}
	}
	i.awaitAlerts(faults)
	for _, f := range faults {
		if f.mend != nil {
			f.mend()
		}
	}
	var left []string
	i.until("no alert fires any more", func() bool {
		before := left
		left = i.firing()
		for _, ended := range before {
			if !slices.Contains(left, ended) {
				i.Logf("%s has ended", ended)
			}
		}
		return len(left) == 0
	})
	for _, f := range faults {
		i.expected = append(append(i.expected, alertOf(f.alert, f.namespace)), f.also...)
	}
	for _, fired := range i.fired() {
		if !slices.Contains(i.expected, fired) {
			i.Errorf("%s fired as well", fired)
		}
	}
	for _, broken := range i.broken() {
		i.Errorf("a rule cannot be evaluated: %s", broken)
	}
}

// awaitAlerts waits until each fault has its alert, in whatever order, and checks the runbook of each.
func (i *installation) awaitAlerts(faults []fault) {
	i.Helper()
	missing := slices.Clone(faults)
	names := func() (names []string) {
		for _, f := range missing {
			names = append(names, alertOf(f.alert, f.namespace))
		}
		return names
	}
	for deadline := time.Now().Add(patience); len(missing) > 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			i.Fatalf("these alerts do not fire: %q; firing: %q", names(), i.firing())
		}
		missing = slices.DeleteFunc(missing, func(f fault) bool {
			found, fires := i.find(f.alert, f.namespace)
			if fires {
				i.checkFirst(found, f.shows)
			}
			return fires
		})
	}
}

// checkFirst runs the first command of an alert's runbook until it shows the cause.
func (i *installation) checkFirst(a alert, shows []string) {
	i.Helper()
	var output string
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Second) {
		output = i.runFirst(a)
		missing := slices.DeleteFunc(slices.Clone(shows), func(pattern string) bool {
			return regexp.MustCompile(pattern).MatchString(output)
		})
		if len(missing) == 0 {
			i.Logf("%s fires; the first command shows its cause", a)
			return
		}
		if time.Now().After(deadline) {
			i.Errorf("%s: the first command shows nothing that matches %q:\n$ %s\n%s", a, missing, firstCommand(i, i.root, a), output)
			return
		}
	}
}

func TestAlertsOfDatabasesFireShowTheirCauseAndEnd(t *testing.T) {
	i := newInstallation(t)
	away := testworld.NewPostgres(t, testworld.PostgresOptions{})
	i.declare(map[string]int{"secretless": 1, "privileged": 1, "full": 1, "odd": 1, "suspended": 1}, i.postgres)
	i.declare(map[string]int{"stopped": 1}, away)
	i.play(slices.Concat(i.accessFaults(away), i.engineFaults(), []fault{i.planFault()})...) // plans wait for databases that are away
}

func TestAlertsOfLedgersAndCampaignsFireShowTheirCauseAndEnd(t *testing.T) {
	i := newInstallation(t)
	i.declare(map[string]int{"tampered": 3, "drifted": 3, "lost": 400, "overdue": 3, "spent": 20}, i.postgres)
	i.play(slices.Concat(i.ledgerFaults(), i.overdueFaults(), i.campaignFaults())...)
}

// accessFaults keep the operator from a database.
func (i *installation) accessFaults(away *testworld.Postgres) []fault {
	secretless, privileged := i.shops["secretless"], i.shops["privileged"]
	return []fault{{
		alert: "ReferralDatabaseNotReady", namespace: "stopped", shows: []string{`Reason: +Unreachable`},
		provoke: func() { testworld.Must(i, away.Halt()) },
		mend:    func() { testworld.Must(i, away.Start(i.Context())) },
	}, {
		alert: "ReferralOwnershipHeartbeatOld", namespace: "stopped", shows: []string{`Reason: +Unreachable`},
	}, {
		alert: "ReferralSecretOrCertificateTrouble", namespace: "secretless", shows: []string{`Reason: +SecretNotFound`},
		provoke: func() { i.kubectl("", "delete", "secret", "shop-db", "--namespace", "secretless") },
		mend: func() {
			i.kubectl("", "create", "secret", "generic", "shop-db", "--namespace", "secretless", "--from-literal=uri="+secretless.own.URI)
		},
	}, {
		alert: "ReferralPrivilegedRole", namespace: "privileged", shows: []string{`Type: +PrivilegedRole`, `superuser`},
		provoke: func() { privileged.connectAs(privileged.own.AdminURI) },
		mend:    func() { privileged.connectAs(privileged.own.URI) },
	}}
}

// engineFaults keep the engine from deciding.
func (i *installation) engineFaults() []fault {
	full, odd, suspended := i.shops["full"], i.shops["odd"], i.shops["suspended"]
	return []fault{{
		alert: "ReferralBatchesRolledBack", namespace: "full", shows: []string{`No space left on device`},
		also: []string{"ReferralDatabaseNotReady full", "ReferralChangesPilingUp full"},
		provoke: func() {
			full.onLedger(`RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'could not extend file: No space left on device';`)
			full.record(2, 6)
		},
		mend: full.offLedger,
	}, {
		alert: "ReferralRefereesSetAside", namespace: "odd", shows: []string{`u2 .*no rule applies`},
		provoke: func() {
			odd.onLedger(`IF NEW.user_id = 'u2' THEN RAISE EXCEPTION 'no rule applies'; END IF;`)
			odd.record(2, 6)
		},
		mend: func() { // the next fact of the referee decides it again
			odd.offLedger()
			testworld.Exec(i, odd.writer, "INSERT INTO referral.purchase (user_id, purchase_id, amount, currency) VALUES ('u2', 'order 2', 100, 'USD')")
		},
	}, {
		alert: "ReferralChangesPilingUp", namespace: "suspended", shows: []string{`Reason: +Suspended`, `Oldest Pending Change:`},
		provoke: func() {
			suspended.edit("adb/shop", `{"spec": {"suspend": true}}`)
			i.until("the database is suspended", func() bool {
				return suspended.status("adb/shop", "conditions[?(@.type=='Ready')].reason") == "Suspended"
			})
			suspended.record(2, 6)
		},
		mend: func() { suspended.edit("adb/shop", `{"spec": {"suspend": false}}`) },
	}}
}

// ledgerFaults change rows behind the operator's back.
func (i *installation) ledgerFaults() []fault {
	tampered, drifted, lost := i.shops["tampered"], i.shops["drifted"], i.shops["lost"]
	return []fault{{
		alert: "ReferralLedgerInconsistent", namespace: "tampered", shows: []string{`"violations":[1-9]`, `"key":"u2`},
		also: []string{"ReferralDriftCorrected tampered"}, // by the resync that repairs it
		provoke: func() {
			tampered.withoutTriggers("UPDATE referral.credit SET amount = amount + 1 WHERE user_id = 'u2'")
			tampered.request("adb/shop", "referral-operator.io/verifyRequestedAt")
		},
		mend: func() { tampered.request("rcamp/invite-friends", "reconcile.referral-operator.io/requestedAt") },
	}, {
		alert: "ReferralDriftCorrected", namespace: "drifted", shows: []string{`DriftCorrected .*repaired drift: 1 pair`},
		provoke: func() {
			drifted.withoutTriggers("UPDATE referral.purchase SET amount = 0 WHERE user_id = 'u2'")
			drifted.request("rcamp/invite-friends", "reconcile.referral-operator.io/requestedAt")
		},
	}, {
		alert: "ReferralMassReversal", namespace: "lost", shows: []string{`Reason: +MassReversal`, `purchases of [1-9]\d* pairs`, `allow-reversals=`},
		provoke: func() {
			testworld.Exec(i, lost.admin, "CREATE TABLE backup AS SELECT * FROM referral.purchase")
			testworld.Exec(i, lost.admin, "DELETE FROM referral.purchase")
		},
		mend: func() { testworld.Exec(i, lost.admin, "INSERT INTO referral.purchase SELECT * FROM backup") },
	}}
}

// overdueFaults keep verifications and resyncs from ending. Two days pass by changing when the last
// ones ended.
func (i *installation) overdueFaults() []fault {
	overdue := i.shops["overdue"]
	return []fault{{
		alert: "ReferralVerificationOverdue", namespace: "overdue", shows: []string{`cannot be verified: .*redemption`},
		also: []string{"ReferralBatchesRolledBack overdue"}, // steps of resyncs count as well
		provoke: func() {
			overdue.request("rcamp/invite-friends", "reconcile.referral-operator.io/requestedAt")
			i.until("a resync has ended", func() bool { return overdue.status("rcamp/invite-friends", "lastResyncTime") != "" })
			testworld.Exec(i, overdue.admin, "ALTER TABLE referral.redemption RENAME TO redemption_of_before")
			testworld.Exec(i, overdue.admin, "UPDATE referral.resync_campaign SET ended_at = ended_at - interval '2 days'")
			overdue.touch()
			overdue.request("adb/shop", "referral-operator.io/verifyRequestedAt")
			i.until("the verification has failed", func() bool {
				return overdue.status("adb/shop", "conditions[?(@.type=='LedgerConsistent')].reason") == "VerificationFailed"
			})
			overdue.edit("adb/shop", `{"status": {"verification": {"lastTime": "`+time.Now().Add(-48*time.Hour).UTC().Format(time.RFC3339)+`"}}}`,
				"--subresource=status")
		},
		mend: func() {
			testworld.Exec(i, overdue.admin, "ALTER TABLE referral.redemption_of_before RENAME TO redemption")
			overdue.request("adb/shop", "referral-operator.io/verifyRequestedAt")
		},
	}, {
		alert: "ReferralResyncOverdue", namespace: "overdue", shows: []string{`Type: +ResyncFailing`, `full comparisons fail.*redemption`},
	}}
}

// campaignFaults concern one campaign.
func (i *installation) campaignFaults() []fault {
	spent := i.shops["spent"]
	return []fault{{
		alert: "ReferralBudgetNearlyUsed", namespace: "spent", shows: []string{`Budget Remaining: +5\.00`},
		provoke: func() {
			spent.edit("rcamp/invite-friends", `{"spec": {"budget": {"amount": "105.00", "currency": "USD"}}}`)
		},
		mend: func() {
			spent.edit("rcamp/invite-friends", `{"spec": {"budget": {"amount": "1000.00", "currency": "USD"}}}`)
		},
	}}
}

// planFault makes more plans than can be worked out while their databases are away.
func (i *installation) planFault() fault {
	namespaces := []string{"stopped", "secretless"}
	return fault{
		alert: "ReferralPlansOrReviewsPilingUp", shows: []string{`stopped +\S*slow-\w+ +invite-friends +False +Pending`},
		provoke: func() {
			for _, namespace := range namespaces {
				i.until("the database of "+namespace+" is away", func() bool {
					return i.shops[namespace].status("adb/shop", "conditions[?(@.type=='Ready')].status") == "False"
				})
				plan := fmt.Sprintf("{apiVersion: referral-operator.io/v1alpha1, kind: RewardPlan, metadata: {generateName: slow-, namespace: %s}, "+
					"spec: {campaignRef: {name: invite-friends}}}\n---\n", namespace)
				i.kubectl(strings.Repeat(plan, 11), "create", "--filename", "-")
			}
		},
		mend: func() {
			for _, namespace := range namespaces {
				i.kubectl("", "delete", "rplan", "--all", "--namespace", namespace, "--wait=false")
			}
		},
	}
}

func TestAlertsOfLatencyFireShowTheirCauseAndEnd(t *testing.T) {
	i := newInstallation(t)
	i.declare(map[string]int{"slow": 3}, i.postgres)
	i.shops["slow"].startTracker()
	i.play(i.latencyFaults()...)
}

func TestAlertsOfTheManagerFireShowTheirCauseAndEnd(t *testing.T) {
	i := newInstallation(t)
	stuck := buildStuckManager(i)
	i.declare(map[string]int{"undecided": 3}, i.postgres)
	i.play(i.leaseFault())
	i.play(i.pauseFault())
	i.play(i.apiServerFault())
	i.play(i.killFault())
	i.play(i.stuckFault(stuck))
}

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

// buildStuckManager compiles the manager with a fault in it: no engine of it believes that it may
// decide. The shipped one has no cause from outside for this alert, which is a net below unknown bugs.
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
