package testworld

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// PostgresOptions say how a server differs from the usual server of tests. That one is fast but may
// lose data if the machine loses power, listens on loopback TCP, and has an ICU collation if
// possible, so that no query relies on byte order.
type PostgresOptions struct {
	// Durable makes commits wait for the disk, as production does.
	Durable bool
	// Locale is "C" or an ICU locale. Empty: "en-US", or "C" before Postgres 15.
	Locale string
	// Settings are lines of postgresql.conf, for example shared_preload_libraries:
	// pg_stat_statements.
	Settings map[string]string
	// Certificate makes the server accept TLS connections only.
	Certificate *KeyPair
}

// Postgres is a server. AdminURI is a superuser's URI of the database postgres; on a borrowed
// server, DATABASE_URL itself.
type Postgres struct {
	AdminURI string
	// Major is the server's major version, 15 for example.
	Major int

	options   PostgresOptions
	server    *ownServer // nil: the server is borrowed
	address   string     // host:port
	templates sync.Map   // by key: *Template, see template.go

	// admin has sessions of AdminURI and keeps them, because to start one takes about as long as to
	// copy a small database. Nil: the server is a standby, or was never started.
	admin *pgxpool.Pool
}

var errBorrowed = errors.New("this server is the one of DATABASE_URL: tests neither stop nor start it")

// FindPostgres returns the server that DATABASE_URL names, else it starts one.
func FindPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	if uri := os.Getenv("DATABASE_URL"); uri != "" {
		return borrowPostgres(ctx, uri)
	}
	return StartPostgres(ctx, options)
}

// StartPostgres starts a server for the caller alone, which the caller may kill and start again.
func StartPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	p := &Postgres{options: options}
	err := p.create(ctx)
	if err == nil {
		err = p.prepare(ctx)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("while starting a Postgres server: %w", err), p.Stop())
	}
	return p, nil
}

func borrowPostgres(ctx context.Context, uri string) (*Postgres, error) {
	parsed, err := url.Parse(uri)
	if err != nil {
		return nil, errors.New("DATABASE_URL is not a URL") // the cause would repeat its password
	}
	p := &Postgres{AdminURI: uri, address: parsed.Host}
	if p.Major, err = serverMajor(ctx, uri); err != nil {
		return nil, fmt.Errorf("while looking at the server of DATABASE_URL: %w", err)
	}
	wanted, err := binaries.WantedPostgres()
	if err != nil {
		return nil, err
	}
	if wanted != 0 && wanted != p.Major {
		return nil, fmt.Errorf("PG=%d is asked for, but the server of DATABASE_URL is a Postgres %d", wanted, p.Major)
	}
	if err := p.prepare(ctx); err != nil {
		return nil, fmt.Errorf("while preparing the server of DATABASE_URL: %w", err)
	}
	return p, nil
}

// prepare connects the superuser and creates the plain roles.
func (p *Postgres) prepare(ctx context.Context) error {
	admin, err := pgxpool.New(ctx, p.AdminURI)
	if err != nil {
		return err
	}
	p.admin = admin
	return createPlainRoles(ctx, admin)
}

// administer runs statements as the superuser, each in a transaction of its own.
func (p *Postgres) administer(ctx context.Context, statements ...string) error {
	for _, statement := range statements {
		if _, err := p.admin.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func serverMajor(ctx context.Context, uri string) (int, error) {
	const versionsPerMajor = 10000
	var number int
	err := withConnection(ctx, uri, func(connection *pgx.Conn) error {
		return connection.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&number)
	})
	return number / versionsPerMajor, err
}

// Borrowed reports whether the server is the one that DATABASE_URL names.
func (p *Postgres) Borrowed() bool { return p.server == nil }

// Address returns the server's host:port.
func (p *Postgres) Address() string { return p.address }

// Process returns the running postmaster; nil on a borrowed server.
func (p *Postgres) Process() *Process {
	if p.server == nil {
		return nil
	}
	return p.server.process
}

// Stop ends the server in an orderly way and removes its data. A borrowed one is left alone.
func (p *Postgres) Stop() error {
	if p.admin != nil {
		p.admin.Close()
	}
	if p.server == nil {
		return nil
	}
	err := p.Halt()
	return errors.Join(err, os.RemoveAll(p.server.dir))
}

// Halt stops the server in an orderly way: sessions end, data stays, and Start starts it again.
func (p *Postgres) Halt() error {
	const patience = 30 * time.Second
	if p.server == nil {
		return errBorrowed
	}
	if p.server.process == nil {
		return nil
	}
	p.dropSessions()
	return p.server.process.stopWith(syscall.SIGINT, patience)
}

// Kill ends the postmaster and its backends with SIGKILL, like the kernel's OOM killer. Start
// recovers what was committed.
func (p *Postgres) Kill() error {
	if p.server == nil {
		return errBorrowed
	}
	p.dropSessions()
	return p.server.kill()
}

// dropSessions closes the superuser's sessions, so that none is used that the server has ended.
func (p *Postgres) dropSessions() {
	if p.admin != nil {
		p.admin.Reset()
	}
}

// Start starts a halted or killed server again on its port and data, and returns when it accepts
// connections.
func (p *Postgres) Start(ctx context.Context) error {
	if p.server == nil {
		return errBorrowed
	}
	if p.server.process.Running() {
		return errors.New("the Postgres server is already running")
	}
	if err := p.server.run(); err != nil {
		return err
	}
	if err := p.server.awaitReady(ctx, p.AdminURI); err != nil {
		return fmt.Errorf("while starting Postgres again: %w", err)
	}
	return nil
}
