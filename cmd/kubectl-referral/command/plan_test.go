package command

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
	"github.com/referral-operator/referral-operator/internal/testworld"
)

// donePlan is the status of a plan that moves no pair.
func donePlan() map[string]any {
	return map[string]any{
		"observedGeneration": int64(1), "estimate": false, "conditions": ready(v1alpha1.DoneReason),
		"stepDigest": "sha256:8c3a", "pairs": map[string]any{"granted": int64(0), "reversed": int64(0), "held": int64(0), "waiting": int64(0), "unchanged": int64(9)},
	}
}

func TestPlanExitsByWhatWouldChange(t *testing.T) {
	w := newWorld(t)
	w.answer(plans, donePlan())
	documents := strings.Split(manifestsYAML, "---")
	const misspelt = "the manifests have a field that the operator does not know: RewardPlan in version \"v1alpha1\" cannot be handled as a RewardPlan: " +
		`strict decoding error: unknown field "spec.proposed.policy.reward"`
	for name, test := range map[string]struct {
		files string
		code  int
		says  string
	}{
		"as it is":                {manifestsYAML, exitDone, "No change."},
		"another spelling":        {strings.Replace(documents[1], `"5.00"`, `"5.0"`, 1), exitDone, "No change."},
		"another amount":          {sevenDollarsYAML, exitDifferences, "rewards[inviter].fixed.amount   5.00   7.00"},
		"a budget":                {strings.Replace(documents[2], "spec: {", `spec: {budget: {amount: "10.00", currency: USD}, `, 1), exitDifferences, "campaign budget.amount"},
		"both":                    {documents[2] + "---" + sevenDollarsYAML, exitDifferences, "policy rewards"},
		"a new campaign":          {strings.Replace(documents[2], "name: invite-friends", "name: another", 1), exitDifferences, "Create ReferralCampaign"},
		"a policy without use":    {strings.Replace(documents[1], "name: five-dollars", "name: another", 1), exitDone, "No campaign follows RewardPolicy"},
		"an invalid policy":       {strings.Replace(sevenDollarsYAML, "7.00", "-7", 1), exitError, "spec.proposed.policy.rewards[0].fixed.amount"},
		"an unknown field":        {strings.Replace(sevenDollarsYAML, "rewards:", "reward: 1\n  rewards:", 1), exitError, misspelt},
		"nothing of ours":         {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n", exitError, "neither a RewardPolicy nor a ReferralCampaign"},
		"the same twice":          {sevenDollarsYAML + "---" + sevenDollarsYAML, exitError, "is in the files twice"},
		"a version of the future": {strings.Replace(sevenDollarsYAML, "v1alpha1", "v9", 1), exitError, "apiVersion referral-operator.io/v9"},
		"no YAML":                 {"{", exitError, "the manifests cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.run("plan", "-f", w.file("manifests.yaml", test.files))
			if got.code != test.code || !strings.Contains(got.out+got.problems, test.says) {
				t.Error(got)
			}
			if test.code == exitError && strings.Count(got.problems, "\n") != 1 {
				t.Errorf("more than a line: %s", got.problems)
			}
		})
	}
	w.leavesNothing(plans)
}

func (w *world) leavesNothing(k kind) {
	w.Helper()
	list, err := w.admin.list(w.Context(), k)
	if err != nil || len(list.Items) > 0 {
		w.Errorf("%d %s are left: %v", len(list.Items), k.resource, err)
	}
}

func TestPlanOfADeletionIsAChange(t *testing.T) {
	w := newWorld(t)
	w.answer(plans, donePlan())
	if got := w.run("plan", "--delete", "invite-friends"); got.code != exitDifferences || !strings.Contains(got.out, "Delete ReferralCampaign") {
		t.Error(got)
	}
	if got := w.run("plan", "--delete", "missing"); got.code != exitError || !strings.Contains(got.problems, "there is no ReferralCampaign missing") {
		t.Error(got)
	}
}

func TestPlanIsPrintedAsMarkdownAndAsObjects(t *testing.T) {
	w := newWorld(t)
	w.answer(plans, donePlan())
	file := w.file("policy.yaml", sevenDollarsYAML)
	for output, says := range map[string]string{"markdown": "| policy rewards\\[inviter\\].fixed.amount | 5.00 | 7.00 |", "json": `"kind": "RewardPlan"`, "yaml": "kind: RewardPlan"} {
		if got := w.run("plan", "-f", file, "-o", output); got.code != exitDifferences || !strings.Contains(got.out, says) {
			t.Errorf("%s: %v", output, got)
		}
	}
}

