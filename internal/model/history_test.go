package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/referral-operator/referral-operator/internal/database"
)

// history is one run of operations on model and system.
type history struct {
	*model
	*shop
	t fataler

	unsure      *unsure // an operation ran during a batch; nil: none did
	besideBatch bool    // the present operation runs during a batch
	compared    bool    // compareAll has run at least once
	requests    int
	refused     map[string]bool                   // users whose credits the database refuses
	deleted     map[string]int                    // how many objects of this name have been deleted
	last        map[string]declare                // the last declaration, by campaign
	before      map[string]declare                // the declaration before the last, by campaign
	sent        map[string][]database.Declaration // all declarations as the controller sent them, by campaign
	uids        map[string]string                 // UID of the object that declared a campaign last
	steps       []step                            // of rollouts, in this convergence
	seen        *results                          // what the system has recorded, commit by commit
}

// play runs the operations on model and system and compares both after each convergence. At the end
// every referee is decided once more, and explained.
func (s *shop) play(t fataler, operations []operation) {
	t.Helper()
	s.begin(t)
	h := &history{model: newModel(), shop: s, t: t, seen: newResults(), refused: map[string]bool{}, deleted: map[string]int{},
		last: map[string]declare{}, before: map[string]declare{}, sent: map[string][]database.Declaration{}, uids: map[string]string{}}
	h.seen.zero = &s.zero
	for _, o := range operations {
		if h.waitsForPending(o) {
			finish{Commit: true}.happen(h)
		}
		o.happen(h)
	}
	finish{Commit: true}.happen(h)
	refuse{}.happen(h)
	h.converge(converge{Again: true})
	h.compareExplanations()
	s.coverage.add(histories)
}

// disagree ends the history. what does not depend on the details, so that shrinking recognises the
// same failure in a shorter history.
func (h *history) disagree(what, details string) {
	h.t.Helper()
	h.t.Logf("%s:\n%s", what, details)
	h.t.Fatalf("%s", what)
}

// converge makes engines work until nothing is pending, as o says, and compares the results.
func (h *history) converge(o converge) {
	h.t.Helper()
	h.steps = nil
	if !h.suspended {
		h.carryOutUnlocked()
	}
	h.together(o)
	h.quiet(h.t, o.Batch)
	if h.compareCommits() || !h.compared {
		h.compareAll()
		h.compared = true
	}
	h.haveFixed()
	h.compareBlanked()
	h.takeHeld()
	h.compareDone()
	h.coverage.look(h.model)
	if h.closeReversed() {
		h.converge(converge{Batch: o.Batch, Again: o.Again})
		return
	}
	if !o.Again || h.suspended || len(h.refused) > 0 { // each retry of a set-aside referee writes a row
		return
	}
	h.execute(h.t, againSQL)
	h.quiet(h.t, o.Batch)
	for _, commit := range h.commits() {
		for _, w := range commit.writes {
			if !w.isReason() && !h.isDigestOfWithheld(w) {
				h.disagree("a converged engine wrote something", fmt.Sprint(commit))
			}
			h.seen.apply(h.t, w)
			if w.isReason() {
				h.takeReason(w)
			}
		}
	}
}

// quiet converges until nothing is pending, including what a crashed engine has locked, but for
// erasures that wait.
func (h *history) quiet(t fataler, batch int) {
	t.Helper()
	e := h.engine(h.db, batch)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var erased, was string // how far the erasures are that wait
	for ; ; time.Sleep(2 * time.Millisecond) {
		if err := e.Converge(ctx); ctx.Err() != nil {
			t.Logf("%+v", e.Stats())
			t.Fatalf("the engine does not come to an end")
		} else if err != nil {
			t.Fatalf("%v", err)
		}
		var busy bool
		was = erased
		must(t, h.reader.QueryRow(ctx, busySQL, slices.Sorted(maps.Keys(h.erasures))).Scan(&busy, &erased))
		if !busy && erased == was || h.suspended {
			return
		}
	}
}

