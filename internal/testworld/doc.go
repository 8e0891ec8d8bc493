// Package testworld gives tests, the demo and the bench the real components this project runs on: a
// kube-apiserver with its etcd, a Postgres server with databases on it, and processes of the
// project's binaries. Tests of the tracker also get an nginx and a headless Chromium.
//
// Everything listens on loopback and keeps its files in one scratch directory per process. However
// that process ends, SIGKILL included, its servers end with it and the directory is removed.
//
// The package knows nothing of the product: no schema, no kinds, no engine. Functions take a
// context and return errors; those in testing.go wrap them for tests.
package testworld
