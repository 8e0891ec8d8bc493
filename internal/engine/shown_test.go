package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// unfitToShow is what a server may send as any text: control characters, invisible characters, and
// a hundred kilobytes.
var unfitToShow = "bob\x1b[2J\r\nanother line\u202e" + strings.Repeat("x", 100<<10)

func checkShown(t *testing.T, what, text string, most int) {
	t.Helper()
	if strings.ContainsAny(text, "\x1b\r\n\u202e") || len(text) > most {
		t.Errorf("%s has %d bytes: %.60q", what, len(text), text)
	}
}

func TestViolationsAreShownPlainAndCut(t *testing.T) {
	const rows = `(repeat('rule ', 9000) || chr(27) || '%s', 'bob' || chr(27) || chr(10) || chr(8238) || repeat('x', 100000) || '%s', chr(13) || repeat('y', 100000))`
	row := strings.ReplaceAll(rows, "%s", "1") + ", " + strings.ReplaceAll(rows, "%s", "2")
	for statement, sql := range map[string]string{
		"verify_referees": `SELECT rule, 'bob', key, detail FROM (VALUES ` + row + `) AS v (rule, key, detail)
			WHERE coalesce(@from::text, '') IS NOT NULL AND coalesce(@last::text, '') IS NOT NULL AND coalesce(@users::text[], '{}') IS NOT NULL`,
		"verify_sums": `SELECT rule, key, detail FROM (VALUES ` + row + `) AS v (rule, key, detail)`,
	} {
		t.Run(statement, func(t *testing.T) {
			s := newShop(t)
			s.declare("invite", fiveDollars())
			s.friends(1, 1)
			v := engine.NewVerification(s.db, 1000, 5)
			v.Replace("verify_agree", neverAgree)
			v.Replace(statement, sql)
			result, err := v.Run(s.Context(), nil)
			testworld.Must(t, err)
			// The second look compares whole keys: two keys that begin alike are two violations.
			if result.Violations != 2 || len(result.Examples) != 2 {
				t.Fatalf("%d violations, %d examples", result.Violations, len(result.Examples))
			}
			for _, e := range result.Examples {
				checkShown(t, "the rule", e.Rule, 310)
				checkShown(t, "the key", e.Key, 310)
				checkShown(t, "the detail", e.Detail, 310)
			}
		})
	}
}

// The log of a namespace's engine is read by people who may not read its database.
func TestLogsHaveNoIDs(t *testing.T) {
	for name, cause := range map[string]error{
		"of a purchase":             fmt.Errorf("while deciding purchase %q: %w", "order-7", errors.New("amount -1 is out of range")),
		"that needs escapes":        fmt.Errorf("while settling purchase %q: %w", `"order-7\"`, errors.New("amount -1 is out of range")),
		"that the message cuts off": fmt.Errorf("amount -1 is out of range: %q", "order-7"+strings.Repeat("x", 5000)),
		"of the server":             fmt.Errorf("amount -1 is out of range: %w", &pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type bigint: "order-7"`}),
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			e := engine.New(nil, engine.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
			e.LogNames("bob", cause)
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "Repaired drift") {
					continue // it names a campaign
				}
				if strings.Contains(line, "bob") || strings.Contains(line, "order-7") || !strings.Contains(line, "amount -1 is out of range") {
					t.Error(line)
				}
			}
			if lines := strings.Count(log.String(), "\n"); lines != 3 {
				t.Errorf("%d lines", lines)
			}
		})
	}
}

func TestNamesOfTheServerAreLoggedPlainAndCut(t *testing.T) {
	var log bytes.Buffer
	e := engine.New(nil, engine.Options{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	e.LogNames(unfitToShow, errors.New(unfitToShow))
	lines := 0
	for line := range strings.Lines(log.String()) {
		lines++
		var values map[string]any
		testworld.Must(t, json.Unmarshal([]byte(line), &values))
		for key, value := range values {
			if text, is := value.(string); is {
				checkShown(t, key+" of "+values["msg"].(string), text, 610)
			}
		}
	}
	if lines != 3 {
		t.Errorf("%d lines", lines)
	}
}
