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
	if c.referee.SharesFingerprint(c.attribution.ReferrerID) {
		return SharedFingerprint
	}
	return ""
}

// SharesFingerprint reports whether the referee's signup and the referrer's own share a
// fingerprint, or did when either was erased.
func (r *Referee) SharesFingerprint(referrerID string) bool {
	if r.Signup == nil {
		return false
	}
	return slices.Contains(r.Signup.SharedWith, referrerID) ||
		slices.ContainsFunc(r.ReferrerFingerprints[referrerID], func(fingerprint string) bool {
			return slices.Contains(r.Signup.Fingerprints, fingerprint)
		})
}

// allowWithdrawn applies sharedFingerprint to an admitted pair whose Allow was withdrawn, because
// the Allow alone may have admitted it. Other admitted pairs lose nothing by a later fingerprint.
func allowWithdrawn(c *candidate) Reason {
	if c.pair.Allowed && c.purchase.Override == NoVerdict {
		return sharedFingerprint(c)
	}
	return ""
}
