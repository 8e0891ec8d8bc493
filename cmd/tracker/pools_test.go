package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// The database's certificate is from another authority than before: replicas that run must learn of
// it without a restart.
func TestNewConnectionsTrustTheNewestFileOfAuthorities(t *testing.T) {
	previous, err := testworld.NewAuthority("previous")
	testworld.Must(t, err)
	next, err := testworld.NewAuthority("next")
	testworld.Must(t, err)
	certificate, err := next.Server("127.0.0.1")
	testworld.Must(t, err)
	server := testworld.NewPostgres(t, testworld.PostgresOptions{Certificate: &certificate})

	file := filepath.Join(t.TempDir(), "ca.crt")
	write := func(content []byte) { testworld.Must(t, os.WriteFile(file, content, 0o600)) }
	write(previous.PEM())
	options, err := parseFlags([]string{"--database-ca-file=" + file},
		func(name string) (string, bool) { return server.AdminURI, name == "DATABASE_URL" }, os.Stderr)
	testworld.Must(t, err)
	log := new(lockedBuffer)
	running, err := build(t.Context(), options, slog.New(slog.NewTextHandler(log, nil)))
	testworld.Must(t, err)
	t.Cleanup(running.pools.close)
	for _, run := range running.secrets.runs {
		go func() { _ = run(t.Context()) }()
	}
	connect := func() error {
		running.pools.reads.Reset()
		return running.pools.reads.Ping(t.Context())
	}
	await := func(line string) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !strings.Contains(log.String(), line); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("the log does not say %q:\n%s", line, log.String())
			}
		}
	}

	if err := connect(); postgres.Classify(err) != postgres.ClassCertificateNotTrusted {
		t.Fatalf("the previous authority: %v", err)
	}
	write(next.PEM())
	await("Read a changed file")
	if err := connect(); err != nil {
		t.Errorf("the next authority: %v", err)
	}
	write([]byte("no certificate"))
	await("Keeping the last usable content of a file")
	if err := connect(); err != nil {
		t.Errorf("the file became invalid: %v", err)
	}
}

func TestInvalidFileOfAuthoritiesEndsTheStart(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "no PEM": "ca"} {
		file := filepath.Join(t.TempDir(), "ca.crt")
		testworld.Must(t, os.WriteFile(file, []byte(content), 0o600))
		_, err := build(t.Context(), options{databaseURL: "postgresql://shop:shop@127.0.0.1:1/shop", schema: "referral", databaseCAFile: file},
			slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "--database-ca-file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// lockedBuffer is a log that is written and read at the same time.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(line)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}
