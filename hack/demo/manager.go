package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// build compiles manager and tracker into this demo's own directory.
func (w *world) build(ctx context.Context) error {
	build, err := testworld.StartProcess(testworld.ProcessOptions{
		Path: "go",
		// Linking without debug information takes a fraction of the time.
		Args: []string{"build", "-ldflags=-s -w", "-o", w.scratch, "./cmd/manager", "./cmd/tracker"},
		Env:  []string{"GOTMPDIR=" + w.scratch},
		Dir:  w.root,
	})
	if err != nil {
		return err
	}
	code, err := finish(ctx, build)
	if err != nil {
		return err
	}
	if code != 0 {
		return fmt.Errorf("while building manager and tracker: exit status %d\n%s", code, build.Log())
	}
	return nil
}

// startManager runs the manager with the rights of its own ServiceAccount.
func (w *world) startManager(ctx context.Context) error {
	token, err := w.runKubectl(ctx, "create", "token", "referral-operator", "--namespace", "referral-operator-system")
	if err != nil {
		return err
	}
	const kubeconfig = "manager.kubeconfig"
	config := w.cluster.ConfigForToken(strings.TrimSpace(token))
	if err := testworld.WriteKubeconfig(filepath.Join(w.scratch, kubeconfig), config); err != nil {
		return err
	}
	args := []string{
		"--kubeconfig", kubeconfig, "--status-interval", "1s",
		// Without ports, so that two demos can run at once.
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0",
	}
	if w.managerMetrics != 0 {
		args[5] = net.JoinHostPort("127.0.0.1", strconv.Itoa(w.managerMetrics))
		args = append(args, "--metrics-secure=false")
	}
	w.screen.command("$", "manager "+shellWords(args[:4])+" \\\n    "+shellWords(args[4:])+" &")
	w.manager, err = testworld.StartProcess(testworld.ProcessOptions{
		Path: filepath.Join(w.scratch, "manager"),
		Args: args,
		Dir:  w.scratch,
	})
	if err != nil {
		return err
	}
	w.abandonAfter(w.manager, "the manager")
	return nil
}

// abandonAfter ends the story when a process exits.
func (w *world) abandonAfter(process *testworld.Process, name string) {
	go func() {
		<-process.Exited()
		w.abandon(fmt.Errorf("%s has exited unexpectedly", name))
	}()
}

// explain adds the conditions of all objects, and the last lines of the logs, to an error of the
// story.
func (w *world) explain(ctx context.Context, err error) error {
	const lines = 20
	if w.manager == nil || ctx.Err() != nil {
		return err
	}
	objects, getErr := w.runKubectl(ctx, "get", "adb,rpol,rcamp", "--namespace", namespace, "--output", "custom-columns="+
		`KIND:.kind,NAME:.metadata.name,READY:.status.conditions[?(@.type=="Ready")].reason,`+
		`MESSAGE:.status.conditions[?(@.type=="Ready")].message`)
	if getErr != nil {
		objects = getErr.Error()
	}
	err = fmt.Errorf("%w\n\n%s\nThe last lines of the manager's log:\n%s", err, objects, lastLines(w.manager, lines))
	if w.tracker != nil && w.tracker.process != nil {
		err = fmt.Errorf("%w\n\nThe last lines of the tracker's log:\n%s", err, lastLines(w.tracker.process, lines))
	}
	return err
}

func lastLines(process *testworld.Process, count int) string {
	log := strings.Split(strings.TrimSpace(process.Log()), "\n")
	return strings.Join(log[max(0, len(log)-count):], "\n")
}
