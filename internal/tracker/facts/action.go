package facts

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
)

// Action is a fact: something else that a visitor or user did.
type Action struct {
	ActionID  *string
	UserID    *string
	VisitorID *string
	Code      *string
	Action    string
	Target    *string
	ActedAt   *time.Time

	// Followed is the code of the last touch in the visitor's token.
	Followed string

	derivedID string // of an action without an id; see identify
	sameCode  bool   // of a stored action: its code equals the given one
}

// actor is the id of the user or, if none is known, of the visitor.
func (a *Action) actor() string {
	if a.UserID != nil {
		return *a.UserID
	}
	return valueOf(a.VisitorID)
}

// id is the action's id or, without one, the one that identify has derived.
func (a *Action) id() string {
	if a.ActionID != nil {
		return *a.ActionID
	}
	return a.derivedID
}

// derive derives an id from the given fields, with the code as the database compares it. So without
// an id and a time, the same action on the same target is recorded once, in whatever spelling its
// code is given.
func (a *Action) derive(normalCode string) {
	digest := sha256.New()
	for _, part := range []string{a.Action, valueOf(a.Target), normalCode, instantText(a.ActedAt)} {
		digest.Write([]byte(part))
		digest.Write([]byte{0}) // no part contains it
	}
	a.derivedID = base64.RawURLEncoding.EncodeToString(digest.Sum(nil))
}

// identify derives the ids of actions without one. The database says how their codes are compared:
// that depends on its locale. Without a code no statement is needed.
func (s *Store) identify(ctx context.Context, tx pgx.Tx, given []*Action) error {
	var coded []*Action
	var codes []string
	for _, a := range given {
		switch {
		case a.ActionID != nil || a.derivedID != "":
		case valueOf(a.Code) == "":
			a.derive("")
		default:
			coded, codes = append(coded, a), append(codes, *a.Code)
		}
	}
	if len(codes) == 0 {
		return nil
	}
	rows, err := tx.Query(ctx, s.sql.Get("normal_codes"), codes)
	if err == nil {
		codes, err = postgres.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		return fmt.Errorf("while normalising the codes of actions: %w", err)
	}
	for i, a := range coded {
		a.derive(codes[i])
	}
	return nil
}

// act records actions.
func (s *Store) act(ctx context.Context, tx pgx.Tx, given []*Action) ([]Outcome[Action], error) {
	if err := s.identify(ctx, tx, given); err != nil {
		return nil, err
	}
	return s.actions.write(ctx, tx, given)
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
			// A stored visitor that is missing was unknown or is erased. Without an id a user's action
			// is the same on each of the user's devices.
			if s.VisitorID != nil && a.ActionID != nil {
				d.optional(visitorField, a.VisitorID, *s.VisitorID)
			}
			if !s.sameCode {
				d.note("code", s.Code)
			}
			d.text("action", a.Action, s.Action)
			d.optional("target", a.Target, valueOf(s.Target))
			d.instant("acted_at", a.ActedAt, s.ActedAt)
			return d
		},
	}
}

func actionColumns(rows []*Action) pgx.StrictNamedArgs {
	n := len(rows)
	actionID, userID, visitorID := make([]string, n), make([]string, n), make([]string, n)
	code, followed := make([]string, n), make([]string, n)
	action, target, actedAt := make([]string, n), make([]string, n), make([]*time.Time, n)
	for i, a := range rows {
		actionID[i], userID[i], visitorID[i] = a.id(), valueOf(a.UserID), valueOf(a.VisitorID)
		code[i], followed[i] = valueOf(a.Code), a.Followed
		action[i], target[i], actedAt[i] = a.Action, valueOf(a.Target), a.ActedAt
	}
	return pgx.StrictNamedArgs{
		"action_ids": actionID, "user_ids": userID, "visitor_ids": visitorID, "codes": code,
		"followed": followed, "actions": action, "targets": target, "acted_at": actedAt,
	}
}
