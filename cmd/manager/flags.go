package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client/config"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// certPathFlag names the flag for the certificate of the metrics server.
const certPathFlag = "metrics-cert-path"

// namespaceFile is mounted into every pod that has a ServiceAccount.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

const usage = `manager runs referral-operator: it keeps the credits in attribution databases converged to what
ReferralCampaign and RewardPolicy objects say.

Usage:
  manager [flags]

It finds the API server through --kubeconfig, $KUBECONFIG, the pod's ServiceAccount or ~/.kube/config, in
this order, and waits for it when it is away. SIGTERM and SIGINT stop it within seconds, a second one at once.
No log contains headers or bodies of requests, which may be Secrets: --zap-log-level above 6 means 6.

Flags:
`

type options struct {
	metricsAddress          string
	metricsSecure           bool
	metricsCertPath         string
	healthAddress           string
	leaderElect             bool
	leaderElectionNamespace string
	watchNamespaces         namespaces
	installation            string
	pollInterval            time.Duration
	idlePollInterval        time.Duration
	statusInterval          time.Duration
	workers                 int
	concurrent              int
	showVersion             bool
	zap                     zap.Options
}

// parseFlags returns flag.ErrHelp after it has printed the help that was requested.
func parseFlags(arguments []string, output io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	o.define(flags)
	err := flags.Parse(arguments)
	if errors.Is(err, flag.ErrHelp) {
		flags.SetOutput(output)
		fmt.Fprint(output, usage)
		flags.PrintDefaults()
	}
	if err != nil {
		return options{}, err
	}
	if flags.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q: everything is set by flags, see --help", flags.Arg(0))
	}
	err = o.complete(podNamespace())
	return o, err
}

func (o *options) define(flags *flag.FlagSet) {
	config.RegisterFlags(flags)
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443",
		"`address` that serves /metrics; 0 turns it off")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", true,
		"serve /metrics over HTTPS, to clients that the API server knows and allows; "+
			"false serves it in the clear to all clients")
	flags.StringVar(&o.metricsCertPath, certPathFlag, "",
		"`directory` with the certificate of /metrics in tls.crt and its key in tls.key, as a Secret of type "+
			"kubernetes.io/tls has them; both are read again when they change (default: a self-signed one, made at each start)")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081",
		"`address` that serves /healthz and /readyz; 0 turns it off")
	flags.BoolVar(&o.leaderElect, "leader-elect", podNamespace() != "",
		"let only one replica at a time declare configuration and write status, except that of RewardReviews; "+
			"every replica decides credits either way. On by default in a pod, off elsewhere")
	flags.StringVar(&o.leaderElectionNamespace, "leader-election-namespace", "",
		"`namespace` of the leader's lease (default: the pod's)")
	flags.Var(&o.watchNamespaces, "watch-namespaces",
		"comma-separated `namespaces` to work in (default: all of them)")
	flags.StringVar(&o.installation, "installation", "default",
		"`name` of this installation of the operator; part of the ownership of each schema, "+
			"so clusters that share a database server need different ones")
	flags.DurationVar(&o.pollInterval, "poll-interval", 100*time.Millisecond,
		"how often an engine polls for new facts while there are some, and for a minute after")
	flags.DurationVar(&o.idlePollInterval, "idle-poll-interval", time.Second,
		"how often a database without new facts is polled, by all replicas together; at least --poll-interval")
	flags.DurationVar(&o.statusInterval, "status-interval", 15*time.Second,
		"how often counters are read into status")
	flags.IntVar(&o.workers, "workers", 2,
		"workers of the engine per database; each uses one connection")
	flags.IntVar(&o.concurrent, "concurrent", 8,
		"objects of one kind that are reconciled at the same time; RewardReviews are answered eight at a time")
	flags.BoolVar(&o.showVersion, "version", false, "print the version and exit")
	o.zap.BindFlags(flags)
}

// complete sets the defaults that depend on the pod, and refuses invalid values. Each error names
// the flag and the values that it takes.
func (o *options) complete(podNamespace string) error {
	if o.leaderElectionNamespace == "" {
		o.leaderElectionNamespace = podNamespace
	}
	return errors.Join(
		checkAddress("metrics-bind-address", o.metricsAddress),
		checkAddress("health-probe-bind-address", o.healthAddress),
		o.checkCertPath(),
		o.checkLeaderElection(),
		o.checkInstallation(),
		checkBetween("poll-interval", o.pollInterval, 10*time.Millisecond, time.Minute),
		checkBetween("idle-poll-interval", o.idlePollInterval, 10*time.Millisecond, 10*time.Minute),
		checkBetween("status-interval", o.statusInterval, time.Second, time.Hour),
		checkBetween("workers", o.workers, 1, 64),
		checkBetween("concurrent", o.concurrent, 1, 256),
	)
}

func checkAddress(name, address string) error {
	if address == "0" || address == "" {
		return nil
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return fmt.Errorf("--%s=%s: must be host:port or :port, such as :8081, or 0 to turn it off", name, address)
	}
	return nil
}

func (o *options) checkCertPath() error {
	if o.metricsCertPath != "" && !o.metricsSecure {
		return fmt.Errorf("--%s has no use with --metrics-secure=false: leave one of them out", certPathFlag)
	}
	return nil
}

func checkBetween[T int | time.Duration](name string, value, low, high T) error {
	if value < low || value > high {
		return fmt.Errorf("--%s=%v: must be between %v and %v", name, value, low, high)
	}
	return nil
}

func (o *options) checkLeaderElection() error {
	if !o.leaderElect {
		return nil
	}
	if o.leaderElectionNamespace == "" {
		return errors.New("--leader-elect outside of a pod needs --leader-election-namespace=<namespace>, " +
			"or set --leader-elect=false")
	}
	if len(validation.IsDNS1123Label(o.leaderElectionNamespace)) > 0 {
		return fmt.Errorf("--leader-election-namespace=%s: must be the name of a namespace", o.leaderElectionNamespace)
	}
	return nil
}

var installationName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (o *options) checkInstallation() error {
	if !installationName.MatchString(o.installation) {
		return fmt.Errorf("--installation=%s: must be 1 to 63 lower-case letters, digits and '-', "+
			"beginning and ending with a letter or digit", o.installation)
	}
	return nil
}

// namespaces is a comma-separated flag.
type namespaces []string

func (n *namespaces) String() string { return strings.Join(*n, ",") }

func (n *namespaces) Set(value string) error {
	*n = nil
	for name := range strings.SplitSeq(value, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		if len(validation.IsDNS1123Label(name)) > 0 {
			return fmt.Errorf("%q is not the name of a namespace", name)
		}
		*n = append(*n, name)
	}
	if len(*n) == 0 {
		return errors.New("it names no namespace: leave the flag out to work in all")
	}
	slices.Sort(*n)
	*n = slices.Compact(*n)
	return nil
}

// podNamespace is the namespace of the pod this process runs in; empty outside of one.
func podNamespace() string {
	content, err := os.ReadFile(namespaceFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(content))
}
