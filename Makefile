# What can be done with this repository; `make help` lists it.
# Tools are pinned in hack/tools, the control plane in hack/controlplane, libraries of GitOps tools in hack/gitops.

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# PG=18 and the like ask the tests for one version of Postgres.
export PG KEEP

VERSION  ?=
COMMIT   ?= $(shell git describe --always --abbrev=12 --exclude='*' --dirty 2>/dev/null)
MODULE   := github.com/referral-operator/referral-operator
# LDFLAGS of a binary whose package, the argument, knows its version.
ldflags   = -s -w -X $(MODULE)/$(1).release=$(VERSION) -X $(MODULE)/$(1).commit=$(COMMIT)
TOOL     := go tool -modfile=hack/tools/go.mod
KUBECTL  ?= kubectl
FUZZTIME ?= 10s
# Empty: the image that config/manager names.
IMG      ?=

##@ Everyday

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Compile manager, tracker and kubectl-referral into bin/ (VERSION=v1.2.3 stamps a release)
	CGO_ENABLED=0 go build -trimpath -ldflags "$(call ldflags,internal/version)" -o bin/manager ./cmd/manager
	CGO_ENABLED=0 go build -trimpath -ldflags "$(call ldflags,internal/version)" -o bin/tracker ./cmd/tracker
	cd cmd/kubectl-referral && CGO_ENABLED=0 go build -trimpath -ldflags "$(call ldflags,cmd/kubectl-referral/command)" \
		-o ../../bin/kubectl-referral .

.PHONY: demo
demo: ## Play the whole story on real components (KEEP=1 stays up)
	@go run ./hack/assets
	@go run ./hack/demo

.PHONY: test
test: ## Run every test on real components (PG=18: on that Postgres)
	@hack/test.sh

.PHONY: verify
verify: ## Check everything that needs no server: generated files, lint, links, modules
	@hack/verify.sh

.PHONY: clean
clean: ## Remove what was built here; the user's cache stays
	rm -rf bin

##@ Now and then

.PHONY: generate
generate: ## Regenerate deepcopy code, CRDs, RBAC, the dashboard, and the pages of API, metrics and plugin
	@hack/generate.sh

.PHONY: assets
assets: ## Put kube-apiserver, etcd and kubectl into bin/k8s, and find Postgres
	@go run ./hack/assets

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (10s)
	@go run ./hack/assets
	@FUZZTIME=$(FUZZTIME) hack/fuzz.sh

.PHONY: alerts
alerts: ## Provoke each alert on a running system, under rules with shorter durations
	@go run ./hack/assets
	@ALERTS=1 go test -count=1 -timeout=30m -v ./internal/acceptance/alerts

.PHONY: soak
soak: ## Prove the engine on HISTORIES (10000) random histories, with ENGINES (1) at once
	@hack/soak.sh

.PHONY: bench
bench: ## Measure engine and tracker against their limits
	@go run ./hack/assets
	@go run ./hack/bench

##@ On the cluster of your kubeconfig

.PHONY: install
install: ## Install the CRDs alone
	$(KUBECTL) apply --server-side -k config/crd

.PHONY: deploy
deploy: ## Install everything (IMG=… deploys another image)
ifeq ($(IMG),)
	$(KUBECTL) apply --server-side -k config/default
else
	$(KUBECTL) kustomize config/default | sed 's|^\( *image: \).*|\1$(IMG)|' | $(KUBECTL) apply --server-side -f -
endif

.PHONY: undeploy
undeploy: ## Remove objects, manager, tracker and CRDs, in this order, and say what is left
	@KUBECTL="$(KUBECTL)" hack/undeploy.sh
