// Package alerts provokes each alert of config/prometheus once on a running system: a real API
// server, Postgres servers, two replicas of the manager with the rights of their ServiceAccount,
// and a Prometheus that scrapes them as config/prometheus says, under the shipped rules with
// shorter durations. Each alert has to fire, the first command of its runbook has to show the
// cause, and the alert has to end once the cause is removed. No other alert may fire.
//
// What stands in for something else: processes for the manager's pods (no node runs here), and for
// a day without verification a changed time in the status.
package alerts

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
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
	i.until("the manager's metrics are there and no alert fires", func() bool {
		return len(i.series("referral_manager_build_info", time.Now().Add(-time.Minute))) > 0 && len(i.firing()) == 0
	})
	if i.quiet.IsZero() {
		i.quiet = time.Now()
	}
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
	for _, fired := range i.fired(i.quiet) {
		if !slices.Contains(i.expected, fired) {
			i.Errorf("%s fired as well", fired)
		}
	}
	for _, broken := range i.broken() {
		i.Errorf("a rule cannot be evaluated: %s", broken)
	}
}

// awaitAlerts waits until each fault has its alert, in whatever order, and checks the runbook of
// each.
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

// TestEveryAlertIsProvoked compares the faults with the shipped rules.
func TestEveryAlertIsProvoked(t *testing.T) {
	root, err := binaries.ModuleRoot()
	testworld.Must(t, err)
	i := &installation{TB: t, root: root, shops: map[string]*shop{}}
	faults := slices.Concat(i.accessFaults(nil), i.engineFaults(), i.ledgerFaults(), i.overdueFaults(), i.campaignFaults(), i.latencyFaults(),
		[]fault{i.planFault(), i.leaseFault(), i.pauseFault(), i.apiServerFault(), i.killFault(), i.stuckFault("")})
	for _, rule := range readRules(t, root).Spec.Groups[0].Rules {
		name, _ := rule["alert"].(string)
		if !slices.ContainsFunc(faults, func(f fault) bool { return f.alert == name }) {
			t.Errorf("no fault provokes %s", name)
		}
		firstCommand(t, root, alert{Labels: map[string]string{"alertname": name}}) // its runbook has one
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