// The digest is shown as the fields to paste where edits wait for an approval.
func TestPlanShowsTheApprovalToPaste(t *testing.T) {
	asked := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"rollout": map[string]any{"approval": "Required"}}}}
	for name, test := range map[string]struct {
		q    question
		want bool
	}{
		"now":                    {question{live: asked}, true},
		"as proposed":            {question{edited: asked}, true},
		"an older operator":      {question{live: &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}}}}, false},
		"neither exists nor not": {question{}, false},
	} {
		if got := asksForApproval(test.q); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestFailedPlanIsAnErrorWithTheOperatorsWords(t *testing.T) {
	w := newWorld(t)
	w.answer(plans, map[string]any{
		"observedGeneration": int64(1), "estimate": false, "conditions": stalledFor(v1alpha1.PolicyInvalidReason, "spec.rewards[inviter]: three decimals"),
	})
	got := w.run("plan", "-f", w.file("policy.yaml", sevenDollarsYAML))
	if got.code != exitError || !strings.Contains(got.problems, "PolicyInvalid: spec.rewards[inviter]: three decimals") {
		t.Error(got)
	}
	w.leavesNothing(plans)
}

// questions are calls that create an object of each kind.
func (w *world) questions() map[kind][]string {
	return map[kind][]string{plans: {"plan", "-f", w.file("policy.yaml", sevenDollarsYAML)}, reviews: {"explain", "bob"}}
}

func TestInterruptedCommandDeletesWhatItCreated(t *testing.T) {
	w := newWorld(t)
	for k, args := range w.questions() {
		ctx, interrupt := context.WithCancel(w.Context())
		done := make(chan result)
		go func() { done <- runIn(ctx, append(args, "--kubeconfig", w.kubeconfig, "-n", w.namespace)...) }()
		for created := 0; created == 0; {
			list, err := w.admin.list(w.Context(), k)
			if err != nil {
				t.Fatal(err)
			}
			created = len(list.Items)
		}
		interrupt()
		if got := <-done; got.code != exitError {
			t.Errorf("%s: %v", k.name, got)
		}
		w.leavesNothing(k)
	}
}

func TestObjectWhoseCreationWasNotConfirmedIsDeleted(t *testing.T) {
	w := newWorld(t)
	for _, lose := range []func(http.ResponseWriter){
		func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, // the connection ends without an answer
		func(response http.ResponseWriter) { // the connection ends within the answer
			response.Header().Set("Content-Length", "100")
			response.WriteHeader(http.StatusCreated)
			_, _ = response.Write([]byte("{"))
		},
		func(response http.ResponseWriter) { http.Error(response, "too late", http.StatusGatewayTimeout) },
	} {
		kubeconfig := w.losingAnswers(lose)
		for k, args := range w.questions() {
			if got := w.runAs(kubeconfig, args...); got.code != exitError || strings.Count(got.problems, "\n") != 1 {
				t.Errorf("%s: %v", k.name, got)
			}
			w.leavesNothing(k)
		}
	}
}

// losingAnswers returns a kubeconfig for a proxy that passes each request on to the API server, and
// loses the answers of those that create something.
func (w *world) losingAnswers(lose func(http.ResponseWriter)) (kubeconfig string) {
	w.Helper()
	return w.through(func(server http.Handler, response http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPost {
			server.ServeHTTP(httptest.NewRecorder(), request)
			lose(response)
			return
		}
		server.ServeHTTP(response, request)
	})
}

// through returns a kubeconfig for a proxy that serves requests with the help of the API server.
func (w *world) through(serve func(server http.Handler, response http.ResponseWriter, request *http.Request)) (kubeconfig string) {
	w.Helper()
	transport, err := rest.TransportFor(w.cluster.Config())
	testworld.Must(w, err)
	server, err := url.Parse(w.cluster.Config().Host)
	testworld.Must(w, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(server) }, Transport: transport}
	front := httptest.NewServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) { serve(proxy, response, request) }))
	w.Cleanup(front.Close)
	kubeconfig = filepath.Join(w.TempDir(), "kubeconfig")
	testworld.Must(w, testworld.WriteKubeconfig(kubeconfig, &rest.Config{Host: front.URL}))
	return kubeconfig
}
