package model

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/database"
	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/postgres"
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
// every referee is decided once more.
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
		must(t, h.admin.QueryRow(ctx, busySQL, slices.Sorted(maps.Keys(h.erasures))).Scan(&busy, &erased))
		if !busy && erased == was || h.suspended {
			return
		}
	}
}

// patience is how long forty referees, one per batch, may take on a busy machine.
const patience = 30 * time.Second

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

// takeHeld takes over from the system whether conditions held when purchases were blanked: each by
// the condition of a revision that the pair followed meanwhile, or by whether the pair was admitted
// before a reversal came to it, or after.
func (h *history) takeHeld() {
	h.t.Helper()
	defer clear(h.forgotten)
	if len(h.forgotten) == 0 {
		return
	}
	rows, err := h.admin.Query(context.Background(), "SELECT user_id, purchase_id, condition_held FROM referral.purchase WHERE blanked")
	must(h.t, err)
	var key purchaseKey
	var held bool
	_, err = pgx.ForEachRow(rows, []any{&key.user, &key.id, &held}, func() error {
		v, forgotten := h.forgotten[key]
		if !forgotten {
			return nil
		}
		p := h.purchases[key]
		legal := p.held == held || v.conditionHolds() == held
		if v.terms != nil {
			for number := v.revision; number <= len(h.campaigns[v.campaign].revisions); number++ {
				legal = legal || h.heldUnder(v, number) == held
			}
		}
		if !legal {
			h.disagree("whether a condition held", fmt.Sprint(key, held))
		}
		p.held = held
		h.purchases[key] = p
		return nil
	})
	must(h.t, err)
}

