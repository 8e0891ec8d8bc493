// Package reward says what a signup-plus-purchase pair earns.
//
// Everything a policy can say lives here, as pure functions over plain values:
// the caller gathers what is known of a referee, Decide answers, the caller
// records. The package knows neither Postgres nor Kubernetes, reads no clock
// and does no I/O, so that every rule can be read, tested and fuzzed alone.
package reward
