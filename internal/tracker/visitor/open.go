package visitor

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"iter"
	"strings"
	"time"
	"unicode/utf8"
)

// Reason is why a token is invalid: a closed list, for metrics.
type Reason string

// Reasons.
const (
	Malformed Reason = "malformed" // no token at all, or one cut short
	Oversized Reason = "oversized" // longer than any cookie
	Foreign   Reason = "foreign"   // sealed with none of the keys, or altered since
	Outdated  Reason = "outdated"  // its lifetime is over
)

// Reasons is the whole list.
func Reasons() []Reason { return []Reason{Malformed, Oversized, Foreign, Outdated} }

// Refused is the error for an invalid token. Its bearer is treated as a new visitor: an invalid
// token is no reason to refuse a request.
type Refused struct{ Reason Reason }

func (r *Refused) Error() string { return "the visitor token is " + string(r.Reason) }

const (
	longest     = 4096        // of a token: browsers keep no longer cookies
	envelope    = 5 + 12 + 16 // bytes of key id, nonce and tag around the content
	longestText = 255         // characters of ids and codes, as in the database
	largestText = 3 * longestText
)

// IsToken reports whether a text has the form of a token, valid or not. No visitor id that this
// package makes has it.
func IsToken(text string) bool {
	return strings.HasPrefix(text, Prefix) || strings.HasPrefix(text, pasetoPrefix)
}

// Open reads an unaltered token that Seal wrote, in this or an earlier version. Its errors are
// *Refused.
func (k *Keys) Open(text string, now time.Time) (Token, error) {
	if len(text) > longest {
		return Token{}, &Refused{Oversized}
	}
	body, ok := strings.CutPrefix(text, Prefix)
	if !ok {
		return k.openPaseto(text, now)
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil || len(sealed) <= envelope {
		return Token{}, &Refused{Malformed}
	}
	for _, key := range k.open {
		if content, err := key.Decrypt(sealed, purpose); err == nil {
			return decode(content, now)
		}
	}
	return Token{}, &Refused{Foreign}
}

// mostOld is how many texts in the form of tokens of earlier versions are tried of one request. Each
// takes 4 µs per key or more, and a request may have thousands.
const mostOld = 8

// OpenFirst reads the first valid token of a request's cookies. Without one it returns the zero
// Token and the error of the first cookie; nil if there are no cookies.
func (k *Keys) OpenFirst(cookies iter.Seq[string], now time.Time) (Token, error) {
	var first error
	old := 0
	for text := range cookies {
		if isPaseto(text) {
			if old++; old > mostOld {
				continue
			}
		}
		token, err := k.Open(text, now)
		if err == nil {
			return token, nil
		}
		first = cmp.Or(first, err)
	}
	return Token{}, first
}

// decode reads what encode wrote.
func decode(content []byte, now time.Time) (Token, error) {
	d := decoder{rest: content}
	last := d.number()
	t := Token{VisitorID: d.text()}
	for i := 0; len(d.rest) > 0 && !d.failed; i++ {
		t.Last = Touch{ID: d.text(), Code: d.text(), At: time.UnixMicro(d.number()).UTC()}
		switch i {
		case 0:
			t.First = t.Last
		case 1:
		default:
			d.failed = true
		}
	}
	switch {
	case d.failed:
		return Token{}, &Refused{Malformed}
	case now.After(time.Unix(last, 0)):
		return Token{}, &Refused{Outdated}
	}
	return t, nil
}

// decoder reads numbers and texts. After a failure it reads zero values.
type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) number() int64 {
	value, n := binary.Varint(d.rest)
	return fallible(d, value, n)
}

// text reads a text that is not empty and fits into the database.
func (d *decoder) text() string {
	value, n := binary.Uvarint(d.rest)
	if length := fallible(d, value, n); !d.failed && length <= uint64(len(d.rest)) {
		text := string(d.rest[:length])
		d.rest = d.rest[length:]
		d.failed = !fits(text)
		return text
	}
	d.failed = true
	return ""
}

// fallible skips the n bytes of a value; there are none if n is not above 0.
func fallible[T int64 | uint64](d *decoder, value T, n int) T {
	if n <= 0 || d.failed {
		d.failed = true
		return 0
	}
	d.rest = d.rest[n:]
	return value
}

func fits(text string) bool {
	return text != "" && len(text) <= largestText && utf8.RuneCountInString(text) <= longestText
}
