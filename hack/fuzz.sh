#!/usr/bin/env bash
# Runs each fuzz target for FUZZTIME; Go runs only one at a time.
set -euo pipefail
cd "$(dirname "$0")/.."

grep --recursive --include='*_test.go' --no-messages '^func Fuzz' . | sort |
	while IFS=: read -r file declaration; do
		target=${declaration#func }
		target=${target%%(*}
		echo "== $target in $(dirname "$file")"
		go test -run='^$' -fuzz="^$target\$" -fuzztime="${FUZZTIME:-10s}" "$(dirname "$file")"
	done
