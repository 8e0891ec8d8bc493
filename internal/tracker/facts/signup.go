package facts

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/touches"
)

// Signup is a fact: a user signed up.
type Signup struct {
	UserID       string
	VisitorID    *string
	FromToken    bool // VisitorID is from the visitor's token
	Code         *string
	SignedUpAt   *time.Time
	Fingerprints []string
	Attributes   Attributes

	// Touches are those in the visitor's token, in case their rows were lost.
	Touches []touches.Touch
}

// StoredSignup is a signup as it is stored. Abridged: it was stored before, and long attributes and
// fingerprints are left out; WholeSignup reads them. Long ones of a new one are as they were given.
type StoredSignup struct {
	Signup
	ArrivedAt time.Time
	Abridged  bool

	erased, sameCode, sameFingerprints bool
	largeFingerprints, largeAttributes bool // more than is read
}

// visitorField is the field of a fact's visitor.
const visitorField = "visitor_id"

func signups(sql postgres.Queries) *kind[Signup, StoredSignup] {
	return &kind[Signup, StoredSignup]{
		name:   "signup",
		insert: sql.Get("insert_signup"),
		find:   sql.Get("find_signup"), abridges: true,
		columns: signupColumns,
		key:     func(s *Signup) key { return key{s.UserID} },
		stored:  func(s *StoredSignup) key { return key{s.UserID} },
		scan: func(s *StoredSignup) []any {
			return []any{
				&s.UserID, &s.VisitorID, &s.Code, instant{&s.SignedUpAt}, &s.Fingerprints, &s.Attributes, always{&s.ArrivedAt},
				&s.erased, &s.sameCode, &s.sameFingerprints, &s.largeFingerprints, &s.largeAttributes, &s.Abridged,
			}
		},
		differ: func(g *Signup, s *StoredSignup, same bool) []Difference {
			var d differences
			if !s.sameCode {
				d.note("code", s.Code)
			}
			d.instant("signed_up_at", g.SignedUpAt, s.SignedUpAt)
			// Fields that are erased cannot differ.
			if !s.erased {
				d.optional(visitorField, g.VisitorID, valueOf(s.VisitorID))
			}
			noteLong(&d, "fingerprints", s.erased || s.sameFingerprints, s.largeFingerprints, s.Fingerprints)
			noteLong(&d, "attributes", s.erased || same, s.largeAttributes, s.Attributes)
			return d
		},
	}
}

// complete adds to a new signup the long fingerprints and attributes that it was given.
func (s *StoredSignup) complete(given *Signup) {
	if !s.Abridged {
		return
	}
	if s.Fingerprints == nil {
		s.Fingerprints = given.Fingerprints
	}
	if s.Attributes == nil && !given.Attributes.empty() {
		s.Attributes = given.Attributes
	}
	s.Abridged = false
}

func signupColumns(rows []*Signup) pgx.StrictNamedArgs {
	n := len(rows)
	userID, visitorID, code := make([]string, n), make([]string, n), make([]string, n)
	signedUpAt, fingerprints, attributes := make([]*time.Time, n), make([]string, n), make([]string, n)
	for i, s := range rows {
		userID[i], visitorID[i], code[i] = s.UserID, valueOf(s.VisitorID), valueOf(s.Code)
		signedUpAt[i], fingerprints[i], attributes[i] = s.SignedUpAt, listText(s.Fingerprints), string(s.Attributes)
	}
	return pgx.StrictNamedArgs{
		"user_ids": userID, "visitor_ids": visitorID, "codes": code, "signed_up_at": signedUpAt,
		"fingerprints": fingerprints, "attributes": attributes,
	}
}

// listText is a list in JSON; empty if none was given. In an array of arrays, Postgres requires
// lists of one length.
func listText(list []string) string {
	if list == nil {
		return ""
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
