package gitops_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

const argocdConfigMap = root + "/config/argocd/argocd-cm.yaml"

// customActions is how Argo CD's ConfigMap has the actions of a kind.
type customActions struct {
	DiscoveryLua string             `json:"discovery.lua"`
	Definitions  []actionDefinition `json:"definitions"`
}

type actionDefinition struct {
	Name      string `json:"name"`
	ActionLua string `json:"action.lua"`
}

// An Argo CD whose own repository does not have the scripts reads them from its ConfigMap. UPDATE=1
// writes the file.
func TestConfigMapHasTheScripts(t *testing.T) {
	data := map[string]string{}
	for _, kind := range kinds {
		data["resource.customizations.health.referral-operator.io_"+kind] = readText(t, customized, kind, "health.lua")
	}
	for _, kind := range actedOn {
		actions := customActions{DiscoveryLua: readText(t, customized, kind, "actions/discovery.lua")}
		scripts, err := filepath.Glob(filepath.Join(customized, kind, "actions", "*", "action.lua"))
		if err != nil {
			t.Fatal(err)
		}
		for _, script := range scripts {
			name := filepath.Base(filepath.Dir(script))
			actions.Definitions = append(actions.Definitions, actionDefinition{name, readText(t, script)})
		}
		encoded, err := yaml.Marshal(actions)
		if err != nil {
			t.Fatal(err)
		}
		data["resource.customizations.actions.referral-operator.io_"+kind] = string(encoded)
	}
	encoded, err := yaml.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]string{"name": "argocd-cm", "namespace": "argocd"}, "data": data,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := "# Made of the scripts beside it by the tests in hack/gitops. It is a part of Argo CD's ConfigMap: apply it\n" +
		"# server-side, so that it leaves the rest alone.\n" + string(encoded)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(argocdConfigMap, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, readText(t, argocdConfigMap)); diff != "" {
		t.Errorf("config/argocd/argocd-cm.yaml is out of date; run UPDATE=1 go test . in hack/gitops (-want +got):\n%s", diff)
	}
}
