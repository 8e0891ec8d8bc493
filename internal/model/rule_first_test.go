package model

// Rule 5: First.

// first returns the index of the first purchase, or -1: of the counting purchases the earliest by
// (purchased_at, purchase_id), unless another is already admitted and still counts. A denied
// purchase goes on occupying First.
func first(verdicts []*verdict) int {
	place := -1
	for i, v := range verdicts {
		if v.stays && v.pair.occupies() {
			return i
		}
		if v.reason != "" || v.gone || v.override == "Deny" && v.terms.Every {
			continue
		}
		if place < 0 || v.before(verdicts[place]) {
			place = i
		}
	}
	return place
}

func (v *verdict) before(w *verdict) bool {
	a, b := v.keeps(), w.keeps()
	switch {
	case a != b:
		return a
	case v.purchase.at != w.purchase.at:
		return v.purchase.at < w.purchase.at
	}
	return v.key.id < w.key.id
}

// keeps reports whether the pair was admitted and still counts, or would count without a Deny.
func (v *verdict) keeps() bool { return !v.lapsed && (v.pair.occupies() || v.deniedPlace()) }

func (v *verdict) deniedPlace() bool {
	return v.pair.admitted() && v.pair.state == "Reversed" && v.pair.reason == "Overridden" && v.override == "Deny"
}
