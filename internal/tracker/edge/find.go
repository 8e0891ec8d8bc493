package edge

import (
	"context"
	"errors"
	"strings"
	"unicode"

	"github.com/referral-operator/referral-operator/internal/tracker/links"
)

// lookUp is Find or FindOnPage of a links.Directory.
type lookUp func(ctx context.Context, code string) (*links.Link, error)

// find returns the link of the first code that names one, and that code as the database writes it.
// While the database is away it returns ErrUnavailable and the first code that may name a link,
// without the end of a sentence.
// Else it returns ErrEnded if a code names a link that has ended, and ErrUnknown if none names a
// link.
func find(ctx context.Context, by lookUp, codes ...string) (link *links.Link, code string, err error) {
	possible, reason := "", links.ErrUnknown
	for _, given := range codes {
		given = links.Trim(given)
		shorter := withoutTail(given)
		link, err := findOne(ctx, by, given)
		maybe := errors.Is(err, links.ErrUnavailable)
		if maybe && (shorter == "" || !endsSentence(given[len(shorter):])) {
			shorter = given // the tail may be a part of the code, as in c++
		}
		if shorter != given && (maybe || errors.Is(err, links.ErrUnknown)) {
			link, err = findOne(ctx, by, shorter)
			if maybe && errors.Is(err, links.ErrUnknown) {
				err = links.ErrUnavailable
			}
		}
		switch {
		case err == nil:
			return link, link.Code, nil
		case errors.Is(err, links.ErrEnded):
			reason = err
		case errors.Is(err, links.ErrUnavailable) && possible == "" && links.Valid(shorter):
			possible = shorter
		}
	}
	if possible != "" {
		return nil, possible, links.ErrUnavailable
	}
	return nil, "", reason
}

// mayBeCode reports whether find may find a link for a text.
func mayBeCode(given string) bool {
	given = links.Trim(given)
	return links.Valid(given) || links.Valid(withoutTail(given))
}

func findOne(ctx context.Context, by lookUp, code string) (*links.Link, error) {
	if !links.Valid(code) {
		return nil, links.ErrUnknown
	}
	return by(ctx, code)
}

// withoutTail removes what messengers and people append to a link in a sentence: punctuation, emoji
// and invisible characters. A code that ends in such characters, as SQL can write one, is found
// before this. Accents stay, even as characters of their own: jose is not the code josé.
func withoutTail(code string) string {
	return strings.TrimRightFunc(code, func(c rune) bool {
		return unicode.IsPunct(c) || unicode.IsSymbol(c) || unicode.IsSpace(c) || unicode.In(c, unicode.Cf, unicode.Variation_Selector)
	})
}

// endsSentence reports whether a tail is what ends a sentence, or a part of one in brackets or
// quotation marks, so that no code is likely to end in it.
func endsSentence(tail string) bool {
	return strings.Trim(tail, " .,;:!?)]}>'\"…»”’\u00a0\u200b\u200d\ufe0f") == ""
}
