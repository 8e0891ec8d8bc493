package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/yaml"

	"github.com/referral-operator/referral-operator/api/v1alpha1"
)

func TestWrongUsageIsOneLineThatSaysWhereHelpIs(t *testing.T) {
	t.Setenv("KUBECONFIG", "/nonexistent")
	for command, says := range map[string]string{
		"status --nope":               "unknown flag: --nope; see kubectl referral status --help",
		"-z":                          "unknown shorthand flag: 'z' in -z; see kubectl referral --help",
		"statsu":                      `there is no command "statsu": did you mean status? See kubectl referral --help`,
		"nope":                        `there is no command "nope": see kubectl referral --help`,
		"help nope":                   `there is no command "nope": see kubectl referral --help`,
		"completion nope":             `there is no command "nope": see kubectl referral completion --help`,
		"completion bahs":             `there is no command "bahs": did you mean bash? See kubectl referral completion --help`,
		"status a b":                  "kubectl referral status takes at most 1 argument, not 2; see kubectl referral status --help",
		"plan x":                      "kubectl referral plan takes no argument, not 1; see kubectl referral plan --help",
		"suspend":                     "kubectl referral suspend takes at least 1 argument, not 0; see kubectl referral suspend --help",
		"reconcile":                   "kubectl referral reconcile takes at least 1 argument, not 0; see kubectl referral reconcile --help",
		"release":                     "kubectl referral release takes 1 argument, not 0; see kubectl referral release --help",
		"verify a b":                  "kubectl referral verify takes at most 1 argument, not 2; see kubectl referral verify --help",
		"explain bob --timeout 0s":    "--timeout must be above 0",
		"status --wait --timeout=-1s": "--timeout must be above 0",
		"verify --timeout x":          "see kubectl referral verify --help",
		"suspend x --dry-run=client":  "none or server",
		"status -o toml":              "one of json, yaml, wide",
	} {
		oneError(t, runIn(t.Context(), strings.Fields(command)...), says)
	}
}

// Without a kubeconfig the client library asks localhost, where nothing is.
func TestMissingKubeconfigIsNamed(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", "")
	w := &world{TB: t}
	for _, command := range []string{"status", "explain bob", "plan --delete x", "verify shop", "suspend x", "resume x", "reconcile x", "release x"} {
		oneError(t, runIn(t.Context(), strings.Fields(command)...), "there is no kubeconfig: name one with --kubeconfig")
		oneError(t, runIn(t.Context(), append(strings.Fields(command), "--kubeconfig", w.file("empty", ""))...), "there is no kubeconfig")
	}
	oneError(t, runIn(t.Context(), "status", "--kubeconfig", w.file("broken", "garbage: [")), "the kubeconfig cannot be used")
	oneError(t, runIn(t.Context(), "status", "--kubeconfig", t.TempDir()), "the kubeconfig cannot be used")
}

// kubectl proxy serves there.
func TestServerAtThePortOfAProxyIsAsked(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	t.Setenv("KUBECONFIG", "")
	w := &world{TB: t}
	kubeconfig := w.file("proxy", `{apiVersion: v1, kind: Config, current-context: c, clusters: [{name: c, cluster: {server: "http://localhost:8080"}}], contexts: [{name: c, context: {cluster: c}}]}`)
	for _, flags := range [][]string{{"--kubeconfig", kubeconfig}, {"--server", "http://localhost:8080"}} {
		cmd := &cobra.Command{}
		s := &session{flags: genericclioptions.NewConfigFlags(false)}
		s.flags.AddFlags(cmd.Flags())
		if err := cmd.ParseFlags(flags); err != nil {
			t.Fatal(err)
		}
		if _, err := s.connect(cmd); err != nil {
			t.Errorf("%v: %v", flags, err)
		}
	}
}

func TestErrorsCannotControlTheTerminal(t *testing.T) {
	if got := oneLine(errors.New("the message\x1b[2J of\r\na \u202euser")); got != `the message\x1b[2J of a \u202euser` {
		t.Errorf("%q", got)
	}
}

func TestProgressFitsInOneLineOfATerminal(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, terminal: true, columns: 80}
	p.show("waiting:\n\x1b[2J " + strings.Repeat("long ", 100))
	text := strings.TrimPrefix(out.String(), "\r\x1b[K")
	if n := len([]rune(text)); n > 80 || strings.ContainsAny(text, "\n\x1b") {
		t.Errorf("%d columns: %q", n, text)
	}
}

