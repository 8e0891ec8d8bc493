// Package links finds referral links by their codes: which codes are valid, whether a link exists,
// and where it leads.
//
//	code ─► Trim, Valid ─► Directory.Find ─► Destination
//
// The directory answers from memory where it can, and goes on doing so while the database is away.
//
// The package knows nothing of HTTP, and nothing of what a touch earns: the engine decides that
// later.
package links
