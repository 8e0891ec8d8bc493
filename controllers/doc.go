// Package controllers converges configuration: it declares AttributionDatabase, RewardPolicy and
// ReferralCampaign objects in Postgres, and reports in their status what has come of them. It
// answers RewardPlan and RewardReview objects, which declare nothing.
//
// Each kind has
//
//	<kind>_controller.go   Reconcile, and the list of its phases
//	<kind>_scope.go        what one reconcile reads: objects, and one snapshot of the counters
//	                       (a RewardPolicy's is short and stands in its controller file)
//	<kind>_<subject>.go    the phases of one subject
//	<kind>_setup.go        watches and predicates; the indexes are in setup.go
//
// A RewardReview has neither phases nor a scope: its Reconcile answers, and writes the status.
//
// pools_controller.go and rewardreview_controller.go run on every replica, elected or not: the
// first reads Secrets and passes connection settings to package hosting, the second answers
// reviews.
//
// A phase is a function of the scope that returns an error. The first error ends the reconcile, and
// its kind decides about conditions and requeue, in conclude.go and nowhere else. Status is written
// once, at the end; that of a RewardReview again if the API server refuses it.
//
// This package holds no SQL: statements are in internal/database. It holds no reward arithmetic:
// what a policy or a budget amounts to is decided in internal/reward. What a process keeps in
// memory (absence, grantMemory, and the reports in package hosting) spares queries or delays an
// action, and a new process does without it.
package controllers
