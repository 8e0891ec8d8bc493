// Package postgres is what the operator and the tracker know of Postgres itself: connection URIs,
// TLS, dialling, pools, transactions, what an SQLSTATE means, and how SQL files are loaded. It
// knows no table of the referral schema; package database does.
//
// Nothing here needs session state, so everything works through a pooler in transaction mode.
package postgres
