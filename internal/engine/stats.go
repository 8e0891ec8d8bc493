package engine

import "sync/atomic"

// Stats count what an engine did since it was made.
type Stats struct {
	Polls    uint64 // polls that succeeded
	Batches  uint64 // batches that were committed
	Referees uint64 // referees decided in these
	Entries  uint64 // entries appended to the ledger
	Failures uint64 // batches that were rolled back
	SetAside uint64 // referees that could not be decided
	Drift    uint64 // rows that a resync put right
}

type counters struct {
	polls, batches, referees, entries, failures, setAside, drift atomic.Uint64
}

// Stats returns the counts so far.
func (e *Engine) Stats() Stats {
	return Stats{
		Polls:    e.stats.polls.Load(),
		Batches:  e.stats.batches.Load(),
		Referees: e.stats.referees.Load(),
		Entries:  e.stats.entries.Load(),
		Failures: e.stats.failures.Load(),
		SetAside: e.stats.setAside.Load(),
		Drift:    e.stats.drift.Load(),
	}
}
