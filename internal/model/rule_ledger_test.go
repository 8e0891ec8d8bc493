package model

import (
	"fmt"
	"slices"
)

// Rule 13: what is entered into the ledger.

// entry is one ledger entry.
type entry struct {
	key      ledgerKey
	amount   int64
	kind     string
	reason   string
	revision int
}

// entered checks the entries of one commit, after which the ledger has these sums: each key has
// received its own difference, with the kind of its sign, and for the reason and under the revision
// that its pair was decided with. Nothing says what an entry of a campaign that the pair has left
// names.
func (m *model) entered(entries []entry, sums map[ledgerKey]int64) (complaints []string) {
	desired := m.ledger()
	written := map[ledgerKey]bool{}
	for _, e := range entries {
		kind := "Grant"
		if e.amount < 0 {
			kind = "Reversal"
		}
		p := m.pairs[e.key.purchaseKey]
		switch {
		case written[e.key]:
			complaints = append(complaints, fmt.Sprintf("two entries of %v", e.key))
		case e.kind != kind:
			complaints = append(complaints, fmt.Sprintf("an entry of %d of %v is a %s", e.amount, e.key, e.kind))
		case p == nil:
			complaints = append(complaints, fmt.Sprintf("an entry of %v, which has no pair", e.key))
		case p.campaign == e.key.campaign && (e.reason != p.reason || e.revision != p.revision):
			complaints = append(complaints, fmt.Sprintf("an entry of %v for %s under revision %d, and the pair is %s for %s under revision %d",
				e.key, e.reason, e.revision, p.state, p.reason, p.revision))
		}
		written[e.key] = true
	}
	for key, sum := range sums {
		if sum != desired[key] {
			complaints = append(complaints, fmt.Sprintf("the entries of %v add up to %d, not %d", key, sum, desired[key]))
		}
	}
	for key, sum := range desired {
		if _, found := sums[key]; !found {
			complaints = append(complaints, fmt.Sprintf("no entry of %v, which has earned %d", key, sum))
		}
	}
	slices.Sort(complaints)
	return complaints
}
