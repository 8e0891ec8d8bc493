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

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// PostgresOptions say how a server differs from the usual one of tests: fast
// and forgetful should the machine lose power, on loopback TCP, with an ICU
// collation where it can have one, so that nobody relies on byte order.
type PostgresOptions struct {
	// Durable makes commits wait for the disk, as production does.
	Durable bool
	// Locale is "C" or an ICU locale. Empty: "en-US", or "C" before Postgres 15.
	Locale string
	// Settings are lines of postgresql.conf, for example
	// shared_preload_libraries: pg_stat_statements.
	Settings map[string]string
	// Certificate makes the server speak TLS and refuse connections without.
	Certificate *KeyPair
}

// Postgres is a server. AdminURI is a superuser's way in, to the database
// postgres; on a server named by DATABASE_URL, that very URL.
type Postgres struct {
	AdminURI string
	// Major is the server's major version, 15 for example.
	Major int

	options   PostgresOptions
	server    *ownServer // nil: the server belongs to somebody else
	address   string     // host:port
	templates sync.Map   // by key: *Template, see template.go
}

var errBorrowed = errors.New("this server is the one of DATABASE_URL: tests neither stop nor start it")

// FindPostgres returns the server that DATABASE_URL names, else it starts one.
func FindPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	if uri := os.Getenv("DATABASE_URL"); uri != "" {
		return borrowPostgres(ctx, uri)
	}
	return StartPostgres(ctx, options)
}

// StartPostgres starts a server of one's own, which may be killed and started
// again at will.
func StartPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	p := &Postgres{options: options}
	err := p.create(ctx)
	if err == nil {
		err = createPlainRoles(ctx, p.AdminURI)
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
	if err := createPlainRoles(ctx, uri); err != nil {
		return nil, fmt.Errorf("while preparing the server of DATABASE_URL: %w", err)
	}
	return p, nil
}

func serverMajor(ctx context.Context, uri string) (int, error) {
	const versionsPerMajor = 10000
	var number int
	err := withConnection(ctx, uri, func(connection *pgx.Conn) error {
		return connection.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&number)
	})
	return number / versionsPerMajor, err
}

// Borrowed says whether the server is somebody else's, named by DATABASE_URL.
func (p *Postgres) Borrowed() bool { return p.server == nil }

// Address is the server's host:port.
func (p *Postgres) Address() string { return p.address }

// Process is the running postmaster; nil on a borrowed server.
func (p *Postgres) Process() *Process {
	if p.server == nil {
		return nil
	}
	return p.server.process
}

// Stop ends the server in an orderly way and removes its data. A borrowed one
// is left alone.
func (p *Postgres) Stop() error {
	if p.server == nil {
		return nil
	}
	err := p.Halt()
	return errors.Join(err, os.RemoveAll(p.server.dir))
}

// Halt ends the server in an orderly way: sessions are cut, data is kept, Start
// brings it back.
func (p *Postgres) Halt() error {
	const patience = 30 * time.Second
	if p.server == nil {
		return errBorrowed
	}
	if p.server.process == nil {
		return nil
	}
	return p.server.process.stopWith(syscall.SIGINT, patience)
}

// Kill ends the postmaster and its backends with SIGKILL, as the machine's
// memory killer would. Start recovers what was committed.
func (p *Postgres) Kill() error {
	if p.server == nil {
		return errBorrowed
	}
	return p.server.kill()
}

// Start brings a halted or killed server back on its port and data, and
// returns when it takes connections.
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
