package model

import (
	"maps"
	"slices"
	"strings"
)

// Erasures (design §4): what identifies a person is removed, and no decision changes.

// fixed is the attribution of a signup before the touches are moved.
type fixed struct {
	attribution *attribution // nil: there is none
	reason      string       // why there is none
}

// erasing is an erasure that is not completed.
type erasing struct {
	// visitors are those whose touches are moved, known once the erasure has begun. True: they have
	// been moved. A touch that is written afterwards stays until another request.
	visitors  map[string]bool
	requested bool // since it was last carried out
}

// locks are the rows that an open transaction of a writer has locked.
type locks struct {
	purchases map[purchaseKey]bool
	touches   map[touchKey]bool
	signups   map[string]bool // by user
}

// carryOut carries out the erasures that need not wait, without the rows that are locked. It uses
// the present facts, not those at the time of the request.
func (m *model) carryOut() {
	for _, user := range slices.Sorted(maps.Keys(m.erasures)) {
		if !m.erasureWaits(user) && m.erase(user, m.erasures[user]) {
			delete(m.erasures, user)
		}
	}
}

// erasureWaits reports whether the erasure waits because the user is attributed to a suspended
// campaign.
func (m *model) erasureWaits(user string) bool {
	attributed, _ := m.attributeWhenDecided(user)
	return attributed != nil && m.campaigns[attributed.campaign].mode == suspended
}

// erase removes what identifies the user, and keeps the conclusions that were drawn from it. The
// signup comes after the purchases. It reports whether no row was locked.
func (m *model) erase(user string, e *erasing) (all bool) {
	all = true
	attributed, notAttributed := m.attributeWhenDecided(user)
	for key, p := range m.purchases {
		if key.user == user && !p.blanked && m.locked.purchases[key] {
			all = false
			continue
		}
		if key.user == user && !p.blanked {
			m.forgotten[key] = m.consider(key, attributed, notAttributed)
			p.held = m.forgotten[key].conditionHolds()
		}
		if key.user == user {
			p.category, p.blanked = "", true
			m.purchases[key] = p
		}
	}
	s, signedUp := m.signups[user]
	for visitor := range m.visitorsOf(user, attributed) {
		e.visitors[visitor] = e.visitors[visitor] && !e.requested
	}
	e.requested = false
	m.fix(user)
	for other, s := range m.signups {
		if e.moves(s.visitor) {
			m.fix(other)
		}
	}
	left := map[string]bool{} // visitors
	for key := range m.touches {
		switch {
		case !e.moves(key.visitor):
		case m.locked.touches[key]:
			left[key.visitor] = true
		default:
			delete(m.touches, key)
			m.blanks[key] = m.now
		}
	}
	for visitor, moved := range e.visitors {
		e.visitors[visitor] = moved || !left[visitor]
	}
	unlocked := len(left) == 0
	if !signedUp {
		return all && unlocked
	}
	if !all {
		return false
	}
	for other := range m.signups {
		if other != user && m.haveInCommon(user, other) {
			m.share(user, other)
			m.share(other, user)
		}
	}
	if s.isBlank() {
		return unlocked
	}
	if m.locked.signups[user] {
		return false
	}
	s.visitor, s.prints, s.vip, s.blanked = "", nil, false, true
	m.signups[user] = s
	return unlocked
}

// isBlank reports whether the signup has nothing that an erasure removes.
func (s signup) isBlank() bool {
	return s.blanked && s.visitor == "" && len(s.prints) == 0 && !s.vip
}

// moves reports whether touches of the visitor are still to be moved.
func (e *erasing) moves(visitor string) bool {
	moved, found := e.visitors[visitor]
	return found && !moved
}

// visitorsOf returns the visitors that are known to be the user: those of the signup and of its
// attribution.
func (m *model) visitorsOf(user string, attributed *attribution) map[string]bool {
	visitors := map[string]bool{}
	if attributed != nil && attributed.visitor != "" {
		visitors[attributed.visitor] = true
	}
	if s := m.signups[user]; s.visitor != "" {
		visitors[s.visitor] = true
	}
	return visitors
}

// isErased reports whether an erasure reads or removes what is known of the user.
func (m *model) isErased(user string) bool {
	if m.erasures[user] != nil {
		return true
	}
	own := m.signups[user].visitor
	for erased, e := range m.erasures {
		attributed, _ := m.attributeWhenDecided(erased)
		if _, found := e.visitors[own]; found || m.visitorsOf(erased, attributed)[own] {
			return true
		}
	}
	return false
}

