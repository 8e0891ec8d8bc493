package database

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

// pristine is a driver configuration that owes nothing to this machine: all
// its settings come from the string below, and ParseConfig only ever changes
// copies of it. The driver has no other way to make one, and reads the PG*
// environment and files under the home directory when it parses; so it parses
// once, before main, while no such variable is set.
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
)

// ParseConfig makes a pool's configuration from a postgres:// URI. Nothing in
// the URI, and nothing in the environment, can name a local file, service or
// socket. declared overrides the URI's sslmode; see TLS. Errors are *URIError
// or ErrNoCertificate and never have any of the URI in them.
func ParseConfig(raw string, declared *TLS) (*pgxpool.Config, error) {
	u, err := parseURI(raw)
	if err != nil {
		return nil, err
	}
	config := pristine.Copy()
	c := config.ConnConfig
	c.User, c.Password, c.Database = u.user, u.password, u.database

	var ways []*pgconn.FallbackConfig
	for _, endpoint := range u.hosts {
		configs, err := tlsConfigs(u.sslMode, declared, endpoint.host)
		if err != nil {
			return nil, err
		}
		for _, tls := range configs {
			ways = append(ways, &pgconn.FallbackConfig{Host: endpoint.host, Port: endpoint.port, TLSConfig: tls})
		}
	}
	c.Host, c.Port, c.TLSConfig, c.Fallbacks = ways[0].Host, ways[0].Port, ways[0].TLSConfig, ways[1:]

	c.RuntimeParams = map[string]string{"application_name": applicationName}
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
	c.DialFunc = dial
	c.ValidateConnect = validation(u)

	// The server plans a statement anew each time and keeps nothing, so that a
	// pooler may put every transaction on another connection.
	c.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	c.StatementCacheCapacity = 0
	c.DescriptionCacheCapacity = 256

	config.AfterConnect = useTextColumns

	config.MaxConns = defaultMaxConnections
	config.MinConns = 0
	config.MinIdleConns = 0
	config.MaxConnLifetime = 30 * time.Minute
	config.MaxConnLifetimeJitter = 5 * time.Minute
	config.MaxConnIdleTime = 5 * time.Minute
	config.HealthCheckPeriod = 30 * time.Second
	config.PingTimeout = defaultConnectTimeout
	return config, nil
}

// errReadOnly says that no host takes writes.
var errReadOnly = errors.New("the server takes no writes: it is a standby or read-only")

// validation picks the host that takes writes where there are several.
func validation(u *uri) pgconn.ValidateConnectFunc {
	var validate pgconn.ValidateConnectFunc
	switch {
	case u.sessionAttrs == "primary":
		validate = pgconn.ValidateConnectTargetSessionAttrsPrimary
	case u.sessionAttrs == "read-write", u.sessionAttrs == "" && len(u.hosts) > 1:
		validate = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	default:
		return nil
	}
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		err := validate(ctx, conn)
		if err != nil && Classify(err) == ClassUnknown {
			return errReadOnly
		}
		return err
	}
}
