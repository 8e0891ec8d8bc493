package testworld

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Names of the plain roles, which exist on every server: the shop writes facts, bi reads. They may
// log in and nothing else until they are granted it.
const (
	WriterRole = "shop"
	ReaderRole = "bi"
)

// Database is an empty database, with a URI for each role.
type Database struct {
	Name string

	URI       string // the operator: owner of the database, no superuser
	WriterURI string // the role shop
	ReaderURI string // the role bi
	AdminURI  string // a superuser (on a borrowed server: the user of DATABASE_URL)

	// Operator is the name of the operator's role. Databases made from one template share it.
	Operator string

	server *Postgres
	shared bool // the operator's role belongs to a template
}

type login struct{ role, password string }

// CreateDatabase makes an empty database under a random name, with an operator role of its own.
func (p *Postgres) CreateDatabase(ctx context.Context) (*Database, error) {
	name, err := randomName("db_")
	if err != nil {
		return nil, err
	}
	password, err := randomName("")
	if err != nil {
		return nil, err
	}
	stored, err := verifier(password)
	if err != nil {
		return nil, err
	}
	operator := login{role: name, password: password}
	role := pgx.Identifier{operator.role}.Sanitize()
	err = p.administer(ctx,
		// Letters, digits and punctuation without quotes: nothing in it needs quoting.
		"CREATE ROLE "+role+" LOGIN PASSWORD '"+stored+"'",
		// A role without superuser rights must be a member of the role to which it gives ownership.
		"GRANT "+role+" TO CURRENT_USER",
		"CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" OWNER "+role,
	)
	if err != nil {
		return nil, fmt.Errorf("while creating a database: %w", err)
	}
	return p.database(name, operator), nil
}

func (p *Postgres) database(name string, operator login) *Database {
	return &Database{
		Name:      name,
		URI:       p.uri(name, operator),
		WriterURI: p.uri(name, login{WriterRole, WriterRole}),
		ReaderURI: p.uri(name, login{ReaderRole, ReaderRole}),
		AdminURI:  withDatabase(p.AdminURI, name),
		Operator:  operator.role,
		server:    p,
	}
}

// Server returns the database's server.
func (d *Database) Server() *Postgres { return d.server }

// Drop removes the database, despite open connections, and its operator's role.
func (d *Database) Drop(ctx context.Context) error {
	statements := []string{"DROP DATABASE IF EXISTS " + pgx.Identifier{d.Name}.Sanitize() + " WITH (FORCE)"}
	if !d.shared {
		statements = append(statements, "DROP ROLE IF EXISTS "+pgx.Identifier{d.Operator}.Sanitize())
	}
	if err := d.server.administer(ctx, statements...); err != nil {
		return fmt.Errorf("while dropping database %s: %w", d.Name, err)
	}
	return nil
}

// createPlainRoles creates the roles shop and bi where they do not exist; their passwords are their
// names.
func createPlainRoles(ctx context.Context, admin *pgxpool.Pool) error {
	for _, role := range []string{WriterRole, ReaderRole} {
		stored, err := verifier(role)
		if err != nil {
			return err
		}
		_, err = admin.Exec(ctx, "CREATE ROLE "+role+" LOGIN PASSWORD '"+stored+"'")
		if err != nil && !alreadyExists(err) {
			return fmt.Errorf("while creating the role %s: %w", role, err)
		}
	}
	return nil
}

// alreadyExists also recognises the error of a server when two processes create the same role at
// the same time.
func alreadyExists(err error) bool {
	const duplicateObject, uniqueViolation = "42710", "23505"
	var refusal *pgconn.PgError
	return errors.As(err, &refusal) && (refusal.Code == duplicateObject || refusal.Code == uniqueViolation)
}

func (p *Postgres) uri(database string, who login) string {
	uri := url.URL{Scheme: "postgres", User: url.UserPassword(who.role, who.password), Host: p.address, Path: "/" + database}
	switch {
	case p.server == nil:
		// Only its URL says whether a borrowed server requires TLS.
		if borrowed, err := url.Parse(p.AdminURI); err == nil {
			uri.RawQuery = borrowed.RawQuery
		}
	case p.options.Certificate != nil:
		uri.RawQuery = "sslmode=require"
	default:
		uri.RawQuery = "sslmode=disable"
	}
	return uri.String()
}

func withDatabase(uri, database string) string {
	parsed, err := url.Parse(uri)
	if err != nil {
		return uri // was parsed before
	}
	parsed.Path = "/" + database
	return parsed.String()
}

func withConnection(ctx context.Context, uri string, use func(*pgx.Conn) error) error {
	connection, err := pgx.Connect(ctx, uri)
	if err != nil {
		return err
	}
	return errors.Join(use(connection), connection.Close(context.WithoutCancel(ctx)))
}

func execAll(ctx context.Context, connection *pgx.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := connection.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

func randomName(prefix string) (string, error) {
	const length = 8
	random := make([]byte, length)
	if _, err := rand.Read(random); err != nil {
		return "", fmt.Errorf("while drawing a random name: %w", err)
	}
	return fmt.Sprintf("%s%x", prefix, random), nil
}
