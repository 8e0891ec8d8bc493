// Package testworld gives tests, the demo and the bench the real components
// this project runs on: a kube-apiserver with its etcd, a Postgres server, a
// database of one's own on it, and processes of the project's binaries.
//
// Tests of the tracker have an nginx and a headless Chromium beside them.
//
// Everything listens on loopback and keeps its files in one scratch directory
// per process. Whatever way that process ends, SIGKILL included, its servers
// end with it and the directory is removed.
//
// The package knows nothing of the product: no schema, no kinds, no engine.
// Functions take a context and return errors; those in testing.go wrap them
// for tests.
package testworld
