// Package binaries finds the programs a test world is made of, and gets them
// where they are missing: kube-apiserver, etcd, kubectl and, for those who
// need it, kube-controller-manager; Postgres with its initdb; and, for tests of
// the tracker, nginx and Chromium.
//
// It runs nothing but the tools that fetch or build. `make assets` and the
// tests themselves come to the same answers through it.
package binaries
