package database

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// shownText scans a column that people see in a status, an event or a log, without control
// characters and cut.
type shownText struct{ into *string }

// ScanText implements pgtype.TextScanner.
func (s shownText) ScanText(value pgtype.Text) error {
	if !value.Valid {
		return errNull
	}
	*s.into = postgres.Plain(value.String, 500)
	return nil
}

// shownID scans a name or id that people see, some of them in a line for their shell. Every
// character that no name and no id has becomes a '?'.
type shownID struct{ into *string }

// ScanText implements pgtype.TextScanner.
func (s shownID) ScanText(value pgtype.Text) error {
	if !value.Valid {
		return errNull
	}
	*s.into = idOf(value.String)
	return nil
}

func idOf(text string) string {
	const longest = 320 // a namespace, a slash and a name
	return strings.Clone(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:/", r) {
			return r
		}
		return '?'
	}, text[:min(len(text), longest)])) // a part of a text would keep the memory of all of it
}

var errNull = errors.New("is NULL")
