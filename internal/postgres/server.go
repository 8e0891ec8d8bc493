package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// oldestVersion is the oldest major version of Postgres that is supported.
const oldestVersion = 14

// encodingWords is the most bytes of the name of an encoding that are shown: a server may answer
// anything.
const encodingWords = 30

// ErrUnsupportedServer means that the server does not speak the protocol of Postgres, or lacks what
// the operator needs.
type ErrUnsupportedServer struct {
	OtherProtocol bool
	Product       string // empty: Postgres, whose database has another encoding than UTF8
	Encoding      string
}

// errOtherProtocol means that the first bytes of the server are not of the protocol of Postgres.
var errOtherProtocol = &ErrUnsupportedServer{OtherProtocol: true}

func (e *ErrUnsupportedServer) Error() string {
	switch {
	case e.OtherProtocol:
		return "what answers is no PostgreSQL server, but another program such as MySQL or a web server: " +
			"correct host and port in the connection URI"
	case e.Product == "":
		return fmt.Sprintf("the database is encoded in %s, which lacks characters that ids and labels may have: "+
			"create another with CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", e.Encoding)
	}
	return fmt.Sprintf("the server is %s, which cannot hold an attribution database: use PostgreSQL %d or later "+
		"(facts are captured by statement triggers with transition tables)", e.Product, oldestVersion)
}

// CheckServer returns an *ErrUnsupportedServer unless the server is Postgres of a supported
// version, and the database is encoded in UTF8.
func (db *DB) CheckServer(ctx context.Context) error {
	return db.probe(ctx, func(connection *pgxpool.Conn) error { return db.checkServer(ctx, connection) })
}

func (db *DB) checkServer(ctx context.Context, connection *pgxpool.Conn) error {
	parameter := connection.Conn().PgConn().ParameterStatus
	if product := unsupportedParameters(parameter); product != "" { // a query might not be understood
		return &ErrUnsupportedServer{Product: product}
	}
	var version string
	var citus bool
	var encoding string
	if err := connection.QueryRow(ctx, queries.Get("identify_server")).Scan(&version, &citus, &encoding); err != nil {
		return fmt.Errorf("while asking the server what it is: %w", db.names.clean(err))
	}
	if product := unsupportedVersion(version); product != "" {
		return &ErrUnsupportedServer{Product: product}
	}
	if citus {
		return &ErrUnsupportedServer{Product: "Citus (the extension is installed in this database)"}
	}
	if encoding != "UTF8" {
		return &ErrUnsupportedServer{Encoding: db.names.plain(encoding, encodingWords)}
	}
	return nil
}

// unsupportedParameters names a product that the parameters of the login give away; empty: none.
func unsupportedParameters(parameter func(string) string) string {
	if parameter("crdb_version") != "" {
		return "CockroachDB"
	}
	version := parameter("server_version")
	if strings.Contains(version, "-YB-") {
		return "YugabyteDB"
	}
	number, _, _ := strings.Cut(version, " ")
	number, _, _ = strings.Cut(number, ".")
	if major, err := strconv.Atoi(number); err == nil && major < oldestVersion {
		return fmt.Sprintf("PostgreSQL %d", major)
	}
	return ""
}

// products are words in the answer of version() by which servers say that they are not Postgres.
var products = []struct{ word, name string }{
	{"CockroachDB", "CockroachDB"},
	{"-YB-", "YugabyteDB"},
	{"Redshift", "Amazon Redshift"},
	{"Greenplum", "Greenplum"},
	{"Materialize", "Materialize"},
	{"RisingWave", "RisingWave"},
}

// unsupportedVersion names a product by its answer of version(); empty: it is Postgres.
func unsupportedVersion(version string) string {
	for _, product := range products {
		if strings.Contains(version, product.word) {
			return product.name
		}
	}
	if !strings.HasPrefix(version, "PostgreSQL ") && !strings.HasPrefix(version, "EnterpriseDB ") {
		return "not PostgreSQL"
	}
	return ""
}
