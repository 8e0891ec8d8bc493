package database_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// comment is a comment of documented SQL.
var comment = regexp.MustCompile(`(?m)--.*$`)

// recipe returns the documented SQL that writes to a table, without BEGIN and COMMIT.
func recipe(t *testing.T, table string) string {
	t.Helper()
	root, err := binaries.ModuleRoot()
	testworld.Must(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "add-it-to-your-shop.md"))
	testworld.Must(t, err)
	for _, block := range strings.Split(string(text), "```sql\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if strings.Contains(block, "INSERT INTO referral."+table+" ") {
			block = strings.NewReplacer("BEGIN;", "", "COMMIT;", "").Replace(comment.ReplaceAllString(block, ""))
			return strings.TrimSuffix(strings.TrimSpace(block), ";")
		}
	}
	t.Fatalf("docs/add-it-to-your-shop.md writes no %s", table)
	return ""
}

var parameter = regexp.MustCompile(`:'(\w+)'`)

// withValues puts values in the places of a recipe's parameters.
func withValues(recipe string, values map[string]string) string {
	return parameter.ReplaceAllStringFunc(recipe, func(named string) string {
		return "'" + values[strings.Trim(named, ":'")] + "'"
	})
}

// A shop puts the recipe into the transaction of its order, whatever the order is like.
func TestRecipeNeverAbortsAnOrder(t *testing.T) {
	w := newWorld(t)
	var rare strings.Builder // as many bytes as 255 characters can have, and hard to compress
	for n := range 255 {
		rare.WriteRune(rune(0x20000 + n*n%0xa000))
	}
	for _, table := range []string{"purchase", "refund", "signup"} {
		text := recipe(t, table)
		for n, change := range []map[string]string{
			{}, {}, // a retry
			{"amount": "0"}, {"amount": "-5"}, {"currency": "usd"}, {"currency": "XXX"}, {"currency": "points"}, {"currency": ""},
			{"order": ""}, {"order": strings.Repeat("x", 300)}, {"user": strings.Repeat("x", 255)},
			{"user": rare.String(), "order": rare.String(), "refund": rare.String(), "visitor": rare.String(), "code": rare.String()},
			{"visitor": ""}, {"visitor": strings.Repeat("v", 4000)}, {"code": "SUMMER SALE"}, {"code": strings.Repeat("c", 4000)}, {"code": " "},
		} {
			values := map[string]string{
				"user": fmt.Sprint("u", max(n, 1)), "order": "o", "refund": "r", "amount": "2500", "currency": "USD", "visitor": "v", "code": "",
			}
			maps.Copy(values, change)
			if _, err := w.writer.Exec(t.Context(), withValues(text, values), pgx.QueryExecModeSimpleProtocol); err != nil {
				t.Errorf("%s with %v: %v", table, change, err)
			}
		}
	}
	for table, want := range map[string]int64{"purchase": 11, "refund": 11, "signup": 16} {
		if got := testworld.Value[int64](t, w, "SELECT count(*) FROM referral."+table); got != want {
			t.Errorf("%d rows of %s, want %d", got, table, want)
		}
	}
}

// Whatever the visitor's cookie is: a visitor can write it.
func TestRecipeLeadsEachVisitorToTheDestination(t *testing.T) {
	w := newWorld(t)
	testworld.Exec(t, w, `INSERT INTO referral.link (code, campaign, referrer_id, destination) VALUES ('ann1', 'c', 'ann', 'https://shop.example/')`)
	text := recipe(t, "touch")
	for _, visitor := range []string{"v", "", strings.Repeat("v", 256), strings.Repeat("v", 4000)} {
		for code, want := range map[string][]string{"ann1": {"https://shop.example/"}, "ANN1": {"https://shop.example/"}, "unknown": {}, "": {}} {
			rows, err := w.writer.Query(t.Context(), withValues(text, map[string]string{"code": code, "visitor": visitor}), pgx.QueryExecModeSimpleProtocol)
			if err != nil {
				t.Errorf("code %q of a visitor of %d characters: %v", code, len(visitor), err)
				continue
			}
			got, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if diff := cmp.Diff(want, got); err != nil || diff != "" {
				t.Errorf("code %q of a visitor of %d characters: %v (-want +got):\n%s", code, len(visitor), err, diff)
			}
		}
	}
	got := testworld.Column[string](t, w, "SELECT concat_ws(' ', length(visitor_id), count(*)) FROM referral.touch GROUP BY length(visitor_id) ORDER BY 1")
	if diff := cmp.Diff([]string{"1 2", "255 4"}, got); diff != "" {
		t.Errorf("lengths of visitors, and their touches (-want +got):\n%s", diff)
	}
}
