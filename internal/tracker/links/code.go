package links

import (
	"crypto/rand"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// alphabet leaves out characters that look alike in print or handwriting: i, l and 1; o and 0.
const alphabet = "abcdefghjkmnpqrstuvwxyz23456789"

const (
	newLength   = 13              // of 31 letters and digits: 64 bits
	longestCode = 255             // characters, as in the database
	largestCode = 3 * longestCode // bytes: two such codes fit into a cookie

	shortestVanity = 3
	longestVanity  = 64
)

// NewCode draws a code that cannot be guessed: 64 random bits.
func NewCode() string {
	// Bytes past the last multiple of the alphabet's length are drawn again, so that all characters
	// are equally likely.
	const fair = 256 / len(alphabet) * len(alphabet)
	code := make([]byte, 0, newLength)
	var random [2 * newLength]byte
	for {
		_, _ = rand.Read(random[:]) // never fails
		for _, b := range random {
			if int(b) >= fair {
				continue
			}
			if code = append(code, alphabet[int(b)%len(alphabet)]); len(code) == newLength {
				return string(code)
			}
		}
	}
}

// Trim removes the same white space around a code as referral.normal_code. The database lowers the
// case.
func Trim(code string) string { return strings.Trim(code, " \t\n\v\f\r") }

// Valid reports whether a trimmed code can be looked up. It is wider than CheckVanity, because SQL
// can write a link with any code. Control characters are refused, because X-Referral-Code cannot
// contain them. U+0130 counts twice: it is the one character whose lower case may have two.
func Valid(code string) bool {
	longest := longestCode - strings.Count(code, "\u0130")
	if code == "" || len(code) > largestCode || utf8.RuneCountInString(code) > longest || !utf8.ValidString(code) {
		return false
	}
	for _, c := range code {
		if unicode.IsControl(c) {
			return false
		}
	}
	return true
}

var vanity = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?$`)

// reserved are words of the tracker's paths, and words that people take for the shop's own pages.
var reserved = []string{
	"admin", "api", "capture", "docs", "favicon", "healthz", "help", "login", "logout", "metrics", "new", "null", "openapi",
	"r", "readyz", "ref", "referral", "referrals", "robots", "signup", "support", "undefined", "v1", "www",
}

// CheckVanity returns an error if a trimmed code may not be chosen for a new link.
func CheckVanity(code string) error {
	switch {
	case len(code) < shortestVanity, len(code) > longestVanity:
		return fmt.Errorf("the code must have %d to %d characters", shortestVanity, longestVanity)
	case !vanity.MatchString(code):
		return errors.New("the code must consist of letters a to z, digits, '-' and '_', and begin and end with a letter or digit")
	case slices.ContainsFunc(reserved, func(word string) bool { return strings.EqualFold(word, code) }): // all ASCII
		return fmt.Errorf("the code %q is reserved: choose another", code)
	}
	return nil
}
