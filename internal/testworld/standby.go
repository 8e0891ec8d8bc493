package testworld

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// NewStandby starts a server that copies p and follows it, until the test ends, which needs
// pg_basebackup. Of a borrowed server there is no standby.
func (p *Postgres) NewStandby(t testing.TB) *Postgres {
	t.Helper()
	if p.server == nil {
		t.Fatal(errBorrowed)
	}
	program := Need(t, binaries.PgBasebackup)
	standby := &Postgres{options: p.options, Major: p.Major}
	t.Cleanup(func() { _ = standby.Stop() })
	if err := standby.copyOf(t.Context(), p, program); err != nil {
		t.Fatalf("while starting a standby: %v", err)
	}
	return standby
}

func (p *Postgres) copyOf(ctx context.Context, primary *Postgres, program string) error {
	server := &ownServer{installed: primary.server.installed, user: primary.server.user}
	var err error
	if server.dir, err = scratchDir("standby"); err != nil {
		return err
	}
	p.server, server.data = server, filepath.Join(server.dir, "data")
	if err := server.own(server.dir); err != nil {
		return err
	}
	// --write-recovery-conf makes it follow the primary.
	cmd := exec.CommandContext(ctx, program, "--dbname", primary.AdminURI, "--pgdata", server.data,
		"--write-recovery-conf", "--checkpoint", "fast", "--wal-method", "stream", "--no-sync")
	cmd.Dir = server.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: server.user}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := onForkThread(cmd.Start); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%w\n%s", err, output.String())
	}
	if server.port, err = nextPort(); err != nil {
		return err
	}
	p.address = loopback(server.port)
	p.AdminURI = withHost(primary.AdminURI, p.address)
	if err := server.run(); err != nil {
		return err
	}
	return server.awaitReady(ctx, p.AdminURI)
}

// Promote makes a standby a primary, and returns when it accepts writes.
func (p *Postgres) Promote(ctx context.Context) error {
	return withConnection(ctx, p.AdminURI, func(connection *pgx.Conn) error {
		var promoted bool
		if err := connection.QueryRow(ctx, "SELECT pg_promote(true, 60)").Scan(&promoted); err != nil {
			return err
		}
		if !promoted {
			return errors.New("the standby was not promoted in time")
		}
		return nil
	})
}

// withHost returns a URI with another host:port.
func withHost(uri, address string) string {
	parsed, err := url.Parse(uri)
	if err != nil {
		return uri // was parsed before
	}
	parsed.Host = address
	return parsed.String()
}
