package main

import (
	"context"
	"embed"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

//go:embed story/*.sql
var statements embed.FS

// shop is the application: it has the plain role that config/samples names as a
// writer, and a connection with nothing special about it.
type shop struct {
	screen     *screen
	connection *pgx.Conn
}

func openShop(ctx context.Context, screen *screen, uri string) (*shop, error) {
	config, err := pgx.ParseConfig(uri)
	if err != nil {
		return nil, fmt.Errorf("while reading the shop's URI: %w", err)
	}
	// As psql does it: the server writes results as text.
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	config.RuntimeParams["timezone"] = "UTC"
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("while connecting as the shop: %w", err)
	}
	return &shop{screen: screen, connection: connection}, nil
}

func (s *shop) close(ctx context.Context) error { return s.connection.Close(ctx) }

// record shows statements that write facts, runs them, and waits until the
// operator has decided what they change.
func (s *shop) record(ctx context.Context, name string) error {
	text, err := statement(name)
	if err != nil {
		return err
	}
	s.screen.command("shop=>", withoutHeader(text))
	// One by one, as psql sends them: together they would be one transaction.
	for one := range strings.SplitAfterSeq(text, ";\n") {
		tag, err := s.connection.Exec(ctx, one)
		if err != nil {
			return fmt.Errorf("while running %s.sql: %w", name, err)
		}
		s.screen.output(tag.String())
	}
	return s.awaitDecisions(ctx)
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

// awaitDecisions waits until nothing is left on the change list.
func (s *shop) awaitDecisions(ctx context.Context) error {
	const pause = 10 * time.Millisecond
	text, err := statement("pending")
	if err != nil {
		return err
	}
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("not decided after %s", patience))
	defer cancel()
	for {
		var pending bool
		if err := s.connection.QueryRow(ctx, text).Scan(&pending); err != nil {
			return fmt.Errorf("while waiting for decisions: %w", err)
		}
		if !pending {
			s.screen.note("-- decided within %.2f s", time.Since(began).Seconds())
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("while waiting for decisions: %w", context.Cause(ctx))
		case <-time.After(pause):
		}
	}
}

// expect checks what somebody has, in minor units of US dollars.
func (s *shop) expect(ctx context.Context, beneficiary string, want int64) error {
	text, err := statement("available")
	if err != nil {
		return err
	}
	var have int64
	if err := s.connection.QueryRow(ctx, text, beneficiary).Scan(&have); err != nil {
		return fmt.Errorf("while looking at what %s has: %w", beneficiary, err)
	}
	if have != want {
		return fmt.Errorf("%s has %d minor units of USD, and by the policy should have %d", beneficiary, have, want)
	}
	return nil
}

func statement(name string) (string, error) {
	text, err := statements.ReadFile("story/" + name + ".sql")
	if err != nil {
		return "", fmt.Errorf("while looking for a statement: %w", err)
	}
	return string(text), nil
}

var header = regexp.MustCompile(`\A(--[^\n]*\n)+`)

// withoutHeader is a statement without the comment above it, which is for the
// readers of the file.
func withoutHeader(text string) string {
	return strings.TrimSpace(header.ReplaceAllString(text, ""))
}
