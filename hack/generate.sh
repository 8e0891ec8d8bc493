#!/usr/bin/env bash
# Regenerates every file in the tree that a tool writes.
set -euo pipefail
cd "$(dirname "$0")/.."

tool() { go tool -modfile=hack/tools/go.mod "$@"; }

tool controller-gen object paths=./api/...
tool controller-gen crd paths=./api/... output:crd:dir=config/crd/bases
tool controller-gen rbac:roleName=referral-operator-manager paths=./controllers/... output:rbac:dir=config/rbac
mkdir -p docs/reference
tool crd-ref-docs --log-level=WARN --source-path=api/v1alpha1 --config=hack/crd-ref-docs.yaml \
	--renderer=markdown --output-path=docs/reference/api.md
(cd cmd/kubectl-referral && go run ./docs ../../docs/kubectl)
go run ./hack/metrics >docs/reference/metrics.md
(cd hack/tools && go run ./dashboard) >config/grafana/dashboard.json
