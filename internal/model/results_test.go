package model

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
)

//go:embed testdata/commits.sql
var commitsSQL string

//go:embed testdata/results.sql
var resultsSQL string

// results are the system's recorded results in the model's types.
type results struct {
	zero         *time.Time
	attributions map[string]attribution
	pairs        map[purchaseKey]*pair
	credits      map[purchaseKey]map[string]credit
	ledger       map[ledgerKey]int64
	balances     map[account]balance
	setAside     map[string]bool      // users
	growing      map[purchaseKey]bool // admitted pairs on the waitlist, which wait to grow
}

type ledgerKey struct {
	purchaseKey
	reward, campaign, beneficiary, currency string
}

type account struct{ Beneficiary, Currency string }

type balance struct{ Available, Held int64 }

func newResults() *results {
	return &results{attributions: map[string]attribution{}, pairs: map[purchaseKey]*pair{}, credits: map[purchaseKey]map[string]credit{},
		ledger: map[ledgerKey]int64{}, balances: map[account]balance{}, setAside: map[string]bool{}, growing: map[purchaseKey]bool{}}
}

// write is one written row, before and after.
type write struct {
	of       string
	was, now []byte
}

func (w write) String() string { return fmt.Sprintf("\n%s: %s → %s", w.of, w.was, w.now) }

// isReason reports whether the write changes only the reason of a waiting pair.
func (w write) isReason() bool {
	return w.of == "pair" && w.differsIn("state", "Waiting", "reason", "decided_at", "checksum")
}

// isDigest reports whether the write changes only the digest of an attribution.
func (w write) isDigest() bool {
	return w.of == "attribution" && w.changesOnly("facts", "via", "pairs")
}

// passesOver reports whether the write only marks a waiting pair as passed over by allocation: its
// referee is withheld, and was not decided.
func (w write) passesOver() bool {
	return w.of == "waitlist" && w.differsIn("passed_over", true, "passed_over")
}

// differsIn reports whether the write changes only the given columns, and the named column has the
// value afterwards.
func (w write) differsIn(name string, value any, columns ...string) bool {
	var now map[string]any
	return w.changesOnly(columns...) && json.Unmarshal(w.now, &now) == nil && now[name] == value
}

// changesOnly reports whether the write changes only the given columns of a row.
func (w write) changesOnly(columns ...string) bool {
	var was, now map[string]any
	if w.was == nil || w.now == nil || json.Unmarshal(w.was, &was) != nil || json.Unmarshal(w.now, &now) != nil {
		return false
	}
	for _, column := range columns {
		delete(was, column)
		delete(now, column)
	}
	return reflect.DeepEqual(was, now)
}

type commit struct{ writes []write }

func (c commit) String() string { return fmt.Sprint(c.writes) }

// commits returns the commits since the last call.
func (h *history) commits() (commits []commit) {
	rows, err := h.reader.Query(context.Background(), commitsSQL)
	must(h.t, err)
	var number, last int64
	var w write
	_, err = pgx.ForEachRow(rows, []any{&number, &w.of, &w.was, &w.now}, func() error {
		if number != last {
			commits, last = append(commits, commit{}), number
		}
		c := &commits[len(commits)-1]
		c.writes = append(c.writes, w)
		w.was, w.now = nil, nil
		return nil
	})
	must(h.t, err)
	return commits
}

// recorded reads all results of the system.
func (h *history) recorded() *results {
	all := newResults()
	all.zero = &h.zero
	rows, err := h.reader.Query(context.Background(), resultsSQL)
	must(h.t, err)
	var w write
	_, err = pgx.ForEachRow(rows, []any{&w.of, &w.now}, func() error {
		all.apply(h.t, w)
		w.now = nil
		return nil
	})
	must(h.t, err)
	for key, sum := range all.ledger {
		if sum == 0 {
			delete(all.ledger, key)
		}
	}
	return all
}