// compareBlanked compares which facts erasures have blanked.
func (h *history) compareBlanked() {
	h.t.Helper()
	rows, err := h.admin.Query(context.Background(),
		"SELECT user_id || '/' FROM referral.signup WHERE blanked UNION ALL SELECT user_id || '/' || purchase_id FROM referral.purchase WHERE blanked")
	must(h.t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(h.t, err)
	expected := map[string]bool{}
	for user, s := range h.signups {
		if s.blanked {
			expected[purchaseKey{user: user}.String()] = true
		}
	}
	for key, p := range h.purchases {
		if p.blanked {
			expected[key.String()] = true
		}
	}
	slices.Sort(names)
	if diff := cmp.Diff(sortedKeys(expected), names, cmpopts.EquateEmpty()); diff != "" {
		h.disagree("facts that erasures have blanked (-model +system)", diff)
	}
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
	must(h.t, h.admin.QueryRow(context.Background(), "SELECT coalesce(sum(drift_corrected), 0)::bigint FROM referral.resync_campaign").Scan(&rows))
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

// compareCommits compares each commit of the engine with the rules, and reports whether there was
// any.
func (h *history) compareCommits() (some bool) {
	h.t.Helper()
	written := h.commits()
	for i, commit := range written {
		h.coverage.add(commits)
		users := map[string]bool{}
		for _, w := range commit.writes {
			if user := h.seen.apply(h.t, w); user != "" && !w.passesOver() && w.of != "withheld" {
				users[user] = true
			}
		}
		h.setAsideBy(commit)
		withheld := h.withheldBy(commit)
		apply := func() []string {
			complaints := h.judgeLosses(sortedKeys(users), withheld)
			return append(complaints, h.commit(sortedKeys(users), h.seen.pairs)...)
		}
		if after, end := commit.reversal(h.t); end != nil {
			apply = func() []string { h.takeBack(after, end); return nil }
		}
		if complaints := h.commitAsSeen(commit, sortedKeys(users), apply); len(complaints) > 0 {
			h.disagree("a commit is not what the rules say", fmt.Sprintf("commit %d, of %v:\n%s", i+1, sortedKeys(users), strings.Join(complaints, "\n")))
		}
		if complaints := h.judgeEntries(commit); len(complaints) > 0 {
			h.disagree("ledger entries are not what the rules say", strings.Join(complaints, "\n"))
		}
		for _, w := range commit.writes { // a batch decides before it does steps of rollouts
			if w.of == "rollout" {
				h.roll(w)
			}
		}
	}
	return len(written) > 0
}

// judgeEntries checks the ledger entries that a commit has written.
func (h *history) judgeEntries(c commit) (complaints []string) {
	var entries []entry
	for _, w := range c.writes {
		if w.of != "ledger" {
			continue
		}
		var is row
		must(h.t, json.Unmarshal(w.now, &is))
		key := ledgerKey{purchaseKey{is.User, is.Purchase}, is.Reward, is.Campaign, is.Beneficiary, is.Currency}
		entries = append(entries, entry{key, is.Amount, is.Kind, is.Reason, is.Revision})
	}
	return h.entered(entries, h.seen.ledger)
}

// compareConditionErrors compares in which campaigns conditions ended in errors.
func (h *history) compareConditionErrors() {
	h.t.Helper()
	rows, err := h.admin.Query(context.Background(), "SELECT campaign FROM referral.pair_count GROUP BY 1 HAVING sum(condition_errors) > 0")
	must(h.t, err)
	counted, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(h.t, err)
	fails := h.conditionsFail()
	for name := range h.campaigns {
		switch counts := slices.Contains(counted, name); {
		case fails[name] && !counts:
			h.disagree("errors of conditions", name+" counts none")
		case counts && !h.failed[name]:
			h.disagree("errors of conditions", name+" counts some, and there was none")
		case counts:
			h.coverage.add("condition that ends in an error")
		}
	}
}

// compareDone makes the model decide every referee again: nothing may differ.
func (h *history) compareDone() {
	h.t.Helper()
	if h.suspended {
		return
	}
	if before := h.outcome.clone(); h.isReversing() { // referees are enqueued when the reversal ends
		defer func() { h.outcome = before }()
	}
	h.done = true
	complaints := h.agrees(func() []string { return h.commit(h.allUsers(), h.seen.pairs) })
	complaints = append(complaints, h.wronglyWithheld()...)
	complaints = append(complaints, h.unfinished()...)
	h.done = false
	h.compareConditionErrors()
	if complaints = append(complaints, h.idle()...); len(complaints) > 0 {
		h.disagree("the system is not done", strings.Join(complaints, "\n"))
	}
}

// compareAll compares all results, and runs the database's own checks and a verification.
func (h *history) compareAll() {
	h.t.Helper()
	recorded := h.recorded()
	if diff := cmp.Diff(h.seen.comparable(), recorded.comparable(), exported); diff != "" {
		h.disagree("the results are not those of the commits", diff)
	}
	if diff := cmp.Diff(h.ledger(), recorded.ledger); diff != "" {
		h.disagree("ledger sums (-model +system)", diff)
	}
	if diff := cmp.Diff(h.balances(), recorded.balances); diff != "" {
		h.disagree("balances (-model +system)", diff)
	}
	if diff := cmp.Diff(sortedKeys(h.setAside), sortedKeys(recorded.setAside)); diff != "" {
		h.disagree("referees that are set aside (-commits +system)", diff)
	}
	rows, err := h.admin.Query(context.Background(), "SELECT wrong, what FROM referral.violations()")
	must(h.t, err)
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		must(h.t, err)
		h.disagree("violation", fmt.Sprint(values...))
	}
	must(h.t, rows.Err())
	verified, err := engine.Verify(context.Background(), h.db, nil)
	must(h.t, err)
	if verified.Violations > 0 {
		h.disagree("a verification finds violations", fmt.Sprintf("%+v", verified.Examples))
	}
}

// allUsers lists the users that have a fact or a result.
func (m *model) allUsers() []string {
	users := map[string]bool{}
	for user := range m.signups {
		users[user] = true
	}
	for user := range m.attributions {
		users[user] = true
	}
	for key := range m.purchases {
		users[key.user] = true
	}
	for key := range m.pairs {
		users[key.user] = true
	}
	return sortedKeys(users)
}

// ledger returns the sum that the ledger entries of each key must have.
func (m *model) ledger() map[ledgerKey]int64 {
	sums := map[ledgerKey]int64{}
	for key, p := range m.pairs {
		if p.state != "Granted" {
			continue
		}
		for reward, c := range p.credits {
			sums[ledgerKey{key, reward, p.campaign, c.beneficiary, c.currency}] = c.amount
		}
	}
	return sums
}

// balances returns the available and held credit of each account.
func (m *model) balances() map[account]balance {
	all := map[account]balance{}
	add := func(beneficiary, currency string, available, held int64) {
		b := all[account{beneficiary, currency}]
		all[account{beneficiary, currency}] = balance{b.Available + available, b.Held + held}
	}
	for key, a := range m.adjustments {
		add(key.beneficiary, a.currency, a.amount, 0)
	}
	for key, r := range m.redemptions {
		add(key.beneficiary, r.currency, -r.amount, 0)
	}
	for _, p := range m.pairs {
		for _, c := range p.credits {
			if p.state == "Held" {
				add(c.beneficiary, c.currency, 0, c.amount)
			} else {
				add(c.beneficiary, c.currency, c.amount, 0)
			}
		}
	}
	for a, b := range all {
		if b == (balance{}) {
			delete(all, a)
		}
	}
	return all
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for key := range set {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func openURI(uri string) (*postgres.DB, error) {
	return postgres.Open(context.Background(), postgres.Config{URI: uri, Schema: postgres.DefaultSchema})
}
