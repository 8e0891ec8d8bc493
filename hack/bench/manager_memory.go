package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

//go:embed manager.yaml
var manifests string

//go:embed manager_plan.yaml
var planManifest string

// managerMemory is the peak resident memory of the manager while it started on a database with a
// million pairs, decided 100,000 changed referees on top of them, and idled; and the same with a
// plan of all pairs afterwards.
func managerMemory(ctx context.Context, w *world) (all []series, err error) {
	s, err := w.million(ctx)
	if err != nil {
		return nil, err
	}
	w.say("starting a control plane and building the manager")
	log.SetLogger(logr.Discard()) // of the client that installs the CRDs
	crds, err := testworld.CRDs()
	if err != nil {
		return nil, err
	}
	cluster, err := testworld.StartControlPlane(ctx, testworld.ControlPlaneOptions{CRDs: []string{crds}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, cluster.Stop()) }()
	program, err := testworld.Build("./cmd/manager")
	if err != nil {
		return nil, err
	}
	// The manager's AttributionDatabase is another object of the same name.
	if err := database.Release(ctx, s.db, owner); err != nil {
		return nil, err
	}
	changed := w.scaled(100_000)
	w.say("changing %d referees", changed)
	if err := s.buy(ctx, changed, 2); err != nil {
		return nil, err
	}
	if err := s.refund(ctx, changed); err != nil {
		return nil, err
	}
	manager, err := testworld.StartProcess(testworld.ProcessOptions{
		Path: program,
		Args: []string{"--kubeconfig", cluster.Kubeconfig(), "--metrics-bind-address", "127.0.0.1:0", "--health-probe-bind-address", "127.0.0.1:0"},
	})
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\nThe manager's log:\n%s", err, lastLines(manager.Log()))
		}
		err = errors.Join(err, manager.Stop(30*time.Second))
	}()
	if err := s.host(ctx, cluster); err != nil {
		return nil, err
	}
	if err := s.settled(ctx, manager); err != nil {
		return nil, err
	}
	w.say("decided; idling")
	const idle = 20 * time.Second // longer than a status interval
	if err := w.wait(ctx, idle); err != nil {
		return nil, err
	}
	peak, err := manager.PeakMemory()
	if err != nil {
		return nil, err
	}
	w.say("planning that each pair is paid $7.00")
	if err := planAll(ctx, cluster); err != nil {
		return nil, err
	}
	withPlan, err := manager.PeakMemory()
	return []series{{peak}, {withPlan}}, err
}

// planAll has the manager plan another policy for all pairs.
func planAll(ctx context.Context, cluster *testworld.ControlPlane) error {
	if _, err := cluster.Kubectl(ctx, planManifest, "create", "-f", "-"); err != nil {
		return err
	}
	_, err := cluster.Kubectl(ctx, "", "wait", "--for=condition=Ready", "--timeout=1800s", "--namespace", namespace, "rplan/to-seven")
	return err
}

// refund gives back the first purchases of so many referees.
func (s *shop) refund(ctx context.Context, referees int) error {
	return s.inBulk(ctx, "write_refunds", 1, referees, 1)
}

// host puts the shop's database and campaign into the cluster.
func (s *shop) host(ctx context.Context, cluster *testworld.ControlPlane) error {
	for _, words := range [][]string{
		{"create", "namespace", namespace},
		{"create", "secret", "generic", "shop-db", "--namespace", namespace, "--from-literal=uri=" + s.own.URI},
		{"apply", "--server-side", "-f", "-"},
		{"wait", "--for=condition=Ready", "--timeout=120s", "--namespace", namespace, "adb/shop", "rcamp/" + campaign},
	} {
		if _, err := cluster.Kubectl(ctx, manifests, words...); err != nil {
			return err
		}
	}
	return nil
}

// settled waits until the manager has decided everything.
func (s *shop) settled(ctx context.Context, manager *testworld.Process) error {
	deadline := time.After(10 * time.Minute)
	for {
		pending := true
		if err := s.db.QueryRow(ctx, "SELECT EXISTS (SELECT FROM referral.change)").Scan(&pending); err != nil || !pending {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-manager.Exited():
			return errors.New("the manager has ended")
		case <-deadline:
			return errors.New("the manager did not decide everything within ten minutes")
		case <-time.After(time.Second):
		}
	}
}

func lastLines(log string) string {
	const count = 20
	lines := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
