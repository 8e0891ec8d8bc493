package database

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// messageLimit keeps a message readable where conditions are shown.
const messageLimit = 600

// remedies say what a class is about, and what to do about it.
var remedies = map[Class][2]string{
	ClassUnreachable:           {"the database cannot be reached", ""},
	ClassCertificateNotTrusted: {"the server's certificate is not trusted", "name its authority in the TLS settings, and the host as the certificate does"},
	ClassAuthenticationFailed:  {"the server refuses the user or password", "correct them in the connection URI"},
	ClassPermissionDenied:      {"the user of the connection URI lacks a right", "grant it, or let the user own what it is about"},
	ClassDatabaseNotFound:      {"the database does not exist", "create it, or correct its name in the connection URI"},
	ClassReadOnly:              {"the server takes no writes", "name the primary in the connection URI"},
	ClassMissingObject:         {"something of the schema is missing", "restore it from a backup, or let an empty schema be made anew"},
}

// Message puts err into words that are fit for a status, an event or a log: it
// tells what is wrong and what to do, on one line, and has no password and no
// URI in it. Empty for nil.
func Message(err error) string {
	if err == nil {
		return ""
	}
	words := said(err)
	var refused *ErrNotGranted // has its own remedy
	if remedy, ok := remedies[Classify(err)]; ok && !errors.As(err, &refused) {
		words = remedy[0] + ": " + words
		if remedy[1] != "" {
			words += "; " + remedy[1]
		}
	}
	words = strings.Join(strings.Fields(words), " ")
	if len(words) > messageLimit {
		words = strings.ToValidUTF8(words[:messageLimit], "") + "…"
	}
	return words
}

// said is what an error itself has to say. Errors that repeat a connection
// string are not among those this package makes; should one come from
// elsewhere it is left out.
func said(err error) string {
	var server *pgconn.PgError
	var parse *pgconn.ParseConfigError
	var connect *pgconn.ConnectError
	switch {
	case errors.As(err, &parse):
		return "the connection URI is not understood"
	case errors.As(err, &connect):
		return connect.Error() // tells which hosts were tried
	case errors.As(err, &server):
		text := server.Message + " (SQLSTATE " + server.Code + ")"
		if server.Hint != "" {
			text += ", " + server.Hint
		}
		if doing, _, found := strings.Cut(err.Error(), server.Error()); found {
			text = doing + text
		}
		return text
	}
	return err.Error()
}
