// Package visitor is what a browser remembers for the tracker: a visitor's id
// with the first and the last touch, in a token that nobody else can read or
// make.
//
//	open the cookie's token ─► Touched ─► seal ─► cookie
//
// Since the token carries the touches themselves, a signup is attributed even
// when the database never heard of the click.
//
// Nothing about HTTP routes or the database lives here.
package visitor
