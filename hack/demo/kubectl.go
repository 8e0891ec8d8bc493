package main

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// kubectl shows a command line, runs it, and shows what it printed.
func (w *world) kubectl(ctx context.Context, args ...string) error {
	return w.kubectlAs(ctx, "kubectl "+shellWords(args), args...)
}

// kubectlAs shows a different command line from the one it runs, to hide a password.
func (w *world) kubectlAs(ctx context.Context, shown string, args ...string) error {
	w.screen.command("$", shown)
	output, err := w.runKubectl(ctx, args...)
	if err != nil {
		return err
	}
	w.screen.output(output)
	return nil
}

// awaitStatus waits until a field of an object's status has the value.
func (w *world) awaitStatus(ctx context.Context, object, field, value string) error {
	_, err := w.runKubectl(ctx, "wait", object, "--namespace", namespace, "--timeout", timeout,
		"--for", "jsonpath={.status."+field+"}="+value)
	return err
}

// runKubectl returns what kubectl printed to both outputs. It runs as a process of the test world,
// so it never outlives the demo.
func (w *world) runKubectl(ctx context.Context, args ...string) (string, error) {
	process, err := testworld.StartProcess(testworld.ProcessOptions{
		Path: w.cluster.KubectlPath(),
		Args: args,
		Env: []string{
			"KUBECONFIG=" + w.cluster.Kubeconfig(),
			"KUBERC=off", // a user's own preferences would change the output
			"KUBECACHEDIR=" + filepath.Join(w.scratch, "kubectl"),
		},
		Dir: w.root,
	})
	if err != nil {
		return "", err
	}
	code, err := finish(ctx, process)
	if err != nil {
		return "", err
	}
	if code != 0 {
		return "", fmt.Errorf("while running kubectl %s: exit status %d\n%s", args[0], code, strings.TrimSpace(process.Log()))
	}
	return process.Log(), nil
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:,=@%+-]+$`)

// shellWords formats arguments as they would be typed.
func shellWords(args []string) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = arg
		if !plainWord.MatchString(arg) {
			words[i] = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " ")
}
