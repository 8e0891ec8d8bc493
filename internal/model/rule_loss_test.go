package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
)

// Rule 20: lost rows are not refunds. Which pairs are withheld, and in which incident, is read from
// what the engine recorded; the model checks that it is allowed.

// losses are the counted and the withheld pairs whose rows are missing.
type losses struct {
	withheld  map[purchaseKey]string // the incident, by pair
	incidents map[string]incident    // by id
	counting  map[string]*counting   // by campaign
}

type incident struct{ campaign, state string }

// open reports whether further losses of the campaign have to be withheld.
func (i incident) open() bool { return i.state == "Open" || i.state == "Reported" }

// counting counts the lost pairs of a campaign over one resync interval, each once.
type counting struct {
	began   at
	present int64 // pairs held or granted when it began
	lost    map[purchaseKey]bool
}

const (
	resyncInterval = hour / 2
	someCommits    = 10 // present may be read some commits earlier
)

func newLosses() losses {
	return losses{withheld: map[purchaseKey]string{}, incidents: map[string]incident{}, counting: map[string]*counting{}}
}

func (l losses) clone() losses {
	same := losses{maps.Clone(l.withheld), maps.Clone(l.incidents), map[string]*counting{}}
	for name, c := range l.counting {
		same.counting[name] = &counting{c.began, c.present, maps.Clone(c.lost)}
	}
	return same
}

// withholds reports whether a pair of the user is withheld, and so the user whole.
func (l losses) withholds(user string) bool {
	for key := range l.withheld {
		if key.user == user {
			return true
		}
	}
	return false
}

// hasOpen reports whether an incident of the campaign is not permitted yet.
func (l losses) hasOpen(campaign string) bool {
	for _, i := range l.incidents {
		if i.campaign == campaign && i.open() {
			return true
		}
	}
	return false
}

// withholding is how a commit changes the withheld pairs.
type withholding struct {
	before   losses
	states   map[string]incident    // incidents that the commit wrote, by id, as they were last
	added    map[purchaseKey]string // the incident, by pair
	released map[purchaseKey]string
	reverses bool // the commit is a step of a reversal, which releases what it takes back
}

// withheldBy takes over what a commit withholds and releases.
func (h *history) withheldBy(c commit) withholding {
	w := withholding{before: h.losses.clone(), states: map[string]incident{}, added: map[purchaseKey]string{}, released: map[purchaseKey]string{}}
	for _, wrote := range c.writes {
		text := wrote.now
		if text == nil {
			text = wrote.was
		}
		w.reverses = w.reverses || wrote.of == "reversal"
		if wrote.of != "withheld" && wrote.of != "incident" {
			continue
		}
		var is row
		must(h.t, json.Unmarshal(text, &is))
		key := purchaseKey{is.User, is.Purchase}
		if wrote.of == "incident" {
			w.states[is.ID] = incident{is.Campaign, is.State}
		}
		switch {
		case wrote.of == "incident" && wrote.now == nil:
			delete(h.incidents, is.ID)
		case wrote.of == "incident":
			h.incidents[is.ID] = w.states[is.ID]
		case wrote.now == nil:
			w.released[key] = is.Incident
			delete(h.withheld, key)
		default:
			w.added[key] = is.Incident
			h.withheld[key] = is.Incident
			h.coverage.add("pair that is withheld")
		}
	}
	return w
}

