// Package touches writes touches to the database: many at a time, and without
// ever making a visitor wait.
//
//	Add ─► queue ─► one INSERT for all that came within some milliseconds
//
// A touch that is lost here, because the queue was full or the process died, is
// not lost for attribution: the visitor's token has it, and the signup brings
// it along.
//
// Whether an arrival is a touch is decided before it comes here.
package touches
