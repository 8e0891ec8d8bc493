package main

import (
	"bytes"
	"errors"
	"flag"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestInvalidFlagsAreRefusedByName(t *testing.T) {
	for name, test := range map[string]struct {
		arguments []string
		says      []string
	}{
		"an address without a port":         {[]string{"--metrics-bind-address=localhost"}, []string{"--metrics-bind-address", ":8081"}},
		"a probe address without a port":    {[]string{"--health-probe-bind-address=8081"}, []string{"--health-probe-bind-address", ":8081"}},
		"a certificate that is not used":    {[]string{"--metrics-cert-path=/certs", "--metrics-secure=false"}, []string{"--metrics-cert-path", "--metrics-secure"}},
		"a poll faster than any database":   {[]string{"--poll-interval=1ms"}, []string{"--poll-interval=1ms", "between 10ms and 1m0s"}},
		"an idle poll that never comes":     {[]string{"--idle-poll-interval=1h"}, []string{"--idle-poll-interval=1h", "between 10ms and 10m0s"}},
		"a negative poll":                   {[]string{"--poll-interval=-1s"}, []string{"--poll-interval=-1s"}},
		"a status that is never read":       {[]string{"--status-interval=24h"}, []string{"--status-interval=24h", "1h0m0s"}},
		"no workers":                        {[]string{"--workers=0"}, []string{"--workers=0", "between 1 and 64"}},
		"no reconcilers":                    {[]string{"--concurrent=0"}, []string{"--concurrent=0", "between 1 and 256"}},
		"an installation without a name":    {[]string{"--installation="}, []string{"--installation=", "1 to 63"}},
		"an installation in capitals":       {[]string{"--installation=EU"}, []string{"--installation=EU", "lower-case"}},
		"no namespace":                      {[]string{"--watch-namespaces="}, []string{"watch-namespaces", "leave the flag out"}},
		"commas without a namespace":        {[]string{"--watch-namespaces= , "}, []string{"watch-namespaces", "leave the flag out"}},
		"a namespace that is none":          {[]string{"--watch-namespaces=growth,Gro wth"}, []string{"watch-namespaces", "Gro wth"}},
		"a lease without a namespace":       {[]string{"--leader-elect"}, []string{"--leader-election-namespace", "--leader-elect=false"}},
		"a lease in no namespace":           {[]string{"--leader-elect", "--leader-election-namespace=A_b"}, []string{"--leader-election-namespace=A_b"}},
		"an argument":                       {[]string{"start"}, []string{`"start"`, "--help"}},
		"a flag that does not exist":        {[]string{"--poll=1s"}, []string{"-poll"}},
		"a duration without a unit":         {[]string{"--poll-interval=100"}, []string{"poll-interval", "100"}},
		"two flags, which are both refused": {[]string{"--workers=0", "--concurrent=0"}, []string{"--workers", "--concurrent"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseFlags(test.arguments, &bytes.Buffer{})
			if err == nil {
				t.Fatal("accepted")
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in: %v", part, err)
				}
			}
		})
	}
}

func TestDefaultFlagsWorkOutsideOfAPod(t *testing.T) {
	got, err := parseFlags(nil, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	want := options{
		metricsAddress: ":8443", metricsSecure: true, healthAddress: ":8081", leaderElect: podNamespace() != "",
		installation: "default", pollInterval: 100 * time.Millisecond, idlePollInterval: time.Second, statusInterval: 15 * time.Second, workers: 2, concurrent: 8,
	}
	got.zap, want.leaderElectionNamespace = want.zap, podNamespace()
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" {
		t.Error(diff)
	}
}

func TestInAPodTheLeaseIsInItsNamespace(t *testing.T) {
	o := options{
		leaderElect: true, installation: "default", pollInterval: time.Second, idlePollInterval: time.Second, statusInterval: time.Second, workers: 1, concurrent: 1,
	}
	if err := o.complete("operators"); err != nil || o.leaderElectionNamespace != "operators" {
		t.Errorf("%q, %v", o.leaderElectionNamespace, err)
	}
	o.leaderElectionNamespace = "elsewhere"
	if err := o.complete("operators"); err != nil || o.leaderElectionNamespace != "elsewhere" {
		t.Errorf("%q, %v", o.leaderElectionNamespace, err)
	}
}

func TestNamespacesAreSortedAndUnique(t *testing.T) {
	got, err := parseFlags([]string{"--watch-namespaces= b,a,,b"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(namespaces{"a", "b"}, got.watchNamespaces); diff != "" {
		t.Error(diff)
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	var output bytes.Buffer
	if _, err := parseFlags([]string{"--help"}, &output); !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	for _, name := range []string{
		"kubeconfig", "metrics-bind-address", "metrics-secure", "metrics-cert-path", "health-probe-bind-address", "leader-elect", "leader-election-namespace",
		"watch-namespaces", "installation", "poll-interval", "idle-poll-interval", "status-interval", "workers", "concurrent", "zap-log-level",
	} {
		if !strings.Contains(output.String(), "  -"+name) {
			t.Errorf("--%s is not in the help", name)
		}
	}
	if !strings.HasPrefix(output.String(), "manager runs referral-operator") {
		t.Error("the help does not begin with what this is")
	}
}
