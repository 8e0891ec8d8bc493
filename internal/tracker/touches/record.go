package touches

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// Touch is a row of table touch.
type Touch struct {
	VisitorID  string
	ID         string
	Code       string
	At         time.Time
	LandingURL string // empty: not known
	Referer    string // empty: not known
}

// Of are the rows of the touches that a visitor's token remembers.
func Of(token visitor.Token) []Touch {
	var rows []Touch
	for _, t := range token.Touches() {
		rows = append(rows, Touch{VisitorID: token.VisitorID, ID: t.ID, Code: t.Code, At: t.At})
	}
	return rows
}

// Execer is a pool or a transaction.
type Execer interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
}

// Record writes touches; those that are there already stay as they are. It
// returns how many were not. Give a transaction to write them with what else is
// in it.
func Record(ctx context.Context, on Execer, schema postgres.Schema, touches []Touch) (written int64, err error) {
	if len(touches) == 0 {
		return 0, nil
	}
	n := len(touches)
	columns := struct {
		visitors, ids, codes, landings, referers []string
		times                                    []time.Time
	}{
		make([]string, n), make([]string, n), make([]string, n), make([]string, n), make([]string, n),
		make([]time.Time, n),
	}
	for i, t := range touches {
		columns.visitors[i], columns.ids[i], columns.codes[i] = t.VisitorID, t.ID, t.Code
		columns.times[i] = t.At
		columns.landings[i], columns.referers[i] = Address(t.LandingURL), Address(t.Referer)
	}
	tag, err := on.Exec(ctx, schema.Qualify(queries.Get("record_touches")), columns.visitors, columns.ids, columns.codes,
		columns.times, columns.landings, columns.referers)
	return tag.RowsAffected(), err
}

// longestAddress is how many characters of an address the database takes.
const longestAddress = 8192

// Address makes of any text one that the database takes for a landing URL or a
// referer: cut to what it has room for, without bytes that are no text.
func Address(text string) string {
	if len(text) > longestAddress {
		text = text[:longestAddress] // bytes are never fewer than characters
	}
	if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}
