package database_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/testworld"
	"github.com/referral-operator/referral-operator/internal/testworld/binaries"
)

// recipe returns the documented SQL that writes to a table, without BEGIN and COMMIT.
func recipe(t *testing.T, table string) string {
	t.Helper()
	root, err := binaries.ModuleRoot()
	testworld.Must(t, err)
	text, err := os.ReadFile(filepath.Join(root, "docs", "add-it-to-your-shop.md"))
	testworld.Must(t, err)
	for _, block := range strings.Split(string(text), "```sql\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if at := strings.Index(block, "INSERT INTO referral."+table+" "); at >= 0 {
			return strings.TrimSuffix(strings.TrimSpace(strings.ReplaceAll(block[at:], "COMMIT;", "")), ";")
		}
	}
	t.Fatalf("docs/add-it-to-your-shop.md writes no %s", table)
	return ""
}

var parameter = regexp.MustCompile(`:'(\w+)'`)

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
			sql := parameter.ReplaceAllStringFunc(text, func(named string) string {
				return "'" + values[strings.Trim(named, ":'")] + "'"
			})
			if _, err := w.writer.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
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
