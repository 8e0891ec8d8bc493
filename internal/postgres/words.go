package postgres

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

// Plain returns text on one line, of at most limit bytes, without control characters and without
// invisible characters that change how the rest is shown. Apply it to what a server says before it
// is shown to people.
func Plain(text string, limit int) string {
	cut := len(text) > limit
	if cut {
		text = text[:limit]
	}
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return -1
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Z):
			return ' '
		}
		return r
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if cut {
		text += "…"
	}
	return text
}

// serverWords is the most bytes of one field of a server's error.
const serverWords = 300

// secretNames are the user and the database of a connection URI. They are parts of a Secret, and no
// message contains them.
type secretNames []string

func namesOf(config *pgconn.Config) secretNames { return secretNames{config.User, config.Database} }

// conceal replaces the names, where they are whole words, by "…".
func (n secretNames) conceal(text string) string {
	for _, name := range n {
		if name == "" {
			continue
		}
		var b strings.Builder
		rest := text
		for {
			at := strings.Index(rest, name)
			if at < 0 {
				break
			}
			before, _ := utf8.DecodeLastRuneInString(rest[:at])
			after, _ := utf8.DecodeRuneInString(rest[at+len(name):])
			b.WriteString(rest[:at])
			if partOfWord(before) || partOfWord(after) {
				b.WriteString(name)
			} else {
				b.WriteString("…")
			}
			rest = rest[at+len(name):]
		}
		text = b.String() + rest
	}
	return text
}

func partOfWord(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r))
}

// sqlState matches a code that is not words of the server's own.
var sqlState = regexp.MustCompile(`^[0-9A-Z]{5}$`)

// clean makes the words of servers in err fit to be shown: plain, cut and without the names. Every
// error of the driver passes through it on its way out of this package.
func (n secretNames) clean(err error) error {
	if err == nil {
		return nil
	}
	for _, leaf := range leaves(err) {
		if server, ok := errors.AsType[*pgconn.PgError](leaf); ok {
			for _, words := range []*string{&server.Severity, &server.Message, &server.Detail, &server.Hint, &server.Where} {
				*words = n.conceal(Plain(*words, serverWords))
			}
			if !sqlState.MatchString(server.Code) {
				server.Code = ""
			}
		}
	}
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return &connectError{words: wordsOf(connect), err: err}
	}
	return err
}

// connectError is a failure to connect, in words that contain neither user nor database.
type connectError struct {
	words string
	err   error
}

func (e *connectError) Error() string { return e.words }
func (e *connectError) Unwrap() error { return e.err }

// wordsOf names the hosts that were tried and what each of them answered. The driver's own words
// begin with user and database.
func wordsOf(connect *pgconn.ConnectError) string {
	words := strings.ReplaceAll(connect.Unwrap().Error(), "\n", "; ")
	return "cannot connect: " + namesOf(connect.Config).conceal(Plain(words, 2*messageLimit))
}
