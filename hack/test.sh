#!/usr/bin/env bash
# Runs every test. Packages in which goroutines meet run under the race
# detector, where there is a C compiler for it.
set -euo pipefail
cd "$(dirname "$0")/.."

module=$(go list -m)
raced=$(go list ./controllers/... ./internal/... | grep -vE "^$module/internal/testworld" || true)
plain=$(go list ./... | grep -vxF "$raced")

race=-race
if ! command -v "$(go env CC)" >/dev/null; then
	echo "There is no C compiler: the race detector is left out." >&2
	race=
fi

# Not from the cache: a pass of last week says nothing about the servers of today.
status=0
go test $race -count=1 -timeout=40m $raced || status=1
go test -count=1 -timeout=40m $plain || status=1
exit $status
