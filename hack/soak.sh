#!/usr/bin/env bash
# Plays HISTORIES random histories on the engine and on the reference model, and shows progress.
# ENGINES engines converge at once. A failure prints the shortest failing history as a Go test.
set -euo pipefail
cd "$(dirname "$0")/.."

export HISTORIES=${HISTORIES:-10000} ENGINES=${ENGINES:-1} RAPID_NOFAILFILE=true
# An engine mostly waits for its server: six histories at a time keep two cores busy.
go test -v -parallel=6 -run '^TestSoak$' -count=1 -timeout=0 ./internal/model
