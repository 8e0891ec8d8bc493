package testworld

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// TraefikOptions say what a Traefik does.
type TraefikOptions struct {
	EntryPoint  string // the only one
	Dynamic     string // configuration of routers, middlewares and services, in YAML
	Certificate KeyPair
	Host        string // that the certificate is for
}

// NewTraefik starts a Traefik that ends with the test, which needs one, and returns the address of
// its entry point.
func NewTraefik(t testing.TB, options TraefikOptions) (address string) {
	t.Helper()
	address, process, err := startTraefik(t.Context(), Need(t, binaries.Traefik), options)
	if process != nil {
		endWith(t, process)
	}
	Must(t, err)
	return address
}

// startTraefik returns when the Traefik has read its configuration, which it does after it takes
// connections.
func startTraefik(ctx context.Context, program string, options TraefikOptions) (address string, process *Process, err error) {
	dir, err := scratchDir("traefik")
	if err != nil {
		return "", nil, err
	}
	files, err := options.Certificate.write(dir, "server")
	if err != nil {
		return "", nil, err
	}
	dynamic := filepath.Join(dir, "dynamic")
	if err := os.Mkdir(dynamic, 0o700); err != nil {
		return "", nil, fmt.Errorf("while making a directory for Traefik: %w", err)
	}
	certificate := fmt.Sprintf("tls:\n  certificates:\n  - {certFile: %s, keyFile: %s}\n", files.certificate, files.key)
	for name, content := range map[string]string{"gateway.yaml": options.Dynamic, "tls.yaml": certificate} {
		if err := os.WriteFile(filepath.Join(dynamic, name), []byte(content), 0o600); err != nil {
			return "", nil, fmt.Errorf("while writing the configuration of Traefik: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for range startAttempts {
		port, err := nextPort()
		if err != nil {
			return "", nil, err
		}
		address = loopback(port)
		process, err = StartProcess(ProcessOptions{Path: program, Dir: dir, Args: []string{
			"--entryPoints." + options.EntryPoint + ".address=" + address, "--providers.file.directory=" + dynamic,
			"--providers.file.watch=false", "--global.checkNewVersion=false", "--log.level=WARN",
		}})
		if err != nil {
			return "", nil, err
		}
		err = process.waitUntil(ctx, func(ctx context.Context) error { return options.Certificate.servedBy(ctx, address, options.Host) })
		if !portTaken(process) {
			if err != nil {
				err = errors.Join(err, process.Kill())
			}
			return address, process, err
		}
	}
	return "", nil, errNoPort("Traefik")
}
