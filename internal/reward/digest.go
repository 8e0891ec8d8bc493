package reward

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
)

// Digest returns "sha256:" and the hash of the terms' canonical JSON. Equal terms have equal
// digests, whatever the order of their rewards.
func (t Terms) Digest() string {
	t.Rewards = slices.Clone(t.Rewards)
	slices.SortFunc(t.Rewards, func(a, b Reward) int { return strings.Compare(a.Name, b.Name) })
	// The default and a revision that was recorded without the field have one digest: declaring an
	// unchanged policy under a newer version adds no revision.
	if t.BeforeSignup == DefaultBeforeSignup {
		t.BeforeSignup = 0
	}
	// Fields are written in the order of the struct, and maps by key. Marshalling terms cannot
	// fail.
	canonical, err := json.Marshal(t)
	if err != nil {
		panic("reward: terms cannot be written as JSON: " + err.Error())
	}
	sum := sha256.Sum256(canonical)
	return "sha256:" + hex.EncodeToString(sum[:])
}
