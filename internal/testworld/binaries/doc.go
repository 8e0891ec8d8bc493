// Package binaries finds the programs a test world is made of, and gets them where they are
// missing: kube-apiserver, etcd, kubectl and, on request, kube-controller-manager; Postgres with
// its initdb; and, for some tests alone, the programs of ForTests and psql.
//
// It runs only the tools that fetch or build. `make assets` and the tests find the same programs
// through it.
package binaries
