package testworld

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// worldFile, when set, makes this test binary start a world of its own, describe it in the file of
// that name, and wait to be killed.
const worldFile = "TESTWORLD_TEST_WORLD_FILE"

type world struct {
	Scratch string
	Pids    []int
}

func TestMain(m *testing.M) {
	if path := os.Getenv(worldFile); path != "" {
		if err := startWorld(context.Background(), path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		select {}
	}
	Main(m)
}

func startWorld(ctx context.Context, path string) error {
	plane, planeErr := StartControlPlane(ctx, ControlPlaneOptions{})
	postgres, postgresErr := StartPostgres(ctx, PostgresOptions{})
	root, rootErr := scratchRoot()
	if err := errors.Join(planeErr, postgresErr, rootErr); err != nil {
		return err
	}
	description, err := json.Marshal(world{Scratch: root, Pids: append(childrenOf(postgres.Process().Pid()),
		plane.etcd.Pid(), plane.APIServer().Pid(), postgres.Process().Pid())})
	if err != nil {
		return err
	}
	unfinished := path + ".unfinished"
	return errors.Join(os.WriteFile(unfinished, description, 0o600), os.Rename(unfinished, path))
}

func TestWorldEndsWithItsProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "world")
	owner := Run(t, ProcessOptions{Path: os.Args[0], Env: []string{worldFile + "=" + path}})
	eventually(t, "the world is started", func() bool {
		if !owner.Running() {
			t.Fatalf("the owner of the world ended:\n%s", owner.Log())
		}
		_, err := os.Stat(path)
		return err == nil
	})
	var started world
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &started); err != nil {
		t.Fatal(err)
	}
	if len(started.Pids) < 4 {
		t.Fatalf("only these processes were started: %v", started.Pids)
	}

	if err := owner.Kill(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "all servers are gone", func() bool { return !slices.ContainsFunc(started.Pids, alive) })
	eventually(t, "the scratch directory is gone", func() bool {
		_, err := os.Stat(started.Scratch)
		return errors.Is(err, os.ErrNotExist)
	})
}

func alive(pid int) bool {
	state, _, ok := procStat(pid)
	return ok && state != "Z"
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if happened() {
			return
		}
	}
	t.Fatalf("waited in vain until %s", what)
}
