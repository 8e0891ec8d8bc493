// Package ops has probes, metrics and an access log from which no person's visits can be read.
//
// It reports routes, statuses and durations, and never paths, addresses, queries, headers, cookies
// or bodies, also not in errors. It knows nothing of links and facts.
package ops
