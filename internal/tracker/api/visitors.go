package api

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

const longestID = 255

// known is the visitor of a body.
type known struct {
	id      *string       // nil: none was given, or none that is valid
	token   visitor.Token // the zero Token where an id was given
	warning string        // why the given visitor was left out
}

// visitor reads a visitor: a token as in the cookie, or a visitor's id. Any other text is left out
// with a warning, because an invalid cookie must not make a signup fail.
func (a *api) visitor(given *string) known {
	switch {
	case given == nil || *given == "":
		return known{}
	case !strings.HasPrefix(*given, visitor.Prefix):
		if utf8.RuneCountInString(*given) > longestID {
			return known{warning: "visitor was left out: it is neither a token nor an id"}
		}
		return known{id: given}
	}
	token, err := a.Keys().Open(*given, time.Now())
	if err != nil {
		if refused, ok := errors.AsType[*visitor.Refused](err); ok {
			a.TokenRefused(refused.Reason)
		}
		return known{warning: "visitor was left out: " + err.Error()}
	}
	return known{id: &token.VisitorID, token: token}
}

func warnings(all ...string) (said []string) {
	for _, warning := range all {
		if warning != "" {
			said = append(said, warning)
		}
	}
	return said
}
