package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// tracker is a running tracker, as visitors and the shop reach it.
type tracker struct {
	process *testworld.Process
	url     string
	probes  string // base of /readyz
	token   string // the shop's, for /v1
}

// startTracker runs the tracker as the shop's plain role, and waits until it is ready.
func (w *world) startTracker(ctx context.Context) error {
	key, token := secret(), secret()
	for name, content := range map[string]string{"keys": key, "tokens": "shop: " + token} {
		if err := os.WriteFile(filepath.Join(w.scratch, name), []byte(content+"\n"), 0o600); err != nil {
			return fmt.Errorf("while writing the tracker's %s: %w", name, err)
		}
	}
	port, err := testworld.FreePort()
	if err != nil {
		return err
	}
	w.tracker = &tracker{url: fmt.Sprintf("http://localhost:%d", port), token: token}
	w.tracker.probes = w.tracker.url
	args := []string{
		"--listen", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), "--public-url", w.tracker.url,
		"--keys-file", "keys", "--tokens-file", "tokens",
	}
	if w.trackerMetrics != 0 {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(w.trackerMetrics))
		args, w.tracker.probes = append(args, "--ops-listen", address), "http://"+address
	}
	shown, err := url.Parse(w.database.WriterURI)
	if err != nil {
		return errors.New("the database's URI is not a URL") // the cause would repeat its password
	}
	w.screen.command("$", "DATABASE_URL="+shellWords([]string{shown.Redacted()})+" \\\n    tracker "+
		shellWords(args[:4])+" \\\n    "+shellWords(args[4:])+" &")
	w.tracker.process, err = testworld.StartProcess(testworld.ProcessOptions{
		Path: filepath.Join(w.scratch, "tracker"),
		Args: args,
		Env:  []string{"DATABASE_URL=" + w.database.WriterURI},
		Dir:  w.scratch,
	})
	if err != nil {
		return err
	}
	w.abandonAfter(w.tracker.process, "the tracker")
	return w.tracker.awaitReady(ctx)
}

func (t *tracker) awaitReady(ctx context.Context) error {
	const pause = 50 * time.Millisecond
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("still not ready after %s", patience))
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.probes+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("while asking whether the tracker is ready: %w", err)
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("while waiting for the tracker: %w", context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// secret returns 32 random bytes in hexadecimal digits.
func secret() string {
	bytes := make([]byte, 32)
	_, _ = rand.Read(bytes) // never fails
	return hex.EncodeToString(bytes)
}
