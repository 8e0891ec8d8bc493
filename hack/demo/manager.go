package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// buildManager builds cmd/manager where no other demo does.
func (w *world) buildManager(ctx context.Context) error {
	build, err := testworld.StartProcess(testworld.ProcessOptions{
		Path: "go",
		// Without what debuggers need: it links in a fraction of the time.
		Args: []string{"build", "-ldflags=-s -w", "-o", filepath.Join(w.scratch, "manager"), "./cmd/manager"},
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
		return fmt.Errorf("while building cmd/manager: exit status %d\n%s", code, build.Log())
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
		// No ports, which another demo may have taken.
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0",
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
	go func() {
		<-w.manager.Exited()
		w.abandon(errors.New("the manager has ended by itself"))
	}()
	return nil
}

// explain adds what the operator says to an error of the story: in conditions
// and in its log.
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
	log := strings.Split(strings.TrimSpace(w.manager.Log()), "\n")
	return fmt.Errorf("%w\n\n%s\nThe last lines of the manager's log:\n%s",
		err, objects, strings.Join(log[max(0, len(log)-lines):], "\n"))
}