// judgeLosses checks which pairs a commit withholds, releases and reverses because of missing rows.
// users are the referees that the commit may have decided.
func (h *history) judgeLosses(users []string, w withholding) (complaints []string) {
	complain := func(format string, arguments ...any) {
		complaints = append(complaints, fmt.Sprintf(format, arguments...))
	}
	if w.reverses {
		return nil
	}
	reversed := map[string][]purchaseKey{} // by campaign
	added := map[string][]purchaseKey{}
	missing := map[purchaseKey]bool{}
	for _, user := range h.concerned(users, w) {
		for _, key := range h.lostPairs(user) {
			missing[key] = true
			_, permitted := w.released[key]
			if !h.setAside[user] && !h.withholds(user) && !permitted {
				reversed[h.pairs[key].campaign] = append(reversed[h.pairs[key].campaign], key)
			}
		}
	}
	for key := range w.added {
		if !missing[key] {
			complain("%v is withheld, and no row of it is missing", key)
			continue
		}
		added[h.pairs[key].campaign] = append(added[h.pairs[key].campaign], key)
	}
	for key, id := range w.released {
		switch {
		case !missing[key]:
			if c := h.counting[h.pairs[key].campaign]; c != nil {
				delete(c.lost, key)
			}
			h.coverage.add("withheld pair whose rows are back")
		case w.state(id) != "Permitted":
			complain("%v is released: its rows are missing, and incident %s is not permitted", key, id)
		default:
			h.coverage.add("withheld pair whose reversal is permitted")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.campaigns)) {
		if len(reversed[name])+len(added[name]) == 0 {
			continue
		}
		c := h.countOf(name, w)
		for _, key := range slices.Concat(reversed[name], added[name]) {
			c.lost[key] = true
		}
		switch few, many := h.within(c); {
		case len(reversed[name]) > 0 && (many || h.hasOpen(name)):
			complain("%v are reversed, though %d pairs of %s are lost", reversed[name], len(c.lost), name)
		case len(added[name]) > 0 && few && !w.before.hasOpen(name) && w.state(w.added[added[name][0]]) != "Counting":
			complain("%v are withheld, though only %d pairs of %s are lost", added[name], len(c.lost), name)
		}
	}
	return append(complaints, h.judged(w)...)
}

// judged checks a resync's judgement of the pairs that it counted.
func (h *history) judged(w withholding) (complaints []string) {
	for id, was := range w.before.incidents {
		is := incident{was.campaign, w.state(id)}
		if was.state != "Counting" || is.state == "Counting" {
			continue
		}
		h.coverage.add("loss that a resync judged")
		c := h.counting[is.campaign]
		few, many := h.within(c)
		others := w.before.hasOpen(is.campaign)
		if is.state == "Permitted" && (many || others) || is.open() && few && !others {
			complaints = append(complaints, fmt.Sprintf("the loss of %d pairs of %s is judged %s", len(c.lost), is.campaign, is.state))
		}
	}
	return complaints
}

// state returns the state of an incident, as the commit wrote it last.
func (w withholding) state(id string) string {
	if i, ok := w.states[id]; ok {
		return i.state
	}
	return w.before.incidents[id].state
}

// concerned lists users whose lost pairs a commit may withhold, release or reverse.
func (m *model) concerned(users []string, w withholding) []string {
	all := map[string]bool{}
	for _, user := range users {
		all[user] = true
	}
	for key := range w.added {
		all[key.user] = true
	}
	for key := range w.released {
		all[key.user] = true
	}
	return sortedKeys(all)
}

// lostPairs lists the held and granted pairs of a user that are to be reversed because a row is
// missing.
func (m *model) lostPairs(user string) (keys []purchaseKey) {
	if m.seenBy != nil {
		m.facts = m.seenBy(user)
	}
	_, verdicts := m.decide(user)
	for _, v := range verdicts {
		if v.pair.occupies() && !v.stays && v.reason == "PurchaseRemoved" {
			keys = append(keys, v.key)
		}
	}
	return keys
}

// countOf returns the count of a campaign, which begins again after an interval unless an incident
// is not permitted yet.
func (m *model) countOf(campaign string, w withholding) *counting {
	c := m.counting[campaign]
	unpermitted := false
	for _, i := range w.before.incidents {
		unpermitted = unpermitted || i.campaign == campaign && i.state != "Permitted"
	}
	if c == nil || m.now-c.began >= resyncInterval && !unpermitted {
		c = &counting{began: m.now, lost: map[purchaseKey]bool{}}
		for _, p := range m.pairs {
			if p.campaign == campaign && p.occupies() {
				c.present++
			}
		}
		m.counting[campaign] = c
	}
	return c
}

