package engine

import "sync/atomic"

// Stats count what an engine did since it was made.
type Stats struct {
	Polls    uint64 // looks for work
	Batches  uint64 // committed
	Referees uint64 // decided in them
	Entries  uint64 // appended to the ledger in them
	Failures uint64 // batches that were rolled back
	SetAside uint64 // referees that could not be decided
	Drift    uint64 // differences put right that nobody declared
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
