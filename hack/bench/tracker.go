package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

// apiToken is the bench's way into the tracker's API.
const apiToken = "the-bench-has-a-token-of-its-own-0123456789"

// server is a program that answers HTTP at an address.
type server struct {
	*testworld.Process
	address string
}

// startTracker runs the real tracker on the shop's database, as the shop's plain role.
func (s *shop) startTracker(ctx context.Context) (*server, error) {
	dir, err := os.MkdirTemp("", "bench-tracker")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what was read is read
	keys, tokens := filepath.Join(dir, "keys"), filepath.Join(dir, "tokens")
	err = errors.Join(
		os.WriteFile(keys, []byte("707172737475767778797a7b7c7d7e7f808182838485868788898a8b8c8d8e8f\n"), 0o600),
		os.WriteFile(tokens, []byte("bench: "+apiToken+"\n"), 0o600),
	)
	if err != nil {
		return nil, err
	}
	return startServer(ctx, "./cmd/tracker", func(address string) testworld.ProcessOptions {
		return testworld.ProcessOptions{
			Args: []string{
				"--listen", address, "--public-url", "http://" + address, "--keys-file", keys, "--tokens-file", tokens,
				"--total-touches-per-second", "0", // else nearly no touch of these many visits would be stored
			},
			Env: []string{"DATABASE_URL=" + s.own.WriterURI},
		}
	})
}

// startServer builds a program and returns when it answers.
func startServer(ctx context.Context, pkg string, options func(address string) testworld.ProcessOptions) (*server, error) {
	path, err := testworld.Build(pkg)
	if err != nil {
		return nil, err
	}
	address, err := testworld.FreeAddress()
	if err != nil {
		return nil, err
	}
	o := options(address)
	o.Path = path
	process, err := testworld.StartProcess(o)
	if err != nil {
		return nil, err
	}
	srv := &server{process, address}
	if err := srv.await(ctx); err != nil {
		return nil, errors.Join(err, process.Kill())
	}
	return srv, nil
}

// await returns when the server is ready.
func (s *server) await(ctx context.Context) error {
	direct := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && s.Running(); time.Sleep(20 * time.Millisecond) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+"/readyz", nil)
		if err != nil {
			return err
		}
		response, err := direct.Do(request)
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode < http.StatusBadRequest {
			return nil
		}
	}
	return fmt.Errorf("%s does not answer:\n%s", s.address, lastLines(s.Log()))
}

func (s *server) stop() error { return s.Stop(30 * time.Second) }
