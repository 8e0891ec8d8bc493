// Package explain answers the most frequent question about referral programs: where is my reward?
// It runs the same Decide on the same facts as the engine. The answer, made for JSON, contains what
// is recorded, what would be decided now, and every reason against it. It writes nothing.
package explain
