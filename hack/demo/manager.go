package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// buildManager makes bin/manager. It is put in its place in one step: another
// demo may be about to run the one that is there.
func (w *world) buildManager(ctx context.Context) error {
	dir := filepath.Join(w.root, "bin")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("while making the directory of the manager: %w", err)
	}
	fresh := filepath.Join(dir, fmt.Sprintf(".manager.%d", os.Getpid()))
	defer os.Remove(fresh) // there only if something failed
	cmd := exec.CommandContext(ctx, "go", "build", "-o", fresh, "./cmd/manager")
	cmd.Dir = w.root
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("while building bin/manager: %w\n%s", err, output)
	}
	if err := os.Rename(fresh, filepath.Join(dir, "manager")); err != nil {
		return fmt.Errorf("while putting bin/manager in its place: %w", err)
	}
	return nil
}

// startManager runs bin/manager with the rights of its own ServiceAccount.
func (w *world) startManager(ctx context.Context) error {
	token, err := w.runKubectl(ctx, "create", "token", "referral-operator", "--namespace", "referral-operator-system")
	if err != nil {
		return err
	}
	const kubeconfig = "manager.kubeconfig"
	config := w.cluster.ConfigForToken(strings.TrimSpace(token))
	if err := testworld.WriteKubeconfig(filepath.Join(w.scratch(), kubeconfig), config); err != nil {
		return err
	}
	args := []string{
		"--kubeconfig", kubeconfig, "--status-interval", "1s",
		// No ports, which another demo may have taken.
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0",
	}
	w.screen.command("$", "bin/manager "+shellWords(args[:4])+" \\\n    "+shellWords(args[4:])+" &")
	w.manager, err = testworld.StartProcess(testworld.ProcessOptions{
		Path: filepath.Join(w.root, "bin", "manager"),
		Args: args,
		Dir:  w.scratch(),
	})
	if err != nil {
		return err
	}
	go func() {
		<-w.manager.Exited()
		w.abandon(errors.New("bin/manager has ended by itself"))
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
