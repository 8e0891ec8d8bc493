// Package database is what the operator declares and keeps in the referral schema: migrations,
// owner, roles, versions, campaigns and their revisions, status counters.
//
// Its SQL is in migrations and queries. How to connect and what an SQLSTATE means is in package
// postgres; what a purchase earns is in package reward; Kubernetes is in the controllers.
package database
