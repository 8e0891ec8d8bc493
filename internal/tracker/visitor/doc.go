// Package visitor defines what a browser stores for the tracker: a visitor's id with the first and
// the last touch, in an encrypted token that only the tracker can read and create.
//
//	open the cookie's token ─► Touched ─► seal ─► cookie
//
// Because the token contains the touches, a signup is attributed even if the click never reached
// the database.
//
// The package knows nothing of HTTP routes or the database.
package visitor
