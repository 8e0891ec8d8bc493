// Package links knows referral links by their codes: what a code looks like,
// where its link leads, and whether there is one.
//
//	code ─► Normalize, Valid ─► Directory.Find ─► Destination
//
// The directory answers from memory wherever it can, and goes on with what it
// knew while the database is away.
//
// Whether a touch on a link earns anything is the engine's to decide, later:
// nothing of it lives here, and nothing about HTTP.
package links
