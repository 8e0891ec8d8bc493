package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pristine is a driver configuration that takes nothing from this machine: all settings are from
// the string below, and ParseConfig changes only copies. The driver can only make one by parsing,
// and reads the PG* environment variables and files of the home directory while it parses. So it
// parses once, before main, while these variables are unset.
var pristine = func() *pgxpool.Config {
	for _, entry := range os.Environ() {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, "PG") {
			_ = os.Unsetenv(name)
			defer func() { _ = os.Setenv(name, value) }()
		}
	}
	config, err := pgxpool.ParseConfig("host=localhost port=5432 user=none password=none dbname=none sslmode=disable" +
		" passfile='' servicefile='' sslcert='' sslkey='' sslrootcert='' sslcertmode=disable")
	if err != nil {
		panic(fmt.Sprintf("while reading the driver's defaults: %v", err))
	}
	return config
}()

const (
	defaultConnectTimeout = 5 * time.Second
	defaultMaxConnections = 8
	applicationName       = "referral-operator"

	// pingAfter is how long a connection is idle before the pool checks it. The polls of an idle
	// database, which come more often, are a check themselves.
	pingAfter = 3 * time.Second
)

// ParseConfig returns a pool's configuration for a postgres:// URI. Neither the URI nor the
// environment can name a local file, service or socket. declared overrides the URI's sslmode; see
// TLS. Errors are *URIError or *AuthorityError and never contain a part of the URI. Before each
// connection BeforeConnect limits what servers may cost: a caller that sets another calls it too.
func ParseConfig(raw string, declared *TLS) (*pgxpool.Config, error) {
	u, err := parseURI(raw)
	if err != nil {
		return nil, err
	}
	config := pristine.Copy()
	c := config.ConnConfig
	c.User, c.Password, c.Database = u.user, u.password, u.database

	roots, err := declared.roots()
	if err != nil {
		return nil, err
	}
	var candidates []*pgconn.FallbackConfig
	for _, endpoint := range u.hosts {
		configs, err := tlsConfigs(u.sslMode, declared, roots, endpoint.host)
		if err != nil {
			return nil, err
		}
		for _, tls := range configs {
			candidates = append(candidates, &pgconn.FallbackConfig{Host: endpoint.host, Port: endpoint.port, TLSConfig: tls})
		}
	}
	c.Host, c.Port, c.TLSConfig, c.Fallbacks = candidates[0].Host, candidates[0].Port, candidates[0].TLSConfig, candidates[1:]

	// The driver reads and writes UTF-8 whatever the default of the role is. PgBouncer keeps this
	// parameter for each of its clients.
	c.RuntimeParams = map[string]string{"application_name": applicationName, "client_encoding": "UTF8"}
	if u.applicationName != "" {
		c.RuntimeParams["application_name"] = u.applicationName
	}
	if u.channelBinding != "" {
		c.ChannelBinding = u.channelBinding
	}
	c.ConnectTimeout = defaultConnectTimeout
	if u.connectTimeout != 0 {
		c.ConnectTimeout = u.connectTimeout
	}
	c.LookupFunc = limitAddresses(c.LookupFunc, uriAddresses/len(u.hosts))
	c.DialFunc = dial
	c.OnPgError = keepConnection
	c.ValidateConnect = validation(u)

	// The server keeps no prepared statement, so a pooler may run each transaction on another
	// connection.
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	c.StatementCacheCapacity = 0
	c.DescriptionCacheCapacity = descriptions

	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		attempt := new(attempt)
		c.BuildFrontend = attempt.newFrontend
		attempt.limitCertificates(c.TLSConfig)
		for _, fallback := range c.Fallbacks {
			attempt.limitCertificates(fallback.TLSConfig)
		}
		return nil
	}
	c.MaxProtocolMessageBodyLen = otherMessageBytes // until limitReading
	// The driver would keep all notifications; nothing here listens for any.
	c.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {}

	config.AfterConnect = useCodecs
	config.PrepareConn = func(_ context.Context, connection *pgx.Conn) (bool, error) {
		limitReading(connection, readBytes)
		return true, nil
	}

	config.MaxConns = defaultMaxConnections
	config.MinConns = 0
	config.MinIdleConns = 0
	config.MaxConnLifetime = 30 * time.Minute
	config.MaxConnLifetimeJitter = 5 * time.Minute
	config.MaxConnIdleTime = time.Minute // an idle database keeps the one connection that polls it
	config.HealthCheckPeriod = 30 * time.Second
	config.ShouldPing = func(_ context.Context, idle pgxpool.ShouldPingParams) bool {
		return idle.IdleDuration > pingAfter
	}
	config.PingTimeout = defaultConnectTimeout
	return config, nil
}

// useCodecs makes a connection use the codecs of this package.
func useCodecs(ctx context.Context, connection *pgx.Conn) error {
	return errors.Join(useTextColumns(ctx, connection), useFiniteTimes(ctx, connection), useShortNumerics(ctx, connection),
		useBoundedValues(ctx, connection))
}

// keepConnection reports whether a connection may be used again after an error of the server. A
// server that was a primary, or that shuts down, may keep connections open that only fail: the next
// connection finds the server that accepts writes.
func keepConnection(_ *pgconn.PgConn, err *pgconn.PgError) bool {
	if strings.EqualFold(err.Severity, "FATAL") || strings.EqualFold(err.SeverityUnlocalized, "FATAL") {
		return false // the server has closed it
	}
	return !endsConnection[err.Code]
}

// errReadOnly means that no host accepts writes.
var errReadOnly = errors.New("the server accepts no writes: it is a standby or read-only")

// validation selects the host that accepts writes, if the URI names several or asks for one: it is
// not a standby. The transactions of this package ask for READ WRITE by name, so a default such as
// default_transaction_read_only matters only to a URI that asks for a server that accepts writes.
func validation(u *uri) pgconn.ValidateConnectFunc {
	var question string
	switch {
	case u.sessionAttrs == "read-write", u.sessionAttrs == "primary":
		question = queries.Get("is_read_only")
	case u.sessionAttrs == "" && len(u.hosts) > 1:
		question = queries.Get("is_standby")
	default:
		return nil
	}
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		results, err := conn.Exec(ctx, question).ReadAll()
		switch {
		case err != nil:
			return err
		// The driver's own functions take the row for granted, and the server is not trusted.
		case len(results) != 1 || len(results[0].Rows) != 1 || len(results[0].Rows[0]) != 1:
			return errors.New("the server does not say whether it accepts writes")
		case string(results[0].Rows[0][0]) != "f":
			return errReadOnly
		}
		return nil
	}
}
