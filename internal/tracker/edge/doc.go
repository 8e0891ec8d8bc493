// Package edge serves visitors: referral links, and the endpoint that gateways call for every other
// request.
//
//	/r/{code}   find the link ─► remember the touch ─► redirect
//	/capture    find ?r=code  ─► remember the touch ─► let pass
//
// A touch is remembered in the visitor's cookie and in the queue for the database. No answer waits
// for a write, none is an error because of what a visitor sent, and links in memory work while the
// database is away.
//
// The engine decides which touch earns something.
package edge
