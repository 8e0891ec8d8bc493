// Package explain answers the question that referral programs are asked most:
// where is my reward? It runs the same Decide on the same facts as the engine and
// says, in words that can be sent as JSON, what is recorded, what would be decided
// now, and everything that stands against it. It writes nothing.
package explain
