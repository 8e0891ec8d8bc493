// Package ops is what people who run the tracker see of it: probes, metrics,
// and a log in which nobody's visits can be read.
//
// Routes, statuses and durations are told; paths, addresses, queries, headers,
// cookies and bodies are not, whatever goes wrong. What a link is and what a
// fact is lives elsewhere.
package ops
