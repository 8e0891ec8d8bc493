#!/usr/bin/env bash
# Runs every test. Packages whose goroutines share data run under the race detector if there is a C
# compiler.
set -euo pipefail
cd "$(dirname "$0")/.."

module=$(go list -m)
raced=$(go list ./controllers/... ./internal/... | grep -vE "^$module/internal/testworld" || true)
plain=$(go list ./... | grep -vxF "$raced")

# A failing property prints its seed; rapid writes no file into the tree.
export RAPID_NOFAILFILE=true

race=-race
if ! command -v "$(go env CC)" >/dev/null; then
	echo "No C compiler found: tests run without the race detector." >&2
	race=
fi

# Not from the cache: an earlier pass says nothing about the servers that are installed now.
status=0
go test $race -count=1 -timeout=40m $raced || status=1
go test -count=1 -timeout=40m $plain || status=1
(cd hack/gitops && go test -count=1 -timeout=40m ./...) || status=1
(cd cmd/kubectl-referral && go test -count=1 -timeout=40m ./...) || status=1
exit $status
