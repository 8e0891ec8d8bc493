package testworld

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// poolerConnections is how many connections to the server a pooler has for each role: few, so that
// statements land on connections that have never seen the one before.
const poolerConnections = 2

// Pooler is a PgBouncer in transaction mode in front of one database.
type Pooler struct {
	URI       string // of the operator
	WriterURI string // of the role shop
}

// NewPooler starts a PgBouncer that ends with the test, which needs one.
func NewPooler(t testing.TB, of *Database) *Pooler {
	t.Helper()
	address, process, err := startPooler(t.Context(), Need(t, binaries.PgBouncer), of)
	if process != nil {
		t.Cleanup(func() { Must(t, process.Kill()) })
	}
	Must(t, err)
	through := func(role string) string {
		return "postgres://" + role + ":x@" + address + "/" + of.Name + "?sslmode=disable"
	}
	return &Pooler{URI: through(of.Operator), WriterURI: through(WriterRole)}
}

// startPooler returns the address on which the pooler listens.
func startPooler(ctx context.Context, program string, of *Database) (string, *Process, error) {
	dir, err := scratchDir("pgbouncer")
	if err != nil {
		return "", nil, err
	}
	user, err := unprivileged() // it refuses to run as root
	if err != nil {
		return "", nil, err
	}
	var accounts strings.Builder
	for role, uri := range map[string]string{of.Operator: of.URI, WriterRole: of.WriterURI} {
		parsed, err := url.Parse(uri)
		if err != nil {
			return "", nil, errors.New("the URI of a database cannot be parsed")
		}
		password, _ := parsed.User.Password()
		fmt.Fprintf(&accounts, "\"%s\" \"%s\"\n", role, password)
	}
	host, port, err := net.SplitHostPort(of.server.Address())
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for range startAttempts {
		listen, err := nextPort()
		if err != nil {
			return "", nil, err
		}
		config, users := filepath.Join(dir, "pgbouncer.ini"), filepath.Join(dir, "users.txt")
		settings := fmt.Sprintf(`[databases]
%s = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
auth_type = trust
auth_file = %s
pool_mode = transaction
default_pool_size = %d
server_round_robin = 1
unix_socket_dir =
`, of.Name, host, port, listen, users, poolerConnections)
		for path, content := range map[string]string{config: settings, users: accounts.String()} {
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				return "", nil, fmt.Errorf("while configuring PgBouncer: %w", err)
			}
			if user != nil {
				if err := os.Chown(path, int(user.Uid), int(user.Gid)); err != nil {
					return "", nil, fmt.Errorf("while configuring PgBouncer: %w", err)
				}
			}
		}
		if user != nil {
			if err := os.Chown(dir, int(user.Uid), int(user.Gid)); err != nil {
				return "", nil, fmt.Errorf("while configuring PgBouncer: %w", err)
			}
		}
		process, err := StartProcess(ProcessOptions{Path: program, Args: []string{config}, Dir: dir, user: user})
		if err != nil {
			return "", nil, err
		}
		err = process.waitUntil(ctx, func(ctx context.Context) error { return connects(ctx, loopback(listen)) })
		if !portTaken(process) {
			return loopback(listen), process, err
		}
	}
	return "", nil, errNoPort("PgBouncer")
}
