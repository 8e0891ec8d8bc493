package api

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

const longestID = 255

// known is what a body's visitor turned out to be.
type known struct {
	id      *string       // nil: none that can be believed
	token   visitor.Token // the zero Token where an id was given
	warning string        // why what was given was left out
}

// visitor reads a visitor: a token as in the cookie, or a visitor's id. What is
// neither is left out with a warning, for a bad cookie must never cost a signup.
func (a *api) visitor(given *string) known {
	switch {
	case given == nil || *given == "":
		return known{}
	case !strings.HasPrefix(*given, visitor.Prefix):
		if utf8.RuneCountInString(*given) > longestID {
			return known{warning: "visitor was left out: it is too long for an id, and no token"}
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
