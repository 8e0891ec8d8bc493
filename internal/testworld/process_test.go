package testworld

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"
)

func shell(script string) ProcessOptions {
	return ProcessOptions{Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"WORD=hello"}}
}

func TestProcessKeepsOutputAndExitCode(t *testing.T) {
	process := Run(t, shell(`echo "$WORD"; echo trouble >&2; exit 3`))
	code, err := process.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if code != 3 || process.Log() != "hello\ntrouble\n" || process.Running() {
		t.Errorf("exit code %d, log %q, running %v", code, process.Log(), process.Running())
	}
	if err := process.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("a signal after the end: %v", err)
	}
}

func TestStopKillsAProcessThatIgnoresSIGTERM(t *testing.T) {
	process := Run(t, shell(`trap "" TERM; echo ready; while :; do sleep 1; done`))
	eventually(t, "the trap is set", func() bool { return strings.Contains(process.Log(), "ready") })
	if err := process.Stop(50 * time.Millisecond); err == nil {
		t.Error("stopped by a signal it ignores")
	}
	if code, err := process.Wait(t.Context()); code != -1 || err != nil {
		t.Errorf("exit code %d, error %v; want -1 for a killed process", code, err)
	}
}

func TestWaitUntilReportsTheOutputOfAnExitedProcess(t *testing.T) {
	process := Run(t, shell(`echo no such option; exit 2`))
	err := process.waitUntil(t.Context(), func(context.Context) error { return errors.New("not ready") })
	if err == nil || !strings.Contains(err.Error(), "no such option") {
		t.Errorf("the error is %v", err)
	}
}

func TestServerWithATakenPortStartsOnAnother(t *testing.T) {
	postgres := NewPostgres(t, PostgresOptions{})
	taken := postgres.server.port
	refusals := 0
	nextPort = func() (int, error) {
		if refusals++; refusals%2 == 1 {
			return taken, nil
		}
		return FreePort()
	}
	defer func() { nextPort = FreePort }()

	plane := NewCluster(t, ControlPlaneOptions{})
	other := NewPostgres(t, PostgresOptions{})
	for name, port := range map[string]int{"etcd": plane.etcdPort, "API server": plane.port, "Postgres": other.server.port} {
		if port == taken {
			t.Errorf("%s thinks it has the port of another server", name)
		}
	}
	if refusals != 6 {
		t.Errorf("asked for %d ports, want 6: each of 3 servers twice", refusals)
	}
}
