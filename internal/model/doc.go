// Package model proves the rules of the contract: its tests contain a small, slow reference model
// that reads like the rules, and compare it with the engine on a real Postgres after random
// histories.
//
// The model is in the files rule_*_test.go and state_test.go. It keeps everything in maps, decides
// one referee at a time, computes with rational numbers, and imports only the standard library, so
// that it shares no mistake with package reward. The other files drive the system under test. The
// package exports nothing.
package model
