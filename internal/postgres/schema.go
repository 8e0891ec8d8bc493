package postgres

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Schema is the name of a Postgres schema. One that ParseSchema returned is safe to put into SQL.
type Schema string

// DefaultSchema is the name that SQL files contain.
const DefaultSchema Schema = "referral"

// plain matches names that mean the same with and without quotes.
var plain = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// ParseSchema accepts a plain identifier that Postgres does not use itself. It refuses reserved
// words, because people would have to quote them in every statement.
func ParseSchema(name string) (Schema, error) {
	switch {
	case !plain.MatchString(name):
		return "", fmt.Errorf("schema %q must be lower-case letters, digits and '_', at most 63 characters, and begin with a letter or '_'", name)
	case name == "public", name == "information_schema", strings.HasPrefix(name, "pg_"):
		return "", fmt.Errorf("schema %q is reserved for Postgres: name another", name)
	case slices.Contains(reservedWords, name):
		return "", fmt.Errorf("schema %q is a reserved word of SQL: name another", name)
	}
	return Schema(name), nil
}

const token = string(DefaultSchema) + "."

// Qualify replaces the qualifier "referral." by the schema's name, in quotes. It replaces it inside
// literals and comments too (to_regclass and the like understand '"x".meta'), but not at the end of
// a longer name such as my_referral or other.referral.
func (s Schema) Qualify(sql string) string {
	if s == DefaultSchema {
		return sql
	}
	name := pgx.Identifier{string(s)}.Sanitize() + "."
	var b strings.Builder
	written := 0
	for {
		i := strings.Index(sql[written:], token)
		if i < 0 {
			b.WriteString(sql[written:])
			return b.String()
		}
		i += written
		b.WriteString(sql[written:i])
		if i > 0 && continuesName(sql[i-1]) {
			b.WriteString(token)
		} else {
			b.WriteString(name)
		}
		written = i + len(token)
	}
}

// continuesName reports whether a name that follows c is the end of a longer name.
func continuesName(c byte) bool {
	return c == '_' || c == '$' || c == '.' || c == '"' || c >= 0x80 ||
		'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
