package postgres

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"
)

// Plain returns text on one line, of at most limit bytes, without control characters and without
// invisible characters that change how the rest is shown. Apply it to what a server says before it
// is shown to people. The result is a copy, so that it does not keep the memory of a long text.
func Plain(text string, limit int) string { return strings.Clone(Cut(oneLine(text), limit)) }

func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError:
			return -1
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Z):
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// Cut returns at most limit bytes of text, which is cut between two characters and marked by "…"
// where the limit has room for that mark.
func Cut(text string, limit int) string {
	mark := "…"
	if len(text) <= limit {
		return text
	}
	if limit < len(mark) {
		mark = ""
	}
	return strings.Clone(strings.ToValidUTF8(text[:max(0, limit-len(mark))], "")) + mark
}

const (
	// serverWords is the most bytes of one field of a server's error.
	serverWords = 300

	// errorWords is the most bytes of a whole error of the driver.
	errorWords = 2 * messageLimit

	// shortPassword is the length below which a password is replaced only where it is a whole word:
	// elsewhere it would be found in the middle of ordinary words.
	shortPassword = 4
)

// secretNames are the user, the password and the database of a connection URI. They are parts of a
// Secret, and no message contains them. They are concealed
// where a server repeats them, not where it encodes them.
type secretNames []secretName

type secretName struct {
	text      string
	wholeWord bool // replaced only where it is a whole word
}

// namesOf returns the password first, because it may contain the other names.
func namesOf(config *pgconn.Config) secretNames {
	var names secretNames
	quoted := strconv.Quote(config.Password)
	for _, password := range []string{
		config.Password, url.QueryEscape(config.Password), url.PathEscape(config.Password), quoted[1 : len(quoted)-1],
	} {
		names = append(names, secretName{password, len(config.Password) < shortPassword})
	}
	return append(names, secretName{config.User, true}, secretName{config.Database, true})
}

// conceal replaces the names by "…".
func (n secretNames) conceal(text string) string {
	for _, name := range n {
		text = name.conceal(text)
	}
	return text
}

func (n secretName) conceal(text string) string {
	if n.text == "" {
		return text
	}
	var b strings.Builder
	for {
		at := strings.Index(text, n.text)
		if at < 0 {
			b.WriteString(text)
			return b.String()
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		after, _ := utf8.DecodeRuneInString(text[at+len(n.text):])
		b.WriteString(text[:at])
		if n.wholeWord && (partOfWord(before) || partOfWord(after)) {
			b.WriteString(n.text)
		} else {
			b.WriteString("…")
		}
		text = text[at+len(n.text):]
	}
}

// plain is Plain without the names. They are replaced before the text is cut, which would leave a
// part of a name, and again on one line, since characters that are left out may have divided a
// name.
func (n secretNames) plain(text string, limit int) string {
	return strings.Clone(Cut(n.conceal(oneLine(n.conceal(text))), limit))
}

func partOfWord(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r))
}

// sqlState matches a code that is not words of the server's own.
var sqlState = regexp.MustCompile(`^[0-9A-Z]{5}$`)

// clean makes the words of err fit to be shown: plain, cut and without the names. Every error of
// the driver passes through it on its way out of this package. Errors are kept for long, and a
// server may write a message of 4 MiB into each, so clean leaves nothing in err that is longer.
func (n secretNames) clean(err error) error {
	if err == nil {
		return nil
	}
	causes := leaves(err)
	for i, leaf := range causes {
		causes[i] = n.cause(leaf)
	}
	words := err.Error()
	connect, connecting := errors.AsType[*pgconn.ConnectError](err)
	if connecting {
		words = wordsOf(connect)
	}
	if plain := n.plain(words, errorWords); connecting || plain != err.Error() {
		return &plainError{words: plain, causes: causes, connecting: connecting}
	}
	return err
}

// Short returns err with words that are plain and cut, and nothing longer in it. Apply it to an
// error that repeats what a server said before it is kept.
func Short(err error) error { return secretNames(nil).clean(err) }

// cause returns what is kept of an innermost error: enough for Classify and for what else this
// package says about an error.
func (n secretNames) cause(leaf error) error {
	server, ok := errors.AsType[*pgconn.PgError](leaf)
	switch {
	case ok:
		code := server.Code
		if !sqlState.MatchString(code) {
			code = ""
		}
		*server = pgconn.PgError{
			Severity: n.plain(server.Severity, serverWords), SeverityUnlocalized: n.plain(server.SeverityUnlocalized, serverWords), Code: code, Message: n.plain(server.Message, serverWords),
			Detail: n.plain(server.Detail, serverWords), Hint: n.plain(server.Hint, serverWords), Where: n.plain(server.Where, serverWords),
			ConstraintName: strings.Clone(Cut(server.ConstraintName, serverWords)),
		}
		return server
	case classifyLeaf(leaf) == ClassCertificateNotTrusted:
		return errCertificate
	case len(leaf.Error()) > errorWords:
		return errLongWords
	default:
		return leaf
	}
}

var (
	// errCertificate stands for an error that has the server's certificates.
	errCertificate = errors.New("the server's certificate is not trusted")
	// errLongWords stands for an error that has long words.
	errLongWords = errors.New("an error of the driver")
)

// plainError is an error of the driver in other words, since its own were not plain or contained a
// name. A value that cannot be read is an example: the error repeats it.
type plainError struct {
	words      string
	causes     []error // innermost errors
	connecting bool    // the words name the hosts that were tried
}

func (e *plainError) Error() string   { return e.words }
func (e *plainError) Unwrap() []error { return e.causes }

// wordsOf names the hosts that were tried and what each of them answered. The driver's own words
// begin with user and database.
func wordsOf(connect *pgconn.ConnectError) string {
	words := strings.ReplaceAll(connect.Unwrap().Error(), "\n", "; ")
	return "cannot connect: " + namesOf(connect.Config).plain(words, errorWords)
}
