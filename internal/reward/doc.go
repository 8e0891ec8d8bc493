// Package reward decides what a pair of signup and purchase earns.
//
// Every rule about credits lives here, as pure functions over plain values: the caller gathers what
// is known of a referee, Decide decides, Allocate admits, and the caller records. The package knows
// neither Postgres nor Kubernetes, reads no clock and does no I/O, so every rule can be read,
// tested and fuzzed alone.
//
// Where to find what:
//
//	decide.go, candidate.go   Decide, and one purchase while it is decided
//	referee.go, outcome.go    what Decide reads and returns
//	attribution.go, touch.go  which link a signup is attributed to
//	revision.go               which version of the terms a pair follows
//	checks.go                 the lists of checks, and when each list applies
//	period.go, window.go      checks of times
//	net.go                    checks of amounts and currencies
//	condition*.go             conditions in CEL: what they can read and cost, errors and warnings
//	selfreward.go             checks against self-reward
//	forgotten.go              what replaces facts that an erasure blanked
//	first.go                  which purchase is the first
//	conclude.go, hold.go      state, reason and times of the decision
//	credit.go, rate.go, tier.go  what it earns
//	limited.go, claim.go      pairs whose admission depends on capacity
//	need.go, allocate.go      how capacity is given to claims and the waitlist
//	settle.go, ledger.go      which entries the ledger lacks
//	restore*.go, takeback.go  lost pairs and attributions; credit that is taken back
//	digest.go, stepdigest.go  digests of terms and of edits
//	plan.go, allocate_all.go  what a plan adds up
//	explain.go                every reason against a purchase
//	describe.go, remedy.go    checks and remedies in words
//	amount.go, currency.go    money between people and minor units
package reward
