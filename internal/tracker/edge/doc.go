// Package edge is what visitors meet: referral links that lead on, and the
// endpoint that gateways ask about every other request.
//
//	/r/{code}   find the link ─► remember the touch ─► redirect
//	/capture    find ?r=code  ─► remember the touch ─► let pass
//
// To remember a touch is to put it into the visitor's cookie and into the queue
// for the database. No answer ever waits for the database to write, none is an
// error because of what a visitor sent, and without the database links that are
// known lead on as ever.
//
// Which touch earns something is the engine's to decide.
package edge
