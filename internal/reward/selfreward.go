package reward

import "slices"

// selfReferral wants somebody else to have invited, unless an Allow lifts it.
// An admitted pair is held to it as well: it rests on its own attribution, and
// only an Allow can have admitted it.
func selfReferral(c *candidate) Reason {
	if c.attribution.ReferrerID == c.referee.UserID && c.purchase.Override != Allow {
		return SelfReferral
	}
	return ""
}

// sharedFingerprint wants nothing in common with the referrer's own signup,
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

// allowWithdrawn looks at fingerprints once more where an Allow was withdrawn:
// such a pair may have been admitted by the Allow alone. Other admitted pairs
// lose nothing by a fingerprint that came later.
func allowWithdrawn(c *candidate) Reason {
	if c.pair.Allowed && c.purchase.Override == NoVerdict {
		return sharedFingerprint(c)
	}
	return ""
}
