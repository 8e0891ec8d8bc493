package api

import (
	"errors"
	"time"

	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// known is the visitor of a body.
type known struct {
	id      *string       // nil: none was given, or none that is valid
	token   visitor.Token // the zero Token without a valid one
	warning string        // why something was left out
}

// visitor reads the visitor of a body from a token and an id, either of which may be missing. A
// valid token has precedence. Anything invalid is left out with a warning, because an invalid
// cookie must not make a signup fail. A token must not have been outdated when the event occurred:
// a shop may deliver it much later.
func (a *api) visitor(text, id *string, occurred *time.Time) known {
	var v known
	if id != nil && *id != "" {
		if visitor.IsToken(*id) {
			v.warning = "visitor_id was left out: it is a token, which belongs in visitor"
		} else {
			v.id = id
		}
	}
	if text == nil || *text == "" {
		return v
	}
	presented := time.Now()
	if occurred != nil && occurred.Before(presented) {
		presented = *occurred
	}
	token, err := a.Keys().Open(*text, presented)
	if err != nil {
		if refused, ok := errors.AsType[*visitor.Refused](err); ok {
			a.TokenRefused(refused.Reason)
		}
		v.warning = "visitor was left out: " + err.Error()
		return v
	}
	if v.id != nil && *v.id != token.VisitorID {
		v.warning = "visitor_id was left out: the token in visitor is of another visitor"
	}
	v.id, v.token = &token.VisitorID, token
	return v
}

// warnings are those of a result; nil: there is none.
func warnings(warning string) []string {
	if warning == "" {
		return nil
	}
	return []string{warning}
}
