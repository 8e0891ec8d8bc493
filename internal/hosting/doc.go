// Package hosting keeps one pool of connections and one engine per AttributionDatabase in this
// process.
//
// It lives as long as the process: connections, credits and the owner's heartbeat go on while
// controller-runtime's manager, and with it everything that needs the API server, comes and goes.
// The controllers tell a host what to connect to (Ensure). The host finds out by itself whether the
// schema belongs to its AttributionDatabase and has versions that this binary knows, and runs the
// engine while both hold. A host dials only in its own goroutine: a database that swallows packets
// delays nothing but itself.
//
// Beside the engines it runs plans (Plans) and verifications (Verifications): work that reads a
// whole database, started by the leader's controllers and ended with them.
//
// This package declares nothing and knows nothing of what a schema should hold. Of Kubernetes it
// knows only the names of the objects.
package hosting
