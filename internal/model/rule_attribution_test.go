package model

// Rules 1 and 2: the link that a signup is attributed to.

// attribute returns the attribution of a user's signup, or the reason why there is none.
func (m *model) attribute(user string) (*attribution, string) {
	// The attribution stays once a pair of this referee is admitted.
	if kept, ok := m.attributions[user]; ok && m.keepsAttribution(user) {
		return &kept, ""
	}
	return m.attributeByFacts(user)
}

// attributeByFacts attributes a signup whose attribution no pair keeps.
func (m *model) attributeByFacts(user string) (*attribution, string) {
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
	if kept, ok := m.attributions[user]; ok && kept.source == "Touch" && kept.visitor == "" && m.campaigns[kept.campaign].mode != reversing {
		return &kept, "" // an erasure has given the touches another visitor id
	}
	return m.attributeByTouch(user, s)
}

// keepsAttribution reports whether a pair of the user was admitted, or waits in a campaign that is
// not open.
func (m *model) keepsAttribution(user string) bool {
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

// attributeWhenDecided returns the attribution that the user will have once the present facts are
// decided. A waiting pair that these facts reverse keeps no attribution.
func (m *model) attributeWhenDecided(user string) (*attribution, string) {
	attributed, verdicts := m.decide(user)
	if !m.keepsAttribution(user) || attributed == nil {
		return m.attribute(user)
	}
	for key, p := range m.pairs {
		if key.user == user && p.admitted() && !m.lapsed(p) {
			return attributed, ""
		}
	}
	for _, v := range verdicts {
		if v.pair != nil && v.pair.state == "Waiting" && m.campaigns[v.pair.campaign].mode != open && (v.stays || v.reason == "") {
			return attributed, ""
		}
	}
	return m.attributeByFacts(user)
}

// lapsed reports whether the pair's campaign was deleted with Reverse: it takes the pair back as if
// the pair had never existed (rule 17).
func (m *model) lapsed(p *pair) bool { return p != nil && m.campaigns[p.campaign].mode == reversing }

// takenBack reports whether a deleted campaign takes the pair back, or has done so.
func (m *model) takenBack(p *pair) bool {
	return m.lapsed(p) || p != nil && p.reason == "CampaignDeleted" && !p.admitted()
}

// A code that names a link decides alone, judged by the link's expiry and disabling at signup. A
// code that names no link is ignored.
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
			l.referrer == user: // the user's own link
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
	// Of several reasons the first of the closed list, except NotAttributed.
	for _, reason := range []string{"CampaignDeleted", "OutsideCampaign", "OutsideWindow"} {
		if why[reason] {
			return nil, reason
		}
	}
	return nil, "NotAttributed"
}

// prefers picks the last touch or the first. Ties go to the lowest (code, touch id).
func (m *model) prefers(a, b *attribution) bool {
	if a.touched != b.touched {
		return (a.touched > b.touched) != m.firstTouch
	}
	if a.code != b.code {
		return a.code < b.code
	}
	return a.touch < b.touch
}

// alive reports whether the link is neither expired nor disabled at that time.
func (l link) alive(t at) bool {
	return (l.expires == 0 || t < l.expires) && (l.disabled == 0 || t < l.disabled)
}

// binds returns why a campaign does not attribute the signup; empty: it does, since it is declared
// and not deleted, and its period contains the signup.
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

// contains reports whether the period contains that time. Its start is in it, its end is not.
func (c *campaign) contains(signedUp at) bool {
	return (c.starts == 0 || signedUp >= c.starts) && (c.ends == 0 || signedUp < c.ends)
}
