package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// forgetStatements resets the server's statement counters.
func (w *world) forgetStatements(ctx context.Context) error {
	if !w.statistics {
		return nil
	}
	_, err := w.admin.Exec(ctx, "SELECT pg_stat_statements_reset()")
	return err
}

// showStatements prints, on request, which statements took most time in a database since the last
// reset.
func (w *world) showStatements(ctx context.Context, s *shop) error {
	if !w.statements || !w.statistics {
		return nil
	}
	rows, err := w.admin.Query(ctx, statement("statements"), s.own.Name)
	if err != nil {
		return err
	}
	var calls, written, pages int64
	var seconds, share float64
	var text string
	_, err = pgx.ForEachRow(rows, []any{&seconds, &share, &calls, &written, &pages, &text}, func() error {
		w.say("%7.2fs %4.1f%% %7d calls %6.1f MiB WAL %8d pages  %s", seconds, 100*share, calls, float64(written)/(1<<20), pages, brief(text))
		return nil
	})
	return err
}

// brief is the gist of a statement, without comments, on one line.
func brief(text string) string {
	const width = 100
	var words []string
	for line := range strings.Lines(text) {
		code, _, _ := strings.Cut(line, "--")
		words = append(words, strings.Fields(code)...)
	}
	return fmt.Sprintf("%.*s", width, strings.Join(words, " "))
}
