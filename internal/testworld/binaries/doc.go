// Package binaries finds the programs a test world is made of, and gets them where they are
// missing: kube-apiserver, etcd, kubectl and, on request, kube-controller-manager; Postgres with
// its initdb; and, for tests of the tracker, nginx and Chromium. Tests of the dashboard and the
// alerts need a Prometheus, those of the alerts also psql.
//
// It runs only the tools that fetch or build. `make assets` and the tests find the same programs
// through it.
package binaries
