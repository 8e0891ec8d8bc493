package reward

// firstOf finds the purchase that has the place of the first: one that keeps
// it, else the earliest that counts. -1: none counts.
//
// All purchases compete, also those of revisions under which every purchase
// earns; but only those of revisions with First lose by it.
func firstOf(candidates []candidate) int {
	first := -1
	for i := range candidates {
		c := &candidates[i]
		if c.frozen && c.occupying() {
			return i // whatever has become of its facts
		}
		if c.claimsPlace() && (first < 0 || c.comesBefore(&candidates[first])) {
			first = i
		}
	}
	return first
}

// keepsPlace tells that the candidate was admitted and has not been taken back,
// or was taken back by nothing but a Deny that still stands: denying a purchase
// must not hand its reward to the next one.
func (c *candidate) keepsPlace() bool {
	return c.occupying() || c.admitted() && c.pair.State == Reversed && c.pair.Reason == Overridden && c.denied()
}

// claimsPlace tells that the candidate counts, or would but for a Deny.
func (c *candidate) claimsPlace() bool {
	return c.reason == "" && (!c.denied() || c.wantsPlace())
}

// wantsPlace tells that the candidate earns only as the first.
func (c *candidate) wantsPlace() bool { return c.revision.Terms.Purchases == FirstPurchase }

func (c *candidate) comesBefore(d *candidate) bool {
	if c.keepsPlace() != d.keepsPlace() {
		return c.keepsPlace()
	}
	if order := c.purchase.PurchasedAt.Compare(d.purchase.PurchasedAt); order != 0 {
		return order < 0
	}
	return c.purchase.ID < d.purchase.ID
}