// row has the columns of all result tables.
type row struct {
	User        string    `json:"user_id"`
	Purchase    string    `json:"purchase_id"`
	Campaign    string    `json:"campaign"`
	Code        string    `json:"code"`
	Referrer    string    `json:"referrer_id"`
	Label       string    `json:"label"`
	Touched     time.Time `json:"touched_at"`
	Source      string    `json:"source"`
	Visitor     string    `json:"visitor_id"`
	Touch       string    `json:"touch_id"`
	Revision    int       `json:"revision"`
	Order       int64     `json:"admission_order"`
	Ordinal     int64     `json:"ordinal"`
	Qualified   time.Time `json:"qualified_at"`
	Matures     time.Time `json:"matures_at"`
	State       string    `json:"state"`
	Reason      string    `json:"reason"`
	Growing     bool      `json:"growing"`
	Allowed     bool      `json:"allowed"`
	Reward      string    `json:"reward"`
	Beneficiary string    `json:"beneficiary_id"`
	Currency    string    `json:"currency"`
	Amount      int64     `json:"amount"`
	Available   int64     `json:"available"`
	Held        int64     `json:"held"`
	Cause       string    `json:"cause"`
	ID          string    `json:"id"`
	Incident    string    `json:"incident"`
	Kind        string    `json:"kind"`
}

// apply applies a write, and returns the referee that it belongs to.
func (r *results) apply(t fataler, w write) (user string) {
	t.Helper()
	var is row
	text := w.now
	if text == nil {
		text = w.was
	}
	must(t, json.Unmarshal(text, &is))
	key := purchaseKey{is.User, is.Purchase}
	switch w.of {
	case "attribution":
		delete(r.attributions, is.User)
		if w.now != nil {
			r.attributions[is.User] = attribution{is.Campaign, is.Code, is.Referrer, is.Label, r.at(is.Touched), is.Source, is.Visitor, is.Touch}
		}
	case "pair":
		delete(r.pairs, key)
		if w.now != nil {
			r.pairs[key] = &pair{campaign: is.Campaign, referrer: is.Referrer, revision: is.Revision, order: is.Order, ordinal: is.Ordinal,
				state: is.State, reason: is.Reason, qualified: r.at(is.Qualified), matures: r.at(is.Matures), allowed: is.Allowed}
			r.pairs[key].growing = r.growing[key]
		}
	case "waitlist":
		delete(r.growing, key)
		if w.now != nil && is.Growing {
			r.growing[key] = true
		}
		if p := r.pairs[key]; p != nil {
			p.growing = r.growing[key]
		}
	case "credit":
		if r.credits[key] == nil {
			r.credits[key] = map[string]credit{}
		}
		delete(r.credits[key], is.Reward)
		if w.now != nil {
			r.credits[key][is.Reward] = credit{is.Beneficiary, money{is.Amount, is.Currency}}
		}
	case "ledger":
		r.ledger[ledgerKey{key, is.Reward, is.Campaign, is.Beneficiary, is.Currency}] += is.Amount
	case "account":
		if w.was == nil && w.now != nil { // entries are only inserted
			r.balances[account{is.Beneficiary, is.Currency}] = balance{is.Available, is.Held}
		}
	case "set_aside":
		if w.now != nil {
			r.setAside[is.User] = true
		} else {
			delete(r.setAside, is.User)
		}
	}
	for key, p := range r.pairs {
		if key.user == is.User {
			p.credits = r.credits[key]
		}
	}
	return is.User
}

func (r *results) at(t time.Time) at { return at(t.Sub(*r.zero) / time.Microsecond) }

// comparison is the part of the results that model and system must agree on.
type comparison struct {
	Attributions map[string]attribution
	Pairs        map[string]pair
}

func (r *results) comparable() comparison { return compare(r.attributions, r.pairs) }

func compare(attributions map[string]attribution, pairs map[purchaseKey]*pair) comparison {
	c := comparison{attributions, map[string]pair{}}
	for key, p := range pairs {
		shown := *p
		shown.counted, shown.terms, shown.net, shown.allowedNow = 0, nil, money{}, false
		if !p.occupies() {
			shown.allowed = false // has no meaning for such a pair
		}
		if len(shown.credits) == 0 {
			shown.credits = nil
		}
		c.Pairs[key.String()] = shown
	}
	return c
}

var exported = cmp.Exporter(func(reflect.Type) bool { return true })

// differences returns how the results of model and system differ; empty: they do not.
func (h *history) differences() string {
	diff := cmp.Diff(h.settled(compare(h.attributions, h.pairs)), h.settled(h.seen.comparable()), exported)
	if diff == "" {
		return ""
	}
	return "(-model +system)\n" + diff
}
