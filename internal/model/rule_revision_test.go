package model

// Rule 6 (and 15): the revision that a pair follows.

// follow returns the newest revision that reaches the pair, beginning with the pair's own or the
// first.
func (m *model) follow(v *verdict) int {
	c := m.campaigns[v.campaign]
	number, counted := 1, false
	// A pair that a deleted campaign took back is decided anew once the campaign is declared again
	// (rule 17).
	if v.pair != nil && v.pair.campaign == v.campaign && (c.mode == closed || !m.takenBack(v.pair)) {
		number, counted = v.pair.revision, true
	}
	arrived := max(v.signup.arrived, v.purchase.arrived)
	for next := number + 1; next <= len(c.revisions); next++ {
		r := c.revisions[next-1]
		waited := counted && v.pair.state == "Waiting" && v.pair.counted < r.recorded
		matures := v.purchase.at + at(c.revisions[number-1].terms.Hold)*hour
		switch {
		case r.scope == "AllPairs",
			r.scope == "HeldPairs" && (waited || matures > r.recorded),
			(!counted || waited) && arrived > r.recorded:
			number = next
		}
	}
	return number
}
