package model

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// beside has something happen beside a convergence: before its engine's At-th statement reaches the
// database, What happens as a whole. Where that waits for a lock of the engine's, the engine goes
// on.
type beside struct {
	Batch, At int
	What      operation
}

// another has another engine do all there is to do that it need not wait for.
type another struct{ Batch int }

func (o another) happen(h *history) {
	must(h.t, h.engine(h.db, o.Batch).Converge(context.Background()))
}

func (o beside) happen(h *history) {
	if len(h.erasures) > 0 {
		h.converge(converge{})
	}
	if len(h.erasures) > 0 { // some wait for a campaign to be resumed, and would be carried out beside it
		o.What.happen(h)
		return
	}
	reached, resume := h.cutter.pauseAt(o.At)
	converged := make(chan error, 1)
	go func() {
		db, err := openURI(h.cutter.uri)
		if err == nil {
			err = h.engine(db, o.Batch).Converge(context.Background())
			db.Close()
		}
		converged <- err
	}()
	var err error
	select {
	case <-reached:
		h.compareCommits()
		before := h.snapshot()
		h.tick += manyTicks // what the engine's batch does with the facts of before comes before
		waited := h.happenBeside(o.What, resume)
		h.unsure = &unsure{before: before, batches: 1, declares: o.declares()}
		h.coverage.add("something beside a batch")
		if waited {
			h.unsure.batches = someBatches
			h.coverage.add("something that waits for a batch")
		}
		err = <-converged
	case err = <-converged: // in fewer statements
		resume()
	}
	must(h.t, err)
	h.converge(converge{Batch: o.Batch})
	h.unsure = nil
}

const (
	manyTicks   = 1000
	someBatches = 1000
)

// declares reports whether it is a declaration: after its commit nothing commits that was decided
// before.
func (o beside) declares() bool {
	switch o.What.(type) {
	case declare, again, revert, lag, closeCampaign, settings:
		return true
	}
	return false
}

// happenBeside lets the operation happen, and the engine go on: after it, or when it seems to wait
// for the engine, which is reported.
func (h *history) happenBeside(o operation, resume func()) (waited bool) {
	const patience = 30 * time.Millisecond
	t := h.t
	var heard listener
	h.t, h.besideBatch = &heard, true
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.happen(h)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		waited = true
	}
	resume()
	<-done
	h.besideBatch = false
	if h.t = t; heard.wrong != "" {
		t.Logf("%s", strings.Join(heard.log, "\n"))
		t.Fatalf("%s", heard.wrong)
	}
	return waited
}

// snapshot is what decisions rest on at one moment.
type snapshot struct {
	facts
	configuration
	tick at
}

// unsure is what the next batches may have decided by: what there was before.
type unsure struct {
	before  snapshot
	batches int // how many may

	declares bool // it is the configuration that may not have been declared yet: its commit tells
}

// declared reports whether the commit is a declaration's.
func (c commit) declared() bool {
	return slices.ContainsFunc(c.writes, func(w write) bool { return w.of == "meta" })
}

func (m *model) snapshot() snapshot {
	s := snapshot{m.facts.clone(), m.configuration, m.tick}
	s.campaigns = map[string]*campaign{}
	for name, c := range m.campaigns {
		same := *c
		s.campaigns[name] = &same
	}
	return s
}

func (f facts) clone() facts {
	return facts{maps.Clone(f.links), maps.Clone(f.touches), maps.Clone(f.signups), maps.Clone(f.purchases), maps.Clone(f.refunds), maps.Clone(f.overrides)}
}

func (o outcome) clone() outcome {
	same := outcome{maps.Clone(o.attributions), map[purchaseKey]*pair{}, o.lastOrder, maps.Clone(o.setAside), o.losses.clone()}
	for key, p := range o.pairs {
		copied := *p
		same.pairs[key] = &copied
	}
	return same
}

// commitAsSeen applies a commit by the facts and configuration as they are; else, where it may have
// been decided before something else happened, as they were.
//
// A batch reads the facts of its referees first and what these refer to later: the link of a typed
// code, then touches with their links, then the fingerprints of referrers.
func (h *history) commitAsSeen(c commit, apply func() []string) (complaints []string) {
	if h.unsure != nil && h.unsure.declares && c.declared() {
		h.unsure = nil
	}
	before, tick, sure := h.outcome.clone(), h.tick, h.unsure == nil || h.unsure.batches == 0
	if sure || !h.unsure.declares {
		if complaints = h.agrees(apply); len(complaints) == 0 || h.beforeSteps(apply, before, tick) {
			return nil
		}
		if sure {
			return complaints
		}
		h.unsure.batches--
	}
	now := h.snapshot()
	was := h.unsure.before
	views := []func(user string) facts{
		func(string) facts { return was.facts },
		func(user string) facts { return now.withOwn(user, was.facts) },
		func(user string) facts {
			seen := now.withOwn(user, was.facts)
			if was.signups[user].code != "" {
				seen.links = was.links
			}
			return seen
		},
	}
	for _, view := range views {
		h.outcome, h.configuration, h.tick, h.seenBy = before.clone(), was.configuration, was.tick, view
		wrong := h.agrees(apply)
		h.unsure.before.tick = h.tick
		h.seenBy, h.facts, h.configuration, h.tick = nil, now.facts, now.configuration, now.tick
		if len(wrong) == 0 {
			h.coverage.add("batch that saw the facts of before")
			return nil
		}
		if h.unsure.declares {
			return wrong
		}
	}
	return complaints
}

// agrees applies a commit and compares what is recorded.
func (h *history) agrees(apply func() []string) []string {
	complaints := apply()
	if diff := h.differences(); diff != "" {
		complaints = append(complaints, diff)
	}
	return complaints
}

// withOwn are these facts, but what a referee did as it was.
func (f facts) withOwn(user string, was facts) facts {
	same := f.clone()
	own(same.signups, was.signups, func(key string) bool { return key == user })
	own(same.purchases, was.purchases, func(key purchaseKey) bool { return key.user == user })
	own(same.refunds, was.refunds, func(key refundKey) bool { return key.user == user })
	own(same.overrides, was.overrides, func(key purchaseKey) bool { return key.user == user })
	return same
}

func own[K comparable, V any](to, from map[K]V, of func(K) bool) {
	for _, key := range slices.Collect(maps.Keys(to)) {
		if of(key) {
			delete(to, key)
		}
	}
	for key, value := range from {
		if of(key) {
			to[key] = value
		}
	}
}
