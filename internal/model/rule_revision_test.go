package model

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// Rule 6 (and 15): the revision that a pair follows.

// revise adds a revision if the terms differ from the newest. With the terms of the one before the
// newest it withdraws the newest.
func (c *campaign) revise(t terms, scope string, clock func() at) {
	n := len(c.revisions)
	if n > 0 && t.follows(c.revisions[n-1]) {
		return
	}
	r := revision{terms: t, scope: scope, recorded: clock()}
	if n > 1 && t.follows(c.revisions[n-2]) {
		r.withdraws = n
	}
	if n > 0 && (scope != "NewPairs" || r.withdraws > 0) {
		r.rollout = &rollout{}
	}
	c.revisions = append(c.revisions, r)
}

// follow returns the newest revision that reaches the pair, beginning with the pair's own or the
// first. A revision that was withdrawn reaches nothing any more.
func (m *model) follow(v *verdict) int {
	c := m.campaigns[v.campaign]
	number, counted := 1, false
	// A pair that a deleted campaign took back is decided anew once the campaign is declared again
	// (rule 17).
	if v.pair != nil && v.pair.campaign == v.campaign && (c.mode == closed || !m.takenBack(v.pair)) {
		number, counted = v.pair.revision, true
	}
	for next := number + 1; next <= len(c.revisions); next++ {
		matures := v.purchase.at + at(c.revisions[number-1].terms.Hold)*hour
		if !c.withdrawn(next) && c.reaches(next, v, counted, matures) {
			number = next
		}
	}
	return number
}

// reaches reports whether a revision reaches the pair: by its arrival, or by a rollout that has
// come to its referee.
func (c *campaign) reaches(number int, v *verdict, counted bool, matures at) bool {
	r := c.revisions[number-1]
	arrived := max(v.signup.arrived, v.purchase.arrived)
	waited := counted && v.pair.state == "Waiting" && v.pair.counted < r.recorded
	switch {
	case (!counted || waited) && arrived > r.recorded:
		return true
	case r.rollout == nil || !r.rollout.all && v.key.user > r.rollout.reached:
		return false
	case r.scope == "AllPairs", r.scope == "HeldPairs" && (waited || matures > r.recorded):
		return true
	case r.withdraws == 0:
		return false
	}
	return counted && v.pair.revision == r.withdraws || c.reaches(r.withdraws, v, counted, matures)
}

func (c *campaign) withdrawn(number int) bool {
	for _, r := range c.revisions {
		if r.withdraws == number {
			return true
		}
	}
	return false
}

// unfinished checks that the rollout of each campaign's newest revision has come to its end, unless
// the campaign is suspended, or is being reversed and may have been suspended before. A newer
// revision stops the rollouts before it where they are.
func (m *model) unfinished() (complaints []string) {
	for name, c := range m.campaigns {
		if n := len(c.revisions); n > 0 && c.mode != suspended && c.mode != reversing && c.revisions[n-1].rollout != nil && !c.revisions[n-1].rollout.all {
			complaints = append(complaints, fmt.Sprintf("the rollout of revision %d of %s ended at %q", n, name, c.revisions[n-1].rollout.reached))
		}
	}
	slices.Sort(complaints)
	return complaints
}

// roll takes over the progress of a rollout from the engine.
func (h *history) roll(w write) {
	var is struct {
		Campaign   string
		Revision   int
		Reached    string
		ReachedAll bool `json:"reached_all"`
	}
	must(h.t, json.Unmarshal(w.now, &is))
	c := h.campaigns[is.Campaign]
	inForce := c
	if h.unsure != nil && h.unsure.declares { // the declaration has yet to commit
		inForce = h.unsure.before.campaigns[is.Campaign]
	}
	if inForce.mode == suspended {
		h.disagree("a rollout of a suspended campaign goes on", string(w.now))
	}
	r := c.revisions[is.Revision-1].rollout
	h.steps = append(h.steps, step{r, *r})
	r.reached, r.all = is.Reached, is.ReachedAll
}

// step is a step of a rollout, with the progress before it.
type step struct {
	rollout *rollout
	before  rollout
}

// beforeSteps applies a commit as if steps of rollouts of this convergence had not been committed
// yet. A batch may read how far a rollout has come before another engine's step, and commit after
// it: the step has enqueued its referees, which are decided again. It reports whether the commit is
// what the rules say then.
func (h *history) beforeSteps(apply func() []string, before outcome, tick at) bool {
	var undone []step
	defer func() {
		for _, s := range slices.Backward(undone) {
			*s.rollout = s.before
		}
	}()
	for _, s := range slices.Backward(h.steps) {
		undone = append(undone, step{s.rollout, *s.rollout})
		*s.rollout = s.before
		h.outcome, h.tick = before.clone(), tick
		if len(h.agrees(apply)) == 0 {
			h.coverage.add("batch that saw a rollout of before")
			return true
		}
	}
	return false
}

// loseRollout deletes the change that continues a rollout, as an engine would that forgot it.
type loseRollout struct{}

func (loseRollout) happen(h *history) {
	h.execute(h.t, "DELETE FROM referral.change WHERE kind = 'Rollout'")
}

func TestRolloutThatDoesNotEndIsADisagreement(t *testing.T) {
	fiveEach := terms{Every: true, Rewards: fiveDollars}
	tenEach := terms{Every: true, Rewards: []rewardTerms{{Name: "inviter", Amount: 1000, Currency: "USD"}}}
	begin := []operation{
		declare{Campaign: "one", Window: 720, Policy: fiveEach, Scope: "NewPairs"},
		addLink{Code: "a", Campaign: "one", Referrer: "eve"},
		addSignup{User: "ann", Code: "a", At: 80},
		addPurchase{User: "ann", ID: "p1", Amount: 1000, Currency: "USD", At: 85},
		converge{},
		declare{Campaign: "one", Window: 720, Policy: tenEach, Scope: "AllPairs"},
	}
	s := newShop(t)
	for name, c := range map[string]struct {
		after []operation
		want  string
	}{
		"whose change is lost":                           {[]operation{loseRollout{}}, "the system is not done"},
		"whose change is lost while it is closed":        {[]operation{closeCampaign{"one"}, loseRollout{}}, "the system is not done"},
		"that a newer revision stopped":                  {[]operation{loseRollout{}, declare{Campaign: "one", Window: 720, Policy: fiveEach, Scope: "AllPairs"}}, ""},
		"of a suspended campaign":                        {[]operation{again{"one", suspended}}, ""},
		"of a campaign without its policy":               {[]operation{again{"one", policyMissing}}, ""},
		"of a closed campaign":                           {[]operation{closeCampaign{"one"}}, ""},
		"of a reversed campaign":                         {[]operation{reverseCampaign{"one"}}, ""},
		"of a campaign that is reversed while suspended": {[]operation{again{"one", suspended}, converge{}, reverseCampaign{"one"}}, ""},
		"of a suspended database":                        {[]operation{settings{Suspended: true}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if wrong, details := s.playback(append(slices.Clone(begin), append(c.after, converge{})...)); wrong != c.want {
				t.Errorf("got %q, want %q:\n%s", wrong, c.want, details)
			}
		})
	}
}
