// Package model proves the rules: its tests hold a small, slow program that
// reads like them, and compare it with the engine on a real Postgres after
// random histories.
//
// The program is in the files rule_*_test.go and state_test.go. It keeps
// everything in maps, decides one referee at a time, computes with rational
// numbers, and imports nothing but the standard library: what it says about a
// rule must not be what package reward says about it. The other files drive the
// system under test. Nothing here is for anybody else to use.
package model
