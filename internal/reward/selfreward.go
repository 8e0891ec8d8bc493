package reward

import "slices"

// selfReferral requires the referrer to be another person than the referee, unless an Allow lifts
// it. It applies to an admitted pair too, because only an Allow can have admitted such a pair.
func selfReferral(c *candidate) Reason {
	if c.attribution.ReferrerID == c.referee.UserID && c.purchase.Override != Allow {
		return SelfReferral
	}
	return ""
}

// sharedFingerprint requires that the signup and the referrer's own signup share no fingerprint,
// unless an Allow lifts it.
func sharedFingerprint(c *candidate) Reason {
	if c.purchase.Override == Allow {
		return ""
	}
	own := c.referee.Signup.Fingerprints
	if slices.Contains(c.referee.Signup.SharedWith, c.attribution.ReferrerID) {
		return SharedFingerprint
	}
	if len(own) == 0 {
		return ""
	}
	for _, fingerprint := range c.referee.ReferrerFingerprints[c.attribution.ReferrerID] {
		if slices.Contains(own, fingerprint) {
			return SharedFingerprint
		}
	}
	return ""
}

// allowWithdrawn applies sharedFingerprint to an admitted pair whose Allow was withdrawn, because
// the Allow alone may have admitted it. Other admitted pairs lose nothing by a later fingerprint.
func allowWithdrawn(c *candidate) Reason {
	if c.pair.Allowed && c.purchase.Override == NoVerdict {
		return sharedFingerprint(c)
	}
	return ""
}
