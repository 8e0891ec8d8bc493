// Package database is the way to a Postgres schema that the operator owns:
// connection URIs and TLS, pools, migrations, ownership, roles, the declaration
// of campaigns, status counters, and what an SQLSTATE means.
//
// Its SQL lies in migrations and queries, written with the literal qualifier
// "referral." so that it runs as it is in psql; Schema.Qualify puts the real
// name in its place. Nothing here needs session state, so that all of it works
// through a pooler in transaction mode.
//
// Kubernetes does not occur here, nor does what a purchase earns: the one is
// left to the controllers, the other to package reward.
package database
