package facts

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Action is a fact: anything else worth remembering that a visitor or user did.
type Action struct {
	ActionID  *string    `json:"action_id,omitempty" minLength:"1" maxLength:"255" doc:"Tells one action from another. Left out: it follows from the other fields as they are given, so that the same body again is the same action."`
	UserID    *string    `json:"user_id,omitempty" minLength:"1" maxLength:"255" doc:"The user; left out where none is known."`
	VisitorID *string    `json:"visitor_id,omitempty" minLength:"1" maxLength:"255" doc:"The visitor; left out where none is known."`
	Code      *string    `json:"code,omitempty" maxLength:"255" doc:"Code of the link it is counted for. Left out: the one that the user's signup is bound to, else the one the visitor followed last."`
	Action    string     `json:"action" minLength:"1" maxLength:"255" example:"view" doc:"What was done."`
	Target    *string    `json:"target,omitempty" maxLength:"2048" doc:"What it was done to, in the application's words."`
	ActedAt   *time.Time `json:"acted_at,omitempty" doc:"When it was done. Left out: now."`

	// Followed is the code that the visitor's token says was followed last.
	Followed string `json:"-"`

	sameCode bool // of a stored action: its code is the one that was given
}

// actor is who did it: the user, or the visitor where no user is known.
func (a *Action) actor() string {
	if a.UserID != nil {
		return *a.UserID
	}
	return valueOf(a.VisitorID)
}

// id is the action's number, or what stands in for it: a digest of what was
// given. Without a number or a time, the same action on the same target is
// remembered once.
func (a *Action) id() string {
	if a.ActionID != nil {
		return *a.ActionID
	}
	digest := sha256.New()
	for _, part := range []string{a.Action, valueOf(a.Target), valueOf(a.Code), instantText(a.ActedAt)} {
		digest.Write([]byte(part))
		digest.Write([]byte{0}) // which no part has
	}
	return base64.RawURLEncoding.EncodeToString(digest.Sum(nil))
}

func instantText(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}

func actions(sql postgres.Queries) *kind[Action, Action] {
	return &kind[Action, Action]{
		name:    "action",
		insert:  sql.Get("insert_action"),
		find:    sql.Get("find_action"),
		columns: actionColumns,
		key:     func(a *Action) key { return key{a.actor(), a.id()} },
		stored:  func(s *Action) key { return key{s.actor(), s.id()} },
		scan: func(s *Action) []any {
			return []any{&s.ActionID, &s.UserID, &s.VisitorID, &s.Code, &s.Action, &s.Target, instant{&s.ActedAt}, &s.sameCode}
		},
		differ: func(a, s *Action, _ bool) []Difference {
			var d differences
			if s.VisitorID != nil { // else it was not known, or forgotten
				d.optional("visitor", a.VisitorID, *s.VisitorID)
			}
			if !s.sameCode {
				d.note("code", a.Code, s.Code)
			}
			d.text("action", a.Action, s.Action)
			d.optional("target", a.Target, valueOf(s.Target))
			d.instant("acted_at", a.ActedAt, s.ActedAt)
			return d
		},
	}
}

func actionColumns(rows []*Action) []any {
	n := len(rows)
	actionID, userID, visitorID := make([]string, n), make([]string, n), make([]string, n)
	code, followed := make([]string, n), make([]string, n)
	action, target, actedAt := make([]string, n), make([]string, n), make([]*time.Time, n)
	for i, a := range rows {
		actionID[i], userID[i], visitorID[i] = a.id(), valueOf(a.UserID), valueOf(a.VisitorID)
		code[i], followed[i] = valueOf(a.Code), a.Followed
		action[i], target[i], actedAt[i] = a.Action, valueOf(a.Target), a.ActedAt
	}
	return []any{actionID, userID, visitorID, code, followed, action, target, actedAt}
}