// patience is how long forty referees, one per batch, may take on a busy machine.
const patience = 2 * time.Minute

// isDigestOfWithheld reports whether the write changes only the digest of a referee with withheld
// pairs. The engine writes it if their campaign has been suspended since, so that it judges no
// pair.
func (h *history) isDigestOfWithheld(w write) bool {
	var is row
	return w.isDigest() && json.Unmarshal(w.now, &is) == nil && h.withholds(is.User)
}

// takeReason takes over the reason of a waiting pair from the system.
func (h *history) takeReason(w write) {
	var is row
	must(h.t, json.Unmarshal(w.now, &is))
	h.pairs[purchaseKey{is.User, is.Purchase}].reason = is.Reason
}

// resync makes the engine compare everything. It must repair nothing but the hidden or tampered
// row.
func (h *history) resync(o resync) {
	h.t.Helper()
	refuse{}.happen(h)
	h.converge(converge{})
	compares := h.allCompared()
	if o.Hidden != nil {
		h.hidden = compares
		o.Hidden.happen(h)
		h.hidden = false
	}
	if o.Tampered != "" && compares {
		h.tamper(o.Tampered)
		h.coverage.add("altered " + o.Tampered)
	}
	before := h.drift()
	h.runResync()
	if o.Hidden != nil || o.Tampered != "" || !compares {
		h.resyncs = true
		h.converge(converge{})
		h.resyncs = false
		return
	}
	if written := h.commits(); len(written) > 0 || h.drift() != before {
		h.disagree("a resync without drift wrote something", fmt.Sprint(written))
	}
}

// runResync requests a resync of every campaign, and makes an engine carry it out.
func (h *history) runResync() {
	for name := range h.campaigns {
		h.requests++
		must(h.t, database.RequestResync(context.Background(), h.db, database.Campaign{OwnerUID: ownerUID, Name: name}, fmt.Sprint(h.requests)))
	}
	must(h.t, h.engine(h.db, 0).Resync(context.Background()))
}

// drift returns how many rows resyncs have repaired.
func (h *history) drift() (rows int64) {
	must(h.t, h.reader.QueryRow(context.Background(), "SELECT coalesce(sum(drift_corrected), 0)::bigint FROM referral.resync_campaign").Scan(&rows))
	return rows
}

// crash makes an engine lose all its connections at a statement.
func (h *history) crash(o converge) {
	db, err := h.cutter.open(h.t, o.Crash, o.Deaf)
	if err != nil {
		return // the cut came while connecting
	}
	defer db.Close()
	// An error is the cut; without one the engine finished before it.
	_ = h.engine(db, o.Batch).Converge(context.Background())
}

// together makes several engines converge at once, as many as o or the soak says. One may crash.
func (h *history) together(o converge) {
	engines := h.engines
	if o.Two {
		engines = max(engines, 2)
	}
	if engines == 1 {
		if o.Crash > 0 {
			h.crash(o)
		}
		return // the last engine converges in quiet
	}
	var all sync.WaitGroup
	failures := make([]error, engines)
	for i := range failures {
		all.Go(func() {
			if i == 0 && o.Crash > 0 {
				h.crash(o)
			} else {
				failures[i] = h.engine(h.db, o.Batch).Converge(context.Background())
			}
		})
	}
	all.Wait()
	must(h.t, errors.Join(failures...))
}

// closeReversed repeats the reversal of a campaign until the campaign is closed, as the controller
// does. It reports whether a campaign became closed, which has more referees decided again.
func (h *history) closeReversed() (closes bool) {
	for name, c := range h.campaigns {
		if c.mode == reversing && !h.suspended {
			h.reverseCampaign(name)
			if c.mode != closed {
				h.disagree("a campaign was not reversed", name)
			}
			closes = true
		}
	}
	return closes
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
