package testworld

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

const superuser = "postgres"

// ownServer is a server this process started: its program, files and postmaster.
type ownServer struct {
	installed binaries.PostgresInstallation
	user      *syscall.Credential // user of the process; nil: the user of this process
	dir       string
	data      string
	port      int
	process   *Process
}

// create makes a data directory and starts a server on it.
func (p *Postgres) create(ctx context.Context) error {
	installed, err := binaries.Postgres(ctx)
	if err != nil {
		return err
	}
	server := &ownServer{installed: installed}
	if server.user, err = unprivileged(); err != nil {
		return err
	}
	if server.dir, err = scratchDir("postgres"); err != nil {
		return err
	}
	p.server, p.Major = server, installed.Major
	server.data = filepath.Join(server.dir, "data")
	if err := server.own(server.dir); err != nil {
		return err
	}
	password, err := randomName("")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := server.initialize(ctx, p.options, password); err != nil {
		return err
	}
	for range startAttempts {
		if server.port, err = nextPort(); err != nil {
			return err
		}
		p.address = loopback(server.port)
		p.AdminURI = p.uri("postgres", login{superuser, password})
		if err := server.run(); err != nil {
			return err
		}
		err := server.awaitReady(ctx, p.AdminURI)
		if !portTaken(server.process) {
			return err
		}
	}
	return errNoPort("Postgres")
}

// initialize runs initdb and writes the configuration.
func (s *ownServer) initialize(ctx context.Context, options PostgresOptions, password string) error {
	passwordFile := filepath.Join(s.dir, "password")
	if err := s.write(passwordFile, []byte(password)); err != nil {
		return err
	}
	args := append([]string{
		"--pgdata", s.data, "--username", superuser, "--pwfile", passwordFile,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--no-sync",
	}, localeArgs(s.installed.Major, options.Locale)...)
	cmd := exec.CommandContext(ctx, s.installed.Initdb(), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.user}
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := onForkThread(cmd.Start); err != nil {
		return fmt.Errorf("while starting initdb: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("while making a data directory with %s: %w\n%s", s.installed.Initdb(), err, output.String())
	}
	return s.configure(options)
}

func localeArgs(major int, locale string) []string {
	const firstWithICU = 15
	if locale == "" && major >= firstWithICU {
		locale = "en-US"
	}
	if locale == "" || locale == "C" {
		return []string{"--locale", "C"}
	}
	return []string{"--locale", "C", "--locale-provider", "icu", "--icu-locale", locale}
}

func (s *ownServer) configure(options PostgresOptions) error {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"unix_socket_directories": "",
		"max_connections":         "300",
		"lc_messages":             "C", // portTaken reads them
		"log_min_messages":        "warning",
	}
	if !options.Durable {
		// Survives a SIGKILL: what was written is in the kernel's page cache.
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	if options.Certificate != nil {
		files := keyFiles{certificate: filepath.Join(s.dir, "server.crt"), key: filepath.Join(s.dir, "server.key")}
		if err := errors.Join(s.write(files.certificate, options.Certificate.Certificate),
			s.write(files.key, options.Certificate.Key)); err != nil {
			return err
		}
		settings["ssl"], settings["ssl_cert_file"], settings["ssl_key_file"] = "on", files.certificate, files.key
		const onlyTLS = "hostssl all all 0.0.0.0/0 scram-sha-256\n"
		if err := s.write(filepath.Join(s.data, "pg_hba.conf"), []byte(onlyTLS)); err != nil {
			return err
		}
	}
	maps.Copy(settings, options.Settings)

	path := filepath.Join(s.data, "postgresql.conf")
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("while reading Postgres' configuration: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		content = fmt.Appendf(content, "%s = '%s'\n", name, strings.ReplaceAll(settings[name], "'", "''"))
	}
	return s.write(path, content)
}

// run starts the postmaster on the chosen port.
func (s *ownServer) run() error {
	process, err := StartProcess(ProcessOptions{
		Path: s.installed.Server(),
		Args: []string{"-D", s.data, "-p", strconv.Itoa(s.port)},
		Env:  []string{"LC_ALL=C"},
		Dir:  s.dir,
		user: s.user,
		// Immediate shutdown: unlike SIGKILL, it takes the backends along.
		orphaned: syscall.SIGQUIT,
	})
	if err != nil {
		return err
	}
	s.process = process
	return nil
}

func (s *ownServer) awaitReady(ctx context.Context, uri string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	return s.process.waitUntil(ctx, func(ctx context.Context) error {
		return withConnection(ctx, uri, func(connection *pgx.Conn) error { return connection.Ping(ctx) })
	})
}

// kill stops the postmaster first, so that it starts no other backend, and then kills it and all
// that it had started. It returns when they are gone: their memory is locked until then, and the
// server could not be started again.
func (s *ownServer) kill() error {
	if err := s.process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	backends := childrenOf(s.process.Pid())
	if err := s.process.Kill(); err != nil {
		return err
	}
	for _, pid := range backends {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("while killing a Postgres backend: %w", err)
		}
	}
	for _, pid := range backends {
		if err := awaitEnd(pid); err != nil {
			return err
		}
	}
	return nil
}
