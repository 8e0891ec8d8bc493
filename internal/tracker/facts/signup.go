package facts

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

// Signup is a fact: a user signed up.
type Signup struct {
	UserID       string     `json:"user_id" minLength:"1" maxLength:"255" doc:"The application's pseudonym of the user."`
	VisitorID    *string    `json:"visitor_id,omitempty" maxLength:"255" doc:"The visitor that became this user."`
	Code         *string    `json:"code,omitempty" maxLength:"255" doc:"Code that was typed in, in any case; one that names a link decides alone, one that names none is as if it were not there."`
	SignedUpAt   *time.Time `json:"signed_up_at,omitempty" doc:"When the user signed up. Left out: now."`
	Fingerprints []string   `json:"fingerprints,omitempty" maxItems:"64" minLength:"1" maxLength:"255" doc:"Keyed hashes of device, card or address; one shared with the referrer is self-referral."`
	Attributes   Attributes `json:"attributes,omitempty" doc:"Anything else about the signup, for conditions of a policy."`

	// Touches that the visitor's token carries, in case their rows were lost.
	Touches []touches.Touch `json:"-"`
}

// StoredSignup is a signup as it is stored.
type StoredSignup struct {
	Signup
	ArrivedAt time.Time `json:"arrived_at" doc:"When it arrived, by the database's clock."`

	erased, sameCode bool
}

func signups(sql postgres.Queries) *kind[Signup, StoredSignup] {
	return &kind[Signup, StoredSignup]{
		name:    "signup",
		insert:  sql.Get("insert_signup"),
		find:    sql.Get("find_signup"),
		columns: signupColumns,
		key:     func(s *Signup) key { return key{s.UserID} },
		stored:  func(s *StoredSignup) key { return key{s.UserID} },
		scan: func(s *StoredSignup) []any {
			return []any{
				&s.UserID, &s.VisitorID, &s.Code, instant{&s.SignedUpAt}, &s.Fingerprints, &s.Attributes, always{&s.ArrivedAt}, &s.erased, &s.sameCode,
			}
		},
		differ: func(g *Signup, s *StoredSignup, same bool) []Difference {
			var d differences
			if !s.sameCode {
				d.note("code", g.Code, s.Code)
			}
			d.instant("signed_up_at", g.SignedUpAt, s.SignedUpAt)
			if s.erased {
				return d // the rest was forgotten, not stored otherwise
			}
			d.optional("visitor", g.VisitorID, valueOf(s.VisitorID))
			d.set("fingerprints", g.Fingerprints, s.Fingerprints)
			if !same {
				d.note("attributes", g.Attributes, s.Attributes)
			}
			return d
		},
	}
}

func signupColumns(rows []*Signup) []any {
	n := len(rows)
	userID, visitorID, code := make([]string, n), make([]string, n), make([]string, n)
	signedUpAt, fingerprints, attributes := make([]*time.Time, n), make([]string, n), make([]string, n)
	for i, s := range rows {
		userID[i], visitorID[i], code[i] = s.UserID, valueOf(s.VisitorID), valueOf(s.Code)
		signedUpAt[i], fingerprints[i], attributes[i] = s.SignedUpAt, listText(s.Fingerprints), s.Attributes.text()
	}
	return []any{userID, visitorID, code, signedUpAt, fingerprints, attributes}
}

// listText is a list in JSON: an array of arrays would have to be a rectangle.
func listText(list []string) string {
	if list == nil {
		return "[]"
	}
	text, err := json.Marshal(list)
	if err != nil {
		panic(fmt.Sprintf("a list of strings is not JSON: %v", err))
	}
	return string(text)
}

func valueOf(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