// full is a disk without space.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestOutputThatCannotBeWrittenIsAnError(t *testing.T) {
	w := newWorld(t)
	for _, command := range []string{"status", "status -o json", "suspend invite-friends", "--help", "--version"} {
		var problems bytes.Buffer
		args := append(strings.Fields(command), "--kubeconfig", w.kubeconfig, "--namespace", w.namespace)
		code := Run(t.Context(), args, strings.NewReader(""), full{}, &problems)
		oneError(t, result{code: code, problems: problems.String()}, "no space left on device")
	}
}

func TestInterruptedWaitSaysSoAndLeavesNothing(t *testing.T) {
	w := newWorld(t)
	w.report(campaigns, "invite-friends", map[string]any{"conditions": []any{condition(v1alpha1.ReadyCondition, "False", v1alpha1.RollingOutReason, "1 of 2")}})
	for _, command := range []string{
		"status --wait", "status invite-friends --wait", "reconcile invite-friends --wait", "verify", "explain bob", "plan --delete invite-friends",
	} {
		ctx, interrupt := context.WithCancel(t.Context())
		time.AfterFunc(500*time.Millisecond, interrupt)
		got := runIn(ctx, append(strings.Fields(command), "--kubeconfig", w.kubeconfig, "--namespace", w.namespace)...)
		interrupt()
		if got.code != exitError || got.problems != "error: interrupted\n" {
			t.Errorf("%s: %v", command, got)
		}
	}
	w.leavesNothing(reviews)
	w.leavesNothing(plans)
}

func TestSeveralObjectsAreAValidStream(t *testing.T) {
	w := newWorld(t)
	got := w.run("suspend", "invite-friends", "database/shop", "-o", "yaml")
	documents := strings.Split(got.out, "\n---\n")
	if got.code != exitDone || len(documents) != 2 {
		t.Fatalf("%d documents: %v", len(documents), got)
	}
	for i, kind := range []string{campaigns.name, databases.name} {
		var object unstructured.Unstructured
		if err := yaml.Unmarshal([]byte(documents[i]), &object.Object); err != nil || object.GetKind() != kind {
			t.Errorf("document %d: %v, %v", i, object.GetKind(), err)
		}
	}
	got = w.run("resume", "invite-friends", "missing", "-o", "json")
	if got.code != exitError || strings.Count(got.problems, "\n") != 1 || strings.Contains(got.out, "error") {
		t.Errorf("an error among objects: %v", got)
	}
}

func TestOddNamesAreRefusedOrFoundMissing(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a/b", "../x", "..", "%2e", "a b", "A_b", "ünï", "x\x1b[2J", "a?b", strings.Repeat("n", 300), "-", " "} {
		for _, args := range [][]string{{"status", name}, {"verify", name}, {"release", name}, {"plan", "--delete", name}, {"suspend", name}, {"explain", "bob", "--database", name}} {
			got := w.run(append(slices.Clip(args), "--timeout", "300ms")...)
			if args[0] == "release" || args[0] == "suspend" {
				got = w.run(args...)
			}
			if got.code != exitError || strings.Count(got.problems, "\n") != 1 || strings.ContainsAny(got.problems, "\x1b") {
				t.Errorf("%q: %v", args, got)
			}
		}
	}
	for _, id := range []string{"-bob", "a/b", "bob\x1b[2J", "ünï", "長", "'; DROP TABLE referral.pair; --", strings.Repeat("i", 1000)} {
		got := w.run("explain", "--timeout", "300ms", "--", id)
		if got.code != exitError || strings.Count(got.problems, "\n") != 1 || strings.ContainsAny(got.problems, "\x1b") {
			t.Errorf("user %q: %v", id, got)
		}
	}
	w.leavesNothing(reviews)
}

func TestForbiddenImpersonationIsNotTakenForAMissingRole(t *testing.T) {
	w := newWorld(t)
	user := w.user("nothing", nil)
	oneError(t, w.runAs(user, "status", "--as", "admin"), "you may not act as another user")
}

func TestHugeStatusIsShown(t *testing.T) {
	w := newWorld(t)
	var timeline, purchases []any
	for range 50 {
		timeline = append(timeline, map[string]any{"at": "2026-11-01T00:00:00Z", "what": "Touched", "code": strings.Repeat("c", 60), "lost": strings.Repeat("l", 200)})
	}
	for n := range 20 {
		purchases = append(purchases, map[string]any{"purchaseID": fmt.Sprint(strings.Repeat("p", 200), n), "state": "NotCounting", "reason": "BelowMinimum", "remedy": strings.Repeat("r ", 300)})
	}
	w.answer(reviews, map[string]any{
		"observedGeneration": int64(1), "truncated": true, "conditions": ready(v1alpha1.AnsweredReason), "timeline": timeline, "purchases": purchases,
	})
	if got := w.run("explain", "bob"); got.code != exitDone || strings.Count(got.out, "NotCounting: BelowMinimum") != 20 {
		t.Error(got)
	}
}
