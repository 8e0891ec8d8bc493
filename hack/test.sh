#!/usr/bin/env bash
# Runs every test, and ends with what is not proven because a program is missing. Packages whose
# goroutines share data run under the race detector if there is a C compiler; of the engine, which
# decides much in its tests, only some.
set -euo pipefail
cd "$(dirname "$0")/.."

assets=$(mktemp)
trap 'rm -f "$assets"' EXIT
go run ./hack/assets -tests | tee "$assets" | sed '/^not proven: /d'

module=$(go list -m)
engine=$module/internal/engine
raced=$(go list ./controllers/... ./internal/... | grep -vE "^($module/internal/testworld|$engine$)" || true)
# The longest comes first, so that the others run beside it.
plain=$(echo "$engine"; go list ./... | grep -vxF "$raced"$'\n'"$engine")

# A failing property prints its seed; rapid writes no file into the tree.
export RAPID_NOFAILFILE=true

race=-race
if ! command -v "$(go env CC)" >/dev/null; then
	echo "not proven: that goroutines do not race (no C compiler)" >>"$assets"
	race=
fi

# Not from the cache: an earlier pass says nothing about the servers that are installed now.
status=0
go test $race -count=1 -timeout=40m $raced || status=1
# Its tests decide so much that the race detector would take half an hour: of these, only those of
# engines that run for themselves. Engines of the packages above run under it, too.
go test $race -count=1 -timeout=40m -run '^TestEngine' "$engine" || status=1
go test -count=1 -timeout=40m $plain || status=1
(cd hack/gitops && go test -count=1 -timeout=40m ./...) || status=1
(cd cmd/kubectl-referral && go test -count=1 -timeout=40m ./...) || status=1
grep '^not proven: ' "$assets" >&2 || true
exit $status
