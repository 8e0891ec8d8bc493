// Package facts writes the facts that an application records, and reads balances, credits and
// links, for applications that do not write SQL themselves.
//
// Every write is idempotent by the fact's natural key: repeating it returns the stored fact, and a
// different fact under the same key is a Conflict that names the fields that differ. Only given
// fields are compared, not those that the database filled in. A write that returns without error is
// committed.
//
// The package knows Postgres and nothing of HTTP, and decides nothing about credits.
package facts
