package main

import (
	"context"
	"embed"
	"fmt"
)

//go:embed sql/*.sql
var files embed.FS

// statement returns the SQL file of that name. A missing one is a mistake that every run finds.
func statement(name string) string {
	text, err := files.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic(err)
	}
	return string(text)
}

// links is how many links there are, each of a referrer of its own.
const links = 10_000

// invite writes the links.
func (s *shop) invite(ctx context.Context) error {
	if _, err := s.writer.Exec(ctx, statement("write_links"), campaign, links); err != nil {
		return fmt.Errorf("while writing links: %w", err)
	}
	return nil
}

// signUp writes the signups of referees first to last, each by typed code.
func (s *shop) signUp(ctx context.Context, first, last int) error {
	return s.inBulk(ctx, "write_signups", first, last, links)
}

// buy writes one purchase of each of the first referees, the ordinal-th.
func (s *shop) buy(ctx context.Context, referees, ordinal int) error {
	return s.inBulk(ctx, "write_purchases", 1, referees, ordinal)
}

// inBulk writes facts of referees first to last, some thousand a transaction.
func (s *shop) inBulk(ctx context.Context, name string, first, last, argument int) error {
	const bulk = 10_000
	for from := first; from <= last; from += bulk {
		if _, err := s.writer.Exec(ctx, statement(name), from, min(last, from+bulk-1), argument); err != nil {
			return fmt.Errorf("while writing facts (%s): %w", name, err)
		}
	}
	return nil
}