// conditionHolds reports whether the condition is true of the purchase. Without an attribution
// there is no condition, and the answer is whether the pair was admitted.
func (v *verdict) conditionHolds() bool {
	if v.terms == nil {
		return v.pair.admitted()
	}
	return v.terms.Condition == "" || v.holds()
}

// heldUnder reports whether the condition of a revision is true of the facts that were forgotten.
func (m *model) heldUnder(v *verdict, revision int) bool {
	is := *v
	is.terms = &m.campaigns[v.campaign].revisions[revision-1].terms
	return is.conditionHolds()
}

// beforeErasures applies a commit as if erasures of its users had not been carried out yet: a
// rollout may move a pair before its user is erased, and then the condition of the newer revision
// is the one whose result is kept. It reports whether the commit is what the rules say then.
func (h *history) beforeErasures(apply func() []string, users []string, before outcome, tick at) bool {
	earlier := map[purchaseKey]purchase{}
	h.outcome, h.tick = before.clone(), tick
	for key, v := range h.forgotten {
		if v.terms == nil || !slices.Contains(users, key.user) {
			continue
		}
		now := *v
		now.pair = h.pairs[key]
		p := h.purchases[key]
		if held := h.heldUnder(v, h.follow(&now)); held != p.held {
			earlier[key] = p
			p.held = held
			h.purchases[key] = p
		}
	}
	if len(earlier) > 0 && len(h.agrees(apply)) == 0 {
		h.coverage.add("erasure after a rollout")
		return true
	}
	maps.Copy(h.purchases, earlier)
	return false
}

// fix keeps the attribution by touch that the present facts give.
func (m *model) fix(user string) {
	if _, ok := m.fixing[user]; ok {
		return
	}
	attributed, notAttributed := m.attributeWhenDecided(user)
	if attributed != nil && attributed.source != "Touch" {
		return
	}
	m.fixing[user] = fixed{attributed, notAttributed}
}

// haveFixed ends the fixing: the engine is done, and the fixed attributions name no touch. Where the
// touches that say why a pair does not count were moved before its referee was decided, the reason is
// taken over from the system.
func (h *history) haveFixed() {
	for user := range h.fixing {
		if a, ok := h.attributions[user]; ok && a.source == "Touch" {
			a.visitor, a.touch = "", ""
			h.attributions[user] = a
		}
	}
	for key, p := range h.pairs {
		if _, fixes := h.fixing[key.user]; fixes && h.isUnattributed(key.user, p) {
			p.reason = h.seen.pairs[key].reason
		}
	}
	clear(h.fixing)
}

// isUnattributed reports whether the pair is Reversed for the reason that its referee has no
// attribution, and was never admitted.
func (m *model) isUnattributed(user string, p *pair) bool {
	_, attributed := m.attributions[user]
	return !attributed && p.state == "Reversed" && p.ordinal == 0 && p.reason != "PurchaseRemoved"
}

// settled removes from the comparison what may differ for the moment. While attributions are being
// fixed, that is the touch that they name. Then, and while a campaign is being reversed, which
// enqueues referees only when it ends, it is also the reason of a pair
// that isUnattributed: the touches may have been moved already.
func (m *model) settled(c comparison) comparison {
	c.Attributions, c.Pairs = maps.Clone(c.Attributions), maps.Clone(c.Pairs)
	for user := range m.fixing {
		if a, ok := c.Attributions[user]; ok && a.source == "Touch" {
			a.visitor, a.touch = "", ""
			c.Attributions[user] = a
		}
	}
	for key, p := range c.Pairs {
		user, _, _ := strings.Cut(key, "/")
		_, fixes := m.fixing[user]
		if (fixes || m.isReversing()) && m.isUnattributed(user, &p) {
			p.reason = "NotAttributed"
			c.Pairs[key] = p
		}
	}
	return c
}

// isReversing reports whether a campaign is being reversed.
func (m *model) isReversing() bool {
	for _, c := range m.campaigns {
		if c.mode == reversing {
			return true
		}
	}
	return false
}

func (m *model) share(user, other string) {
	if m.shared[user] == nil {
		m.shared[user] = map[string]bool{}
	}
	m.shared[user][other] = true
}

// haveInCommon reports whether the present signups have a common fingerprint.
func (m *model) haveInCommon(user, other string) bool {
	return slices.ContainsFunc(m.signups[user].prints, func(p string) bool { return slices.Contains(m.signups[other].prints, p) })
}
