package database_test

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// behindPooler returns a URI of the database through PgBouncer, which runs each transaction on
// either of two connections.
func behindPooler(t *testing.T, own *testworld.Database) (uri string) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		t.Skip("there is no pgbouncer on PATH; this check is optional")
	}
	serverHost, serverPort, err := net.SplitHostPort(own.Server().Address())
	check(t, err)
	host, port, err := net.SplitHostPort(freeAddress(t))
	check(t, err)
	password, _ := mustParse(t, own.URI).User.Password()
	config := filepath.Join(t.TempDir(), "pgbouncer.ini")
	check(t, os.WriteFile(config, fmt.Appendf(nil, `
[databases]
%s = host=%s port=%s user=%s password=%s
[pgbouncer]
listen_addr = %s
listen_port = %s
auth_type = any
pool_mode = transaction
default_pool_size = 2
server_round_robin = 1
unix_socket_dir =
`, own.Name, serverHost, serverPort, own.Operator, password, host, port), 0o644))
	args := []string{config}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "nobody")
	}
	pooler := testworld.Run(t, testworld.ProcessOptions{Path: program, Args: args})
	eventually(t, "the pooler listens", func() bool {
		if !pooler.Running() {
			t.Fatalf("the pooler ended: %s", pooler.Log())
		}
		conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return fmt.Sprintf("postgres://%s:x@%s/%s?sslmode=disable", own.Operator, net.JoinHostPort(host, port), own.Name)
}

func TestEverythingWorksThroughAPooler(t *testing.T) {
	uri := behindPooler(t, testworld.NewDatabase(t))
	const replicas = 2
	outcomes := make(chan error, replicas)
	for range replicas {
		db := open(t, uri, postgres.DefaultSchema)
		go func() {
			_, err := database.Migrate(t.Context(), db)
			outcomes <- err
		}()
	}
	for range replicas {
		check(t, <-outcomes)
	}
	db := open(t, uri, postgres.DefaultSchema)
	_, err := database.Claim(t.Context(), db, shop, "")
	check(t, err)
	check(t, database.GrantRoles(t.Context(), db, database.Roles{Writers: []string{testworld.WriterRole}}))

	// Many at once, so that statements land on connections that never saw them.
	const rounds, workers = 20, 6
	for range workers {
		go func() {
			for i := range rounds {
				d := invite(withTerms(fiveDollars(int64(500+i))), func(d *database.Declaration) { d.Policy.Generation = int64(i) })
				if outcomes <- useAll(t.Context(), db, d); t.Failed() {
					return
				}
			}
		}()
	}
	for range workers * rounds {
		if err := <-outcomes; err != nil {
			t.Fatal(err)
		}
	}
	status, err := database.ReadStatus(t.Context(), db)
	check(t, err)
	if len(status.Campaigns) != 1 || status.Campaigns[0].Revision != rounds {
		t.Errorf("%+v", status.Campaigns)
	}
}

func useAll(ctx context.Context, db *postgres.DB, d database.Declaration) error {
	if _, err := database.Declare(ctx, db, d); err != nil {
		return err
	}
	if err := database.Heartbeat(ctx, db, shop); err != nil {
		return err
	}
	if _, err := database.SetAttribution(ctx, db, shop.UID, 1, database.LastTouch); err != nil {
		return err
	}
	if _, err := engine.LoadDeclared(ctx, db); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO referral.change (shard, kind, key) VALUES ($1, 'Referee', $2)", 1, "u")
		return err
	})
}

func mustParse(t testing.TB, uri string) *url.URL {
	t.Helper()
	parsed, err := url.Parse(uri)
	check(t, err)
	return parsed
}

// freeAddress returns an address on which no process listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer listener.Close()
	return listener.Addr().String()
}
