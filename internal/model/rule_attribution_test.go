package model

// Rules 1 and 2: the link that a signup is bound to.

// attribute finds it, or the reason why there is none.
func (m *model) attribute(user string) (*attribution, string) {
	// Kept from when a pair of this referee is admitted.
	if kept, ok := m.attributions[user]; ok && m.bound(user) {
		return &kept, ""
	}
	s, ok := m.signups[user]
	if !ok {
		return nil, "PurchaseRemoved"
	}
	if l, ok := m.links[s.code]; ok && s.code != "" {
		return m.attributeByCode(s, l)
	}
	if fix, ok := m.fixing[user]; ok {
		return fix.attribution, fix.reason
	}
	if kept, ok := m.attributions[user]; ok && kept.source == "Touch" && kept.visitor == "" {
		// An erasure has moved the touches.
		if m.campaigns[kept.campaign].mode == reversing {
			return nil, "CampaignDeleted"
		}
		return &kept, ""
	}
	return m.attributeByTouch(user, s)
}

// bound: a pair was admitted, or waits in a campaign that is not open.
func (m *model) bound(user string) bool {
	for key, p := range m.pairs {
		if key.user != user {
			continue
		}
		mode := m.campaigns[p.campaign].mode
		if p.admitted() && !m.lapsed(p) || p.state == "Waiting" && mode != open && mode != reversing {
			return true
		}
	}
	return false
}

// lapsed: its campaign was deleted with Reverse, and takes the pair back as if
// it had never been (rule 17).
func (m *model) lapsed(p *pair) bool { return p != nil && m.campaigns[p.campaign].mode == reversing }

// takenBack: its campaign does so, or has done so.
func (m *model) takenBack(p *pair) bool {
	return m.lapsed(p) || p != nil && p.reason == "CampaignDeleted" && !p.admitted()
}

// A code that names a link decides alone, judged by the link's expiry and
// disabling at signup. One that names none is as none.
func (m *model) attributeByCode(s signup, l link) (*attribution, string) {
	if !l.alive(s.at) {
		return nil, "NotAttributed"
	}
	if reason := m.binds(l.campaign, s.at); reason != "" {
		return nil, reason
	}
	return &attribution{campaign: l.campaign, code: s.code, referrer: l.referrer, label: l.label, touched: s.at, source: "Code"}, ""
}

func (m *model) attributeByTouch(user string, s signup) (*attribution, string) {
	var found *attribution
	why := map[string]bool{}
	for key, t := range m.touches {
		if s.visitor == "" || key.visitor != s.visitor {
			continue
		}
		l, ok := m.links[t.code]
		switch {
		case !ok || !l.alive(t.at), // at the touch
			t.at > s.at,        // not after the signup
			l.referrer == user: // nobody invites himself
			continue
		}
		if reason := m.binds(l.campaign, s.at); reason != "" {
			why[reason] = true
			continue
		}
		if s.at-t.at > m.campaigns[l.campaign].window {
			why["OutsideWindow"] = true
			continue
		}
		candidate := &attribution{campaign: l.campaign, code: t.code, referrer: l.referrer, label: l.label,
			touched: t.at, source: "Touch", visitor: key.visitor, touch: key.id}
		if found == nil || m.prefers(candidate, found) {
			found = candidate
		}
	}
	if found != nil {
		return found, ""
	}
	// Of several reasons the first of the closed list, but for touches that fit
	// nothing.
	for _, reason := range []string{"CampaignDeleted", "OutsideCampaign", "OutsideWindow"} {
		if why[reason] {
			return nil, reason
		}
	}
	return nil, "NotAttributed"
}

// prefers: the last touch or the first; ties go to the lowest (code, touch id).
func (m *model) prefers(a, b *attribution) bool {
	if a.touched != b.touched {
		return (a.touched > b.touched) != m.firstTouch
	}
	if a.code != b.code {
		return a.code < b.code
	}
	return a.touch < b.touch
}

// alive: from when it expires or is disabled, a link binds nobody.
func (l link) alive(t at) bool {
	return (l.expires == 0 || t < l.expires) && (l.disabled == 0 || t < l.disabled)
}

// binds: a declared campaign that was not deleted, and whose period has the
// signup.
func (m *model) binds(name string, signedUp at) (reason string) {
	c := m.campaigns[name]
	switch {
	case c == nil:
		return "NotAttributed"
	case c.mode == closed || c.mode == reversing:
		return "CampaignDeleted"
	case !c.contains(signedUp):
		return "OutsideCampaign"
	}
	return ""
}

// contains: the period's start is in it, its end is not.
func (c *campaign) contains(signedUp at) bool {
	return (c.starts == 0 || signedUp >= c.starts) && (c.ends == 0 || signedUp < c.ends)
}
