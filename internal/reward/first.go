package reward

// firstOf returns the index of the referee's first purchase: the one that keeps its place as First,
// else the earliest that counts. -1: none counts.
//
// Purchases of all revisions compete, but only those of revisions with First need to win.
func firstOf(candidates []candidate) int {
	first := -1
	for i := range candidates {
		c := &candidates[i]
		if c.frozen && c.occupying() {
			return i // a suspended pair stays as it is recorded
		}
		if c.competesForFirst() && (first < 0 || c.comesBefore(&candidates[first])) {
			first = i
		}
	}
	return first
}

// keepsPlace reports whether the candidate is admitted, or was admitted and is reversed only
// because of a Deny that still stands: denying a purchase must not pass its reward on to the next
// one.
func (c *candidate) keepsPlace() bool {
	return c.occupying() || c.admitted() && c.pair.State == Reversed && c.pair.Reason == Overridden && c.denied()
}

// competesForFirst reports whether the candidate counts, or would count without a Deny.
func (c *candidate) competesForFirst() bool {
	return c.reason == "" && (!c.denied() || c.earnsOnlyAsFirst())
}

// earnsOnlyAsFirst reports whether the candidate earns only as its referee's first purchase.
func (c *candidate) earnsOnlyAsFirst() bool { return c.revision.Terms.Purchases == FirstPurchase }

func (c *candidate) comesBefore(d *candidate) bool {
	if c.keepsPlace() != d.keepsPlace() {
		return c.keepsPlace()
	}
	if order := c.purchase.PurchasedAt.Compare(d.purchase.PurchasedAt); order != 0 {
		return order < 0
	}
	return c.purchase.ID < d.purchase.ID
}
