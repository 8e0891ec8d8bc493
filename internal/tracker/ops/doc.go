// Package ops is what the operators of the tracker see: probes, metrics, and a log from which no
// person's visits can be read.
//
// Routes, statuses and durations are told; paths, addresses, queries, headers,
// cookies and bodies are not, whatever goes wrong. What a link is and what a
// fact is lives elsewhere.
package ops
