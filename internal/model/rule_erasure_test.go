package model

import "slices"

// forget blanks what tells about a person, and keeps what was concluded from it.
func (m *model) forget(user string) {
	for key, p := range m.purchases {
		if key.user == user {
			p.category = ""
			m.purchases[key] = p
		}
	}
	if a, ok := m.attributions[user]; ok {
		a.visitor, a.touch = "", ""
		m.attributions[user] = a
	}
	s, ok := m.signups[user]
	if !ok {
		return
	}
	shared := map[string]bool{}
	for other := range s.shared {
		shared[other] = true
	}
	for referee, a := range m.attributions {
		switch {
		case referee == user && m.share(user, a.referrer):
			shared[a.referrer] = true
		case a.referrer == user && m.share(user, referee):
			shared[referee] = true
		}
	}
	s.erased, s.shared, s.visitor, s.prints, s.vip = m.clock(), shared, "", nil, false
	m.signups[user] = s
}

// share: both have a fingerprint in common, or had when the other was forgotten.
func (m *model) share(user, other string) bool {
	return m.signups[other].shared[user] ||
		slices.ContainsFunc(m.signups[user].prints, func(p string) bool { return slices.Contains(m.signups[other].prints, p) })
}
