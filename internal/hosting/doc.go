// Package hosting keeps, for each AttributionDatabase, one pool of connections and one engine in this process.
//
// It lives as long as the process does: connections, credits and the owner's heartbeat go on while controller-runtime's
// manager, and with it everything that needs the API server, comes and goes. A host is told what to connect to (Ensure),
// finds out by itself whether the schema is its own and its versions are known, and runs the engine for as long as that
// is so. All dialling happens in the goroutine of the host it concerns: a database that swallows packets costs nobody but
// itself anything.
//
// What a schema should hold is not decided here, nothing is declared, and Kubernetes does not occur but for the names of
// the objects.
package hosting
