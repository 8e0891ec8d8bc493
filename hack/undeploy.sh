#!/usr/bin/env bash
# Removes the operator from the cluster of the current kubeconfig: its objects while the manager can
# remove their finalizers, then the manager, then the CRDs. KUBECTL is the kubectl to use, with its flags;
# PATIENCE is how long the objects of each kind may take to disappear.
set -euo pipefail
cd "$(dirname "$0")/.."

patience=${PATIENCE:-5m}

kubectl() { command ${KUBECTL:-kubectl} "$@"; }

# manifests prints the objects of an install, with or without a tracker: those of the kinds in $1, or with
# "not" as $2 all others.
manifests() {
	kubectl kustomize config/default-with-tracker | awk -v kinds="$1" -v not="${2:-}" '
		function flush(   chosen) {
			chosen = kind ~ ("^(" kinds ")$")
			if (document != "" && (not == "" ? chosen : !chosen)) printf "---\n%s", document
			document = ""; kind = ""
		}
		/^---$/ { flush(); next }
		/^kind: / { kind = $2 }
		{ document = document $0 "\n" }
		END { flush() }'
}

# Read now and printed at the end, when the objects no longer exist.
schemas=$(kubectl get attributiondatabases.referral-operator.io --all-namespaces --output=jsonpath='{range .items[*]}  {.metadata.namespace}/{.metadata.name}: DROP SCHEMA {.spec.schema} CASCADE{"\n"}{end}' 2>/dev/null || true)

# Campaigns before databases: an AttributionDatabase keeps its finalizer while campaigns refer to it.
for resource in rewardreviews rewardplans referralcampaigns rewardpolicies attributiondatabases; do
	name=$resource.referral-operator.io
	if ! kubectl get customresourcedefinition "$name" >/dev/null 2>&1; then
		continue
	fi
	echo "Deleting all $resource …"
	if ! kubectl delete "$name" --all --all-namespaces --wait --timeout="$patience"; then
		echo
		echo "These objects still have finalizers; their conditions say why. Manager and CRDs stay until they are removed."
		kubectl get "$name" --all-namespaces
		exit 1
	fi
done

echo "Deleting the manager, the tracker if there is one, and their rights …"
manifests 'CustomResourceDefinition|Namespace' not | kubectl delete --ignore-not-found --wait --timeout="$patience" -f -

echo "Deleting the CRDs …"
manifests CustomResourceDefinition | kubectl delete --ignore-not-found --wait --timeout="$patience" -f -

echo
echo "The following remains, to keep or to remove:"
echo "- In each attribution database the schema, with facts, ledger and the operator's own tables. Only you remove it:"
echo "${schemas:-  DROP SCHEMA … CASCADE}"
echo "- RoleBindings to referral-operator-secret-reader, and the Secrets with database URIs, in your own namespaces."
manifests Namespace | awk '/^  name: / { print "- The namespace " $2 ": kubectl delete namespace " $2 }'
