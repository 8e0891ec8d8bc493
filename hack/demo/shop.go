package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
)

//go:embed story/*.sql
var statements embed.FS

// shop is the application. It connects as the plain role that config/samples names as a writer.
type shop struct {
	screen     *screen
	connection *pgx.Conn
	decisions  *decisions
}

// openShop connects as the shop to a database whose schema the operator has created.
func openShop(ctx context.Context, screen *screen, database *testworld.Database) (*shop, error) {
	config, err := pgx.ParseConfig(database.WriterURI)
	if err != nil {
		return nil, fmt.Errorf("while reading the shop's URI: %w", err)
	}
	// Like psql: the server formats results as text.
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	s := &shop{screen: screen}
	if s.connection, err = pgx.ConnectConfig(ctx, config); err != nil {
		return nil, fmt.Errorf("while connecting as the shop: %w", err)
	}
	if s.decisions, err = watchDecisions(ctx, database.URI); err != nil {
		return nil, errors.Join(err, s.connection.Close(ctx))
	}
	return s, nil
}

func (s *shop) close(ctx context.Context) error {
	return errors.Join(s.connection.Close(ctx), s.decisions.close(ctx))
}

// record shows statements that write facts, runs them, and waits until the operator has decided
// what they change.
func (s *shop) record(ctx context.Context, name string) error {
	text, err := statement(name)
	if err != nil {
		return err
	}
	s.screen.command("shop=>", withoutHeader(text))
	// Like psql, one by one: sent together they would be one transaction.
	for one := range strings.SplitAfterSeq(text, ";\n") {
		tag, err := s.connection.Exec(ctx, one)
		if err != nil {
			return fmt.Errorf("while running %s.sql: %w", name, err)
		}
		s.screen.output(tag.String())
	}
	return s.awaitDecisions(ctx)
}

// awaitDecisions waits until the operator has decided everything, and shows how long that took.
func (s *shop) awaitDecisions(ctx context.Context) error {
	took, err := s.decisions.await(ctx)
	if err != nil {
		return err
	}
	s.screen.note("-- decided within %.2f s", took.Seconds())
	return nil
}

// awaitCap waits until the limit of pairs per referrer is in force. It adds no revision, so the
// campaign's status does not tell.
func (s *shop) awaitCap(ctx context.Context, want int64) error {
	text, err := statement("cap")
	if err != nil {
		return err
	}
	for {
		var have int64
		if err := s.connection.QueryRow(ctx, text).Scan(&have); err != nil {
			return fmt.Errorf("while reading the cap: %w", err)
		}
		if have == want {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the cap is %d and does not become %d: %w", have, want, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// show shows a query and its result.
func (s *shop) show(ctx context.Context, name string) error {
	text, err := statement(name)
	if err != nil {
		return err
	}
	s.screen.command("shop=>", withoutHeader(text))
	rows, err := s.connection.Query(ctx, text)
	if err != nil {
		return fmt.Errorf("while running %s.sql: %w", name, err)
	}
	result, err := readTable(rows)
	if err != nil {
		return fmt.Errorf("while reading the result of %s.sql: %w", name, err)
	}
	s.screen.output(result.String())
	return nil
}

// expect checks a beneficiary's available credit, in US cents.
func (s *shop) expect(ctx context.Context, beneficiary string, want int64) error {
	text, err := statement("available")
	if err != nil {
		return err
	}
	var have int64
	if err := s.connection.QueryRow(ctx, text, beneficiary).Scan(&have); err != nil {
		return fmt.Errorf("while reading the balance of %s: %w", beneficiary, err)
	}
	if have != want {
		return fmt.Errorf("%s has %d cents available; the policy says %d", beneficiary, have, want)
	}
	return nil
}

func statement(name string) (string, error) {
	text, err := statements.ReadFile("story/" + name + ".sql")
	if err != nil {
		return "", fmt.Errorf("while reading a statement: %w", err)
	}
	return string(text), nil
}

var header = regexp.MustCompile(`\A(--[^\n]*\n)+`)

// withoutHeader returns a statement without the comment at its top, which is for readers of the
// file.
func withoutHeader(text string) string {
	return strings.TrimSpace(header.ReplaceAllString(text, ""))
}
