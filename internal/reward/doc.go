// Package reward says what a signup-plus-purchase pair earns.
//
// Everything a policy can say lives here, as pure functions over plain values:
// the caller gathers what is known of a referee, Decide answers, the caller
// records. The package knows neither Postgres nor Kubernetes, reads no clock
// and does no I/O, so that every rule can be read, tested and fuzzed alone.
//
// Where to find what:
//
//	attribution.go, touch.go  whom a signup is bound to
//	revision.go               which version of the terms a pair follows
//	checks.go                 the lists of checks, and when which of them applies
//	period.go, window.go      checks of times
//	net.go                    checks of what a purchase comes to
//	condition*.go             conditions in CEL: what they may look at, cost, and what is said of mistakes
//	selfreward.go             checks against rewarding oneself
//	forgotten.go              what stands in for what an erasure took
//	first.go                  which purchase is the first
//	conclude.go, hold.go      state, reason and times of the decision
//	credit.go, rate.go, tier.go  what it earns
//	ordered.go, claim.go      pairs whose admission depends on those before them
//	admit.go                  who of them gets the room there is
//	settle.go                 what the ledger lacks
//	explain.go                every reason, for whoever asks why
//	amount.go, currency.go    money between people and minor units
package reward
