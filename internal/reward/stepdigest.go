package reward

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// Step identifies an edit of a campaign together with the revision that it starts from: terms with
// their scope, policy, a deletion that reverses, and whatever else admits or grants more, each only
// if the edit changes it. What only admits or grants less, suspend and metadata are no part of it.
//
// A field that is added later must be omitted while it has the meaning of its absence, so that
// digests stay what they are.
type Step struct {
	Database     string `json:"database"` // namespace and name of the AttributionDatabase
	Campaign     string `json:"campaign"`
	RulesVersion int    `json:"rulesVersion"`

	// The revision that the step starts from; zero: there is none.
	FromRevision int    `json:"fromRevision"`
	FromDigest   string `json:"fromDigest"`

	Terms  *Terms        `json:"terms,omitempty"`  // nil: the terms in force
	Scope  RevisionScope `json:"scope,omitempty"`  // of Terms
	Policy string        `json:"policy,omitempty"` // another policy than before

	PairsPerReferrer *Limit         `json:"pairsPerReferrer,omitempty"`  // a higher cap
	Budget           *Limit         `json:"budget,omitempty"`            // a higher budget, or one in another currency
	StartsAt         *Bound         `json:"startsAt,omitempty"`          // an earlier start
	EndsAt           *Bound         `json:"endsAt,omitempty"`            // a later end
	Window           *time.Duration `json:"attributionWindow,omitempty"` // a longer window
	DeletesReversing bool           `json:"deletesReversing,omitempty"`
}

// Limit is a new limit, or that there is none any more.
type Limit struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
	None     bool   `json:"none"`
}

// Bound is a new bound of a period, or that there is none any more.
type Bound struct {
	At   *time.Time `json:"at,omitempty"`
	None bool       `json:"none"`
}

// Digest returns "sha256:" and the hash of the step's canonical form: JSON with sorted keys and
// without neutral values (null, "", 0, false, and objects and lists that are empty). Rewards are
// sorted by name.
func (s Step) Digest() string {
	if s.Terms != nil {
		terms := *s.Terms
		terms.Rewards = slices.Clone(terms.Rewards)
		slices.SortFunc(terms.Rewards, func(a, b Reward) int { return strings.Compare(a.Name, b.Name) })
		if terms.BeforeSignup == DefaultBeforeSignup {
			terms.BeforeSignup = 0
		}
		s.Terms = &terms
	}
	sum := sha256.Sum256(canonical(s))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// canonical returns the canonical form of plain data, which can always be written as JSON.
func canonical(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic("reward: a step cannot be written as JSON: " + err.Error())
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // amounts are exact
	var plain any
	if err := decoder.Decode(&plain); err != nil {
		panic("reward: a step cannot be read as JSON: " + err.Error())
	}
	if text, err = json.Marshal(withoutNeutral(plain)); err != nil {
		panic("reward: a step cannot be written as JSON: " + err.Error())
	}
	return text
}

// withoutNeutral removes neutral values from objects. Items of lists stay. It returns nil for a
// neutral value.
func withoutNeutral(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if member = withoutNeutral(member); member == nil {
				delete(v, key)
			} else {
				v[key] = member
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i, item := range v {
			if kept := withoutNeutral(item); kept != nil {
				v[i] = kept
			}
		}
		if len(v) == 0 {
			return nil
		}
	case json.Number:
		if v == "0" {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return value
}
