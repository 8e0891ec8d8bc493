package engine

import (
	"math"
	"slices"
	"time"

	"github.com/referral-operator/referral-operator/internal/reward"
)

// Observer learns what the engines of a process do. Engines call it from several goroutines at a
// time, so its methods must be safe for that and must not block.
type Observer interface {
	// Committed is called after the commit of a batch, or of a step of a reversal.
	Committed(report *Report)

	// Failed is called when a batch, a step or a poll has failed.
	Failed(err error)
}

// Report is what a committed batch did.
type Report struct {
	Took      time.Duration             // from the beginning of the transaction to its commit; zero: a step of a reversal
	Stages    [stageCount]time.Duration // by Stage; zero: the batch had no such stage
	Pairs     map[reward.State]int      // pairs that entered the state
	Latencies []time.Duration           // of each new pair that counts on arrival: from the later arrival of signup and purchase to its decision
	Credits   map[CreditFlow]int64      // minor units, above zero; a larger sum than int64 has is its highest value
	SetAside  int                       // referees
	Referees  int                       // decided
}

// CreditFlow is credit that entries of one kind gave or took back in one currency.
type CreditFlow struct {
	Kind     reward.EntryKind
	Currency string
}

// Stage is a part of a batch.
type Stage int

// The stages in the order in which a batch passes them.
const (
	StageChoose   Stage = iota // locks shards and dequeues, or reads the head of a waitlist
	StageLoad                  // reads facts and results
	StageDecide                // evaluates the rules
	StageAllocate              // waits for the campaigns' locks and gives out capacity
	StageRecord                // writes results
	StageCommit                // erases, reads the configuration epoch again and commits
	stageCount
)

// Stages returns the names of all stages, by Stage.
func Stages() [stageCount]string {
	return [stageCount]string{"Choose", "Load", "Decide", "Allocate", "Record", "Commit"}
}

// stopwatch measures the stages of a batch.
type stopwatch struct {
	began, last time.Time
	stages      [stageCount]time.Duration
}

func startStopwatch() stopwatch {
	now := time.Now()
	return stopwatch{began: now, last: now}
}

// end adds the time since the end of the stage before to a stage.
func (s *stopwatch) end(stage Stage) {
	now := time.Now()
	s.stages[stage] += now.Sub(s.last)
	s.last = now
}

// observeCommit tells the observer what the batch did.
func (b *batch) observeCommit() {
	if b.engine.options.Observer == nil {
		return
	}
	report := &Report{
		Took: b.watch.last.Sub(b.watch.began), Stages: b.watch.stages,
		Pairs: map[reward.State]int{}, Credits: map[CreditFlow]int64{},
	}
	for _, r := range b.referees {
		report.add(r, b.config.Reward, b.now)
	}
	b.engine.options.Observer.Committed(report)
}

// add adds what was decided about a referee.
func (report *Report) add(r *referee, config *reward.Configuration, now time.Time) {
	if r.cause != nil {
		report.SetAside++
		return
	}
	report.Referees++
	for i := range r.outcome.Decisions {
		decision := &r.outcome.Decisions[i]
		before := r.pair(decision.PurchaseID)
		if decision.State == reward.NotCounting || before != nil && before.State == decision.State {
			continue
		}
		report.Pairs[decision.State]++
		if before != nil {
			continue
		}
		if arrived, counts := r.countsOnArrival(config, decision); counts {
			report.Latencies = append(report.Latencies, max(0, now.Sub(arrived)))
		}
	}
	for i := range r.entries {
		entry := &r.entries[i]
		amount := entry.Amount
		if amount < 0 {
			amount = -amount
		}
		flow := CreditFlow{entry.Kind, entry.Currency}
		report.Credits[flow] += min(amount, math.MaxInt64-report.Credits[flow])
	}
}

// countsOnArrival returns when the facts of a new pair had arrived, the later of signup and purchase,
// and reports whether the pair counts since then. It does not if they arrived before the revision
// that decides it was recorded, or if it may be first only because an earlier pair was reversed.
func (r *referee) countsOnArrival(config *reward.Configuration, decision *reward.Decision) (arrived time.Time, counts bool) {
	purchase, campaign := r.purchase(decision.PurchaseID), config.Campaigns[decision.Campaign]
	if purchase == nil || r.Signup == nil || campaign == nil {
		return time.Time{}, false
	}
	arrived = purchase.ArrivedAt
	if r.Signup.ArrivedAt.After(arrived) {
		arrived = r.Signup.ArrivedAt
	}
	for i := range campaign.Revisions {
		revision := &campaign.Revisions[i]
		if revision.Number != decision.Revision {
			continue
		}
		second := revision.Terms.Purchases == reward.FirstPurchase &&
			slices.ContainsFunc(r.Pairs, func(p reward.Pair) bool { return p.Campaign == decision.Campaign })
		return arrived, arrived.After(revision.RecordedAt) && !second
	}
	return time.Time{}, false
}

// observeFailure tells the observer that something has failed.
func (e *Engine) observeFailure(err error) {
	if e.options.Observer != nil {
		e.options.Observer.Failed(err)
	}
}
