#!/usr/bin/env bash
# Runs every test, and ends with what is not proven because a program is missing. Packages whose
# goroutines share data run under the race detector if there is a C compiler; of the engine, which
# decides much in its tests, only some. make verify vets the code.
set -euo pipefail
cd "$(dirname "$0")/.."

assets=$(mktemp)
trap 'rm -f "$assets"' EXIT
go run ./hack/assets -tests | tee "$assets" | sed '/^not proven: /d'

module=$(go list -m)
engine=$module/internal/engine
# internal/database and internal/explain start no goroutines.
raced=$(go list ./controllers/... ./internal/... | grep -vE "^$module/internal/(testworld|(engine|database|explain)$)" || true)
# The longest comes first, so that the others run beside it.
plain=$(echo "$engine"; go list ./... | grep -vxF "$raced"$'\n'"$engine")
flags=(-vet=off -count=1 -timeout=40m) # not from the cache: the servers that are installed may be others now

# A failing property prints its seed; rapid writes no file into the tree.
export RAPID_NOFAILFILE=true

race=-race
if ! command -v "$(go env CC)" >/dev/null; then
	echo "not proven: that goroutines do not race (no C compiler)" >>"$assets"
	race=
fi

status=0
go test $race "${flags[@]}" $raced || status=1
# Its tests decide so much that the race detector would take half an hour: of these, only those of
# engines that run for themselves. Engines of the packages above run under it, too.
go test $race "${flags[@]}" -run '^TestEngine' "$engine" || status=1
go test "${flags[@]}" $plain || status=1
(cd hack/gitops && go test "${flags[@]}" ./...) || status=1
(cd cmd/kubectl-referral && go test "${flags[@]}" ./...) || status=1
grep '^not proven: ' "$assets" >&2 || true
exit $status
