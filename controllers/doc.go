// Package controllers converges configuration: what AttributionDatabase, RewardPolicy and ReferralCampaign objects say is
// declared in Postgres, and what Postgres has come to is reported in their status.
//
// Each kind has its <kind>_controller.go, which reads as the story of the kind, and its <kind>_setup.go with indexes,
// watches and predicates. pools_controller.go is the one that runs on every replica, elected or not: it reads Secrets and
// keeps package hosting supplied.
//
// A Reconcile is a list of phases that return errors; the kind of error decides about conditions and requeue, in
// conclude.go and nowhere else. Status is written once, at the end.
//
// No SQL and no reward arithmetic lives here, and nothing is kept in memory that a restart could not find out again.
package controllers
