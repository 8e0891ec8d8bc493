package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// messageLimit is the most bytes of a message, so that a condition stays readable.
const messageLimit = 600

// remedies are, by class, what is wrong and what to do.
var remedies = map[Class][2]string{
	ClassUnreachable:           {"the database cannot be reached", ""},
	ClassCertificateNotTrusted: {"the server's certificate is not trusted", "name its authority in the TLS settings, and write the host as the certificate does"},
	ClassAuthenticationFailed:  {"the server refuses the user or password", "correct them in the connection URI"},
	ClassPermissionDenied:      {"the user of the connection URI lacks a right", "grant it, or make the user the owner of the object"},
	ClassDatabaseNotFound:      {"the database does not exist", "create it, or correct its name in the connection URI"},
	ClassReadOnly:              {"the server accepts no writes", "name the primary in the connection URI"},
	ClassMissingObject:         {"something is missing in the database", "restore it from a backup or, if a trigger of your own names it, write the name with its schema there"},
}

// Message returns err as one line for a status, an event or a log: what is wrong and what to do. It
// contains no password, no URI, no control characters and, of an error of a DB, neither user nor
// database. Empty for nil.
func Message(err error) string {
	if err == nil {
		return ""
	}
	words := text(err)
	var notGranted *ErrNotGranted // these name their own remedies
	var untrusted *ErrUntrustedOwner
	class := Classify(err)
	if remedy, ok := remedies[class]; ok && !errors.As(err, &notGranted) && !errors.As(err, &untrusted) {
		words = remedy[0] + ": " + words
		// If the server says which right is missing, its hint is the better remedy.
		if remedy[1] != "" && (class != ClassPermissionDenied || !hinted(err)) {
			words += "; " + remedy[1]
		}
	}
	return Plain(words, messageLimit)
}

// hinted reports whether the server says what to do.
func hinted(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	return ok && server.Hint != ""
}

// text returns the words of an error. No error of this package repeats a connection string; the
// words of a driver's error that might are left out.
func text(err error) string {
	var server *pgconn.PgError
	var parse *pgconn.ParseConfigError
	var connect *pgconn.ConnectError
	var plain *plainError
	switch {
	case errors.As(err, &parse):
		return "the connection URI is malformed"
	case errors.As(err, &connect):
		return wordsOf(connect)
	case errors.As(err, &plain) && plain.connecting:
		return plain.words
	case errors.As(err, &server):
		words := server.Message + " (SQLSTATE " + server.Code + ")"
		if server.Hint != "" {
			words += ", " + server.Hint
		}
		if doing, _, found := strings.Cut(err.Error(), server.Error()); found {
			words = doing + words
		}
		return words
	}
	return err.Error()
}
