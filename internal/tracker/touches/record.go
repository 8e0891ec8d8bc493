package touches

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// Touch is a row of table touch.
type Touch struct {
	VisitorID  string
	ID         string
	Code       string
	At         time.Time // stored as the database's time if it is later than that
	LandingURL string    // empty: not known
	Referer    string    // empty: not known
}

// Of returns the rows of the touches in a visitor's token.
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

// Record inserts touches as Add enqueues them, leaves existing rows as they are, and returns the
// number of new rows. on may be a transaction with other writes.
func Record(ctx context.Context, on Execer, schema postgres.Schema, touches []Touch) (written int64, err error) {
	if len(touches) == 0 {
		return 0, nil
	}
	n := len(touches)
	visitorIDs, touchIDs, codes := make([]string, n), make([]string, n), make([]string, n)
	touchedAt, landingURLs, referers := make([]time.Time, n), make([]string, n), make([]string, n)
	for i, t := range touches {
		visitorIDs[i], touchIDs[i], codes[i], touchedAt[i] = t.VisitorID, t.ID, t.Code, t.At
		landingURLs[i], referers[i] = t.LandingURL, t.Referer
	}
	tag, err := on.Exec(ctx, schema.Qualify(queries.Get("record_touches")), pgx.StrictNamedArgs{
		"visitor_ids": visitorIDs, "touch_ids": touchIDs, "codes": codes, "touched_at": touchedAt,
		"landing_urls": landingURLs, "referers": referers,
	})
	return tag.RowsAffected(), err
}

// longestAddress is the most bytes of an address that is stored.
const longestAddress = 1024

// address makes any text acceptable to the database as a landing URL or referer: cut to the longest
// length, without U+0000 and invalid UTF-8.
func address(text string) string {
	if len(text) > longestAddress {
		text = text[:longestAddress] // bytes are never fewer than characters
	}
	if utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}