// within reports whether the lost pairs are few enough to be reversed, or too many. Near the limit
// of 5 % they may be either.
func (h *history) within(c *counting) (few, many bool) {
	limit := h.lossLimit
	if limit == 0 {
		limit = 100
	}
	lost := int64(len(c.lost))
	return lost <= limit || lost*100 <= 5*(c.present-someCommits), lost > limit && lost*100 > 5*(c.present+someCommits)
}

// wronglyWithheld lists pairs that are withheld though nothing is left to do: their rows must be
// missing, and an incident of the user must not be permitted, since users are withheld whole.
func (m *model) wronglyWithheld() (complaints []string) {
	for key := range m.withheld {
		p := m.pairs[key]
		if m.setAside[key.user] || m.frozen(p) {
			continue
		}
		permitted := true
		for other, id := range m.withheld {
			permitted = permitted && (other.user != key.user || m.incidents[id].state == "Permitted")
		}
		if !slices.Contains(m.lostPairs(key.user), key) || permitted {
			complaints = append(complaints, fmt.Sprintf("%v is withheld for no reason", key))
		}
	}
	slices.Sort(complaints)
	return complaints
}

func TestReversalsBeyondTheLimitAreWithheldUntilTheyArePermitted(t *testing.T) {
	s := newShop(t)
	begin := []operation{
		limitLosses{Pairs: 2},
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "eve"},
	}
	users := []string{"ann", "bob", "cat", "dan"}
	for _, user := range users {
		begin = append(begin, addSignup{User: user, Code: "a", At: 80}, addPurchase{User: user, ID: "p1", Amount: 1000, Currency: "USD", At: 85})
	}
	lose := []operation{converge{}}
	for _, user := range users {
		lose = append(lose, removePurchase{User: user, ID: "p1"})
	}
	back := addPurchase{User: "bob", ID: "p1", Amount: 1000, Currency: "USD", At: 85}
	for name, after := range map[string][]operation{
		"at once":       {converge{}, permit{"one"}, converge{Again: true}},
		"bit by bit":    {converge{Batch: 1}, permit{"one"}, converge{Batch: 1}},
		"rows are back": {converge{}, back, converge{}, permit{"one"}, converge{}},
		"suspended":     {converge{}, again{"one", suspended}, back, permit{"one"}, converge{}, again{"one", open}, converge{}},
		"another purchase while suspended": {
			converge{}, again{"one", suspended}, addPurchase{User: "bob", ID: "p2", Amount: 1000, Currency: "USD", At: 85}, converge{},
			permit{"one"}, converge{}, again{"one", open}, converge{},
		},
		"rows are back while suspended": {
			converge{}, again{"one", suspended}, back, addPurchase{User: "bob", ID: "p2", Amount: 1000, Currency: "USD", At: 85},
			converge{}, again{"one", open}, converge{},
		},
		"reversed":     {converge{}, reverseCampaign{"one"}, converge{}},
		"a later loss": {converge{}, back, converge{}, permit{"one"}, removePurchase{User: "bob", ID: "p1"}, converge{}, permit{"one"}},
		"resync":       {converge{}, resync{}, permit{"one"}, resync{}},
	} {
		t.Run(name, func(t *testing.T) { s.play(t, slices.Concat(begin, lose, after)) })
	}
}

func TestHeldPairThatAResyncFindsLostIsWithheldUntilItIsJudged(t *testing.T) {
	newShop(t).play(t, []operation{
		declare{Campaign: "one", Window: 720, Policy: terms{Every: true, Hold: 24, Rewards: fiveDollars}, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "eve"},
		addSignup{User: "ann", Code: "a", At: 90},
		addPurchase{User: "ann", ID: "p1", Amount: 4500, Currency: "USD", At: 99},
		converge{},
		resync{Hidden: removePurchase{User: "ann", ID: "p1"}},
	})
}
