// Package touches writes touches to the database in groups, so that no visitor waits for a write.
//
//	Add ─► queue ─► one INSERT for all touches of some milliseconds
//
// A touch that is lost here, because the queue was full or the process died, is not lost for
// attribution: the visitor's token contains it, and the signup writes it.
//
// The caller decides whether a request is a touch.
package touches
