package model

import (
	"encoding/json"
	"slices"
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

// roll takes over the progress of a rollout from the engine.
func (h *history) roll(w write) {
	var is struct {
		Campaign   string
		Revision   int
		Reached    string
		ReachedAll bool `json:"reached_all"`
	}
	must(h.t, json.Unmarshal(w.now, &is))
	r := h.campaigns[is.Campaign].revisions[is.Revision-1].rollout
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
