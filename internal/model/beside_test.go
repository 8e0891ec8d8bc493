package model

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// beside runs the operation What during a convergence, before the engine's At-th statement reaches
// the database. If What waits for a lock of the engine, the engine goes on.
type beside struct {
	Batch, At int
	What      operation
}

// another makes another engine converge, which leaves out what is locked.
type another struct{ Batch int }

func (o another) happen(h *history) {
	must(h.t, h.engine(h.db, o.Batch).Converge(context.Background()))
}

// anotherResync makes another engine compare all results with all facts. What differs has a pending
// change, so it is no drift.
type anotherResync struct{}

func (anotherResync) happen(h *history) {
	before := h.drift()
	h.runResync()
	if after := h.drift(); after != before {
		h.disagree("a resync beside a batch found drift", fmt.Sprintf("%d rows: %v", after-before, h.commits()))
	}
	h.coverage.add("resync during a batch")
}

func (o beside) happen(h *history) {
	if _, erases := o.What.(erase); erases {
		refuse{}.happen(h) // during a batch, that batch might still set a referee aside
	}
	if len(h.erasures) > 0 && h.concernsErasures(o.What) {
		h.converge(converge{})
		if len(h.erasures) > 0 { // one waits, and must not be carried out during the convergence
			o.What.happen(h)
			return
		}
	}
	if len(h.erasures) > 0 {
		h.carryOutUnlocked()
		h.coverage.add("operation during an erasure")
	}
	o.convergeBeside(h)
	_, h.resyncs = o.What.(anotherResync)
	h.converge(converge{Batch: o.Batch})
	h.unsure, h.resyncs = nil, false
}

// convergeBeside converges, and runs the operation before the statement.
func (o beside) convergeBeside(h *history) {
	reached, resume := h.paused.pauseAt(o.At)
	converged := make(chan error, 1)
	go func() { converged <- h.engine(h.pauses, o.Batch).Converge(context.Background()) }()
	var err error
	select {
	case <-reached:
		h.compareCommits()
		before := h.snapshot()
		h.tick += manyTicks // the batch that has read the earlier facts gets earlier ticks
		waited := h.happenBeside(o.What, resume)
		h.unsure = &unsure{before: before, batches: 1, declares: o.declares()}
		h.coverage.add("operation during a batch")
		if waited {
			h.unsure.batches = someBatches
			h.coverage.add("operation that waits for a batch")
		}
		err = <-converged
	case err = <-converged: // with fewer than At statements
		resume()
	}
	must(h.t, err)
}

// concernsErasures reports whether the operation may change what an erasure concludes or which rows
// it removes, so that the order of the two matters.
func (h *history) concernsErasures(o operation) bool {
	switch o := o.(type) {
	case another, anotherResync, adjust, redeem:
		return h.suspended
	case addPurchase:
		return h.suspended || h.isErased(o.User)
	case addRefund:
		return h.suspended || h.isErased(o.User)
	case removeRefund:
		return h.suspended || h.isErased(o.User)
	case addOverride:
		return h.suspended || h.isErased(o.User)
	case noOverride:
		return h.suspended || h.isErased(o.User)
	}
	return true
}

const (
	manyTicks   = 1000
	someBatches = 1000
)

// declares reports whether the operation is a declaration. After its commit no batch commits that
// was decided under the configuration before.
func (o beside) declares() bool {
	switch o.What.(type) {
	case declare, again, revert, lag, closeCampaign, reverseCampaign, settings:
		return true
	}
	return false
}

// happenBeside runs the operation, and resumes the engine afterwards, or earlier if the operation
// seems to wait for the engine. It reports whether the operation waited.
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

// snapshot is the facts and configuration at one moment.
type snapshot struct {
	facts
	configuration
	tick at
}

// unsure says that the next batches may have read facts and configuration as they were before an
// operation.
type unsure struct {
	before  snapshot
	batches int // how many batches

	declares bool // the operation is a declaration: until its commit the configuration of before holds
}

// declared reports whether the commit is that of a declaration.
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

// commitAsSeen applies a commit about some users under the present facts and configuration. If the
// result differs and the batch may have read earlier ones, it applies the commit under these.
//
// A batch reads the facts of its referees first, and later the facts to which these refer: the link
// of a typed code, then touches with their links, then the fingerprints of referrers.
func (h *history) commitAsSeen(c commit, users []string, apply func() []string) (complaints []string) {
	if h.unsure != nil && h.unsure.declares && c.declared() {
		h.unsure = nil
	}
	before, tick, sure := h.outcome.clone(), h.tick, h.unsure == nil || h.unsure.batches == 0
	if sure || !h.unsure.declares {
		if complaints = h.agrees(apply); len(complaints) == 0 || h.beforeSteps(apply, before, tick) ||
			h.beforeErasures(apply, users, before, tick) {
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
			h.coverage.add("batch that read earlier facts")
			return nil
		}
		if h.unsure.declares {
			return wrong
		}
	}
	return complaints
}

// agrees applies a commit to the model and returns how model and system differ.
func (h *history) agrees(apply func() []string) []string {
	complaints := apply()
	if diff := h.differences(); diff != "" {
		complaints = append(complaints, diff)
	}
	return complaints
}

// withOwn returns these facts with the user's own facts replaced by those of before.
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
