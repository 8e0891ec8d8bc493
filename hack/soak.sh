#!/usr/bin/env bash
# Plays HISTORIES random histories on the engine and on the reference model, and
# shows how far it is. ENGINES engines converge at once. A failure ends with the history as a test ready to paste.
set -euo pipefail
cd "$(dirname "$0")/.."

export HISTORIES=${HISTORIES:-10000} ENGINES=${ENGINES:-1}
go test -v -run '^TestSoak$' -count=1 -timeout=0 ./internal/model
