package postgres_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

func TestQualify(t *testing.T) {
	for name, test := range map[string]struct{ sql, want string }{
		"a table":                        {"SELECT * FROM referral.meta", `SELECT * FROM "loyalty".meta`},
		"the first word":                 {"referral.meta", `"loyalty".meta`},
		"several, and a function":        {"referral.a(referral.b)", `"loyalty".a("loyalty".b)`},
		"a literal that names a table":   {"to_regclass('referral.meta')", `to_regclass('"loyalty".meta')`},
		"the end of a longer name":       {"my_referral.meta, é_referral.x", "my_referral.meta, é_referral.x"},
		"a name that goes on in UTF-8":   {"éreferral.x", "éreferral.x"},
		"a table of another schema":      {"other.referral.x", "other.referral.x"},
		"the same word twice":            {"referral.referral.x", `"loyalty".referral.x`},
		"an identifier in quotes":        {`"my-referral".x`, `"my-referral".x`},
		"a longer name that begins so":   {"referral_x.y, referrals.y", "referral_x.y, referrals.y"},
		"the word without what it names": {"the referral schema", "the referral schema"},
		"after a cast and in brackets":   {"x::referral.y[(referral.z)]", `x::"loyalty".y[("loyalty".z)]`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := postgres.Schema("loyalty").Qualify(test.sql); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if got := postgres.DefaultSchema.Qualify(test.sql); got != test.sql {
				t.Errorf("the default schema changed it to %s", got)
			}
		})
	}
}

func TestSchemaNames(t *testing.T) {
	for _, name := range []string{"referral", "_x", "a1", strings.Repeat("a", 63), "language", "pgx"} {
		if _, err := postgres.ParseSchema(name); err != nil {
			t.Errorf("%q is refused: %v", name, err)
		}
	}
	for _, name := range []string{"", "Referral", "1a", "a-b", "a b", `a"b`, "a.b", "é", strings.Repeat("a", 64), "public", "pg_x", "information_schema", "order", "user"} {
		if _, err := postgres.ParseSchema(name); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestEveryWordTheServerReservesIsRefused(t *testing.T) {
	db := open(t, testworld.NewDatabase(t).URI, postgres.DefaultSchema)
	words := testworld.Column[string](t, db, "SELECT word FROM pg_get_keywords() WHERE catcode IN ('R', 'T')")
	if len(words) < 50 {
		t.Fatalf("only %d words", len(words))
	}
	accepted := slices.DeleteFunc(words, func(word string) bool {
		_, err := postgres.ParseSchema(word)
		return err != nil
	})
	if len(accepted) > 0 {
		t.Errorf("accepted: %v", accepted)
	}
}
