#!/usr/bin/env bash
# Checks everything that needs no server. All checks run; the last lines say which failed.
set -uo pipefail
cd "$(dirname "$0")/.."

generated=(api config docs/reference docs/kubectl)
modules=(. hack/tools hack/controlplane hack/gitops cmd/kubectl-referral)
compiled=(. hack/tools hack/gitops cmd/kubectl-referral) # the modules with code of this project
failed=()

root=$PWD
tool() { go tool -modfile="$root/hack/tools/go.mod" "$@"; }

# in_each runs a command in the directory of each module with code of this project.
in_each() {
	local module status=0
	for module in "${compiled[@]}"; do
		(cd "$module" && "$@") || { echo "in $module: $*"; status=1; }
	done
	return $status
}

# The operator is built without what only the plugin needs. That cobra is an indirect requirement is the
# API server library's doing.
no_plugin_requirements() {
	! grep -nE 'k8s\.io/cli-runtime |github\.com/spf13/cobra [^ ]+$' go.mod || { echo "go.mod requires what only cmd/kubectl-referral may"; return 1; }
}

check() {
	local name=$1
	shift
	echo "== $name"
	"$@" || failed+=("$name")
}

generated_files() {
	local before after
	before=$(fingerprint)
	hack/generate.sh || return
	after=$(fingerprint)
	if [[ $before != "$after" ]]; then
		echo "Generated files were out of date and have been regenerated: commit them."
		git status --short -- "${generated[@]}"
		return 1
	fi
}

# fingerprint prints hashes of all files in the generated directories, committed or not.
fingerprint() {
	find "${generated[@]}" -type f -print0 2>/dev/null | sort --zero-terminated | xargs --null sha256sum
}

formatting() {
	local files
	files=$(git ls-files --cached --others --exclude-standard -- '*.go' | xargs gofmt -l)
	[[ -z $files ]] || { echo "gofmt would change:"; echo "$files"; return 1; }
}

modules_tidy() {
	local module status=0
	for module in "${modules[@]}"; do
		(cd "$module" && go mod tidy -diff >/dev/null) || { echo "$module: go mod tidy would change something"; status=1; }
	done
	return $status
}

# A tracked file that .gitignore excludes was committed by mistake.
no_ignored_files() {
	local files
	files=$(git ls-files --cached --ignored --exclude-standard)
	[[ -z $files ]] || { echo "tracked, although .gitignore excludes it:"; echo "$files"; return 1; }
}

# Reads the database of known vulnerabilities over the network. If it cannot be read, whatever the proxy or
# the network answers, the check says so and passes. Exit code 3 is that of found vulnerabilities.
vulnerabilities() {
	local output status
	output=$(tool govulncheck ./... 2>&1)
	status=$?
	case $status in
	0) ;;
	3) echo "$output"; return 1 ;;
	*)
		echo "$output" | tail -n 3
		if grep -qE 'vuln\.go\.dev|fetching vulnerabilities' <<<"$output"; then
			echo "The database of vulnerabilities cannot be read: not checked."
		else
			return 1
		fi
		;;
	esac
}

check "generated files are up to date" generated_files
check "gofmt" formatting
check "go vet" in_each go vet ./...
check "golangci-lint" in_each tool golangci-lint run ./...
check "modules are tidy" modules_tidy
check "go.mod has no requirement of the plugin" no_plugin_requirements
check "no ignored file is tracked" no_ignored_files
check "links in the documentation" go run ./hack/links
check "imports run one way" go run ./hack/imports
check "known vulnerabilities" in_each vulnerabilities

if ((${#failed[@]})); then
	printf 'failed: %s\n' "${failed[@]}"
	exit 1
fi
echo "All is well."
