// Package facts writes what the application records, and reads what came of
// it, for those who do not write SQL themselves.
//
// Every write is idempotent by the fact's natural key: the same again returns
// what is stored, and something else under the same key is a Conflict that says
// what differs. Only what was given is compared; what the database filled in is
// no difference. A write that returns without error is committed.
//
// It knows Postgres and nothing of HTTP, and decides nothing about credits.
package facts
