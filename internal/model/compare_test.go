package model

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/referral-operator/referral-operator/internal/engine"
	"github.com/referral-operator/referral-operator/internal/explain"
)

// What is compared between model and system: each commit, and the whole once the engine is done.

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

// compareConditionErrors compares in which campaigns conditions ended in errors.
func (h *history) compareConditionErrors() {
	h.t.Helper()
	rows, err := h.reader.Query(context.Background(), "SELECT campaign FROM referral.pair_count GROUP BY 1 HAVING sum(condition_errors) > 0")
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
	rows, err := h.reader.Query(context.Background(), "SELECT wrong, what FROM referral.violations()")
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

// compareExplanations compares why purchases that have never counted earn nothing. No row says it:
// deciding says it again. Nothing may be explained as not recorded yet.
func (h *history) compareExplanations() {
	h.t.Helper()
	if h.suspended || len(h.erasures) > 0 {
		return
	}
	for _, user := range h.allUsers() {
		if h.setAside[user] || h.withholds(user) {
			continue
		}
		e, err := explain.Of(context.Background(), h.db, user)
		must(h.t, err)
		said := map[string]string{}
		for _, p := range e.Purchases {
			said[p.PurchaseID] = p.State + " " + p.Reason
			if p.Pending {
				h.disagree("what is recorded", fmt.Sprintf("%s/%s is %s %s, explained as not recorded yet (%s)", user, p.PurchaseID, p.State, p.Reason, p.Unrecorded))
			}
		}
		_, verdicts := h.decide(user)
		for _, v := range verdicts {
			if v.pair != nil {
				continue
			}
			if want := "NotCounting " + v.reason; said[v.key.id] != want {
				h.disagree("why a purchase earns nothing", fmt.Sprintf("%v is %s, explained as %s", v.key, want, said[v.key.id]))
			}
			h.coverage.add("purchase that is NotCounting " + v.reason)
		}
	}
}

// compareBlanked compares which facts erasures have blanked, and which touches are left.
func (h *history) compareBlanked() {
	h.t.Helper()
	rows, err := h.reader.Query(context.Background(), `
		SELECT 'signup ' || user_id FROM referral.signup WHERE blanked
		UNION ALL SELECT 'purchase ' || user_id || '/' || purchase_id FROM referral.purchase WHERE blanked
		UNION ALL SELECT 'touch ' || visitor_id || '/' || touch_id FROM referral.touch WHERE NOT blanked`)
	must(h.t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(h.t, err)
	expected := map[string]bool{}
	for user, s := range h.signups {
		if s.blanked {
			expected["signup "+user] = true
		}
	}
	for key, p := range h.purchases {
		if p.blanked {
			expected["purchase "+key.String()] = true
		}
	}
	for key := range h.touches {
		expected["touch "+key.visitor+"/"+key.id] = true
	}
	slices.Sort(names)
	if diff := cmp.Diff(sortedKeys(expected), names, cmpopts.EquateEmpty()); diff != "" {
		h.disagree("facts that are blanked, or touches that are left (-model +system)", diff)
	}
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
	rows, err := h.reader.Query(context.Background(), "SELECT user_id, purchase_id, condition_held FROM referral.purchase WHERE blanked")
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
