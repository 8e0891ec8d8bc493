package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"
)

const usage = `tracker redirects visitors of referral links, records their touches, and takes facts over HTTP.

Usage:
  DATABASE_URL=postgresql://shop:…@host:5432/shop tracker --public-url=https://shop.example [flags]

Each flag can also be given by an environment variable: --public-url by TRACKER_PUBLIC_URL, and so on. An
empty variable is an empty text, or leaves the default of a number, duration, switch or level. The
database's URI contains a password, so it is read from DATABASE_URL only. SIGTERM and SIGINT let requests
in progress finish; a second one ends the tracker at once.

Flags:
`

type options struct {
	databaseURL    string
	databaseCAFile string
	schema         string
	connections    int
	touchPace      int
	clientTouches  int
	totalTouches   int

	listen         string
	opsListen      string
	trustedProxies string

	clientConnections int

	drainDelay   time.Duration
	drainTimeout time.Duration

	publicURL    string
	cookieDomain string
	fallbackURL  string
	parameters   string

	pageParameters string

	respectGPC    bool
	consentCookie string
	ignoreBots    bool

	keysFile       string
	tokensFile     string
	addressKeyFile string

	accessLog   string
	logLevel    slog.Level
	showVersion bool
}

// lookup finds an environment variable.
type lookup func(name string) (string, bool)

// parseFlags returns flag.ErrHelp after it has printed the help that was requested.
func parseFlags(arguments []string, environment lookup, output io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("tracker", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	o.define(flags)
	if err := fromEnvironment(flags, environment); err != nil {
		return options{}, err
	}
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
		return options{}, fmt.Errorf("unexpected argument %q: everything is set by flags, see --help", shown(flags.Arg(0)))
	}
	o.databaseURL, _ = environment("DATABASE_URL")
	if o.showVersion {
		return o, nil
	}
	err = o.check()
	return o, err
}

// fromEnvironment sets each flag that has a variable. The command line has precedence. An empty
// variable sets a flag of text, for which it may mean "none"; for numbers, durations and the like
// it means nothing, and leaves the default.
func fromEnvironment(flags *flag.FlagSet, environment lookup) error {
	var errs []error
	flags.VisitAll(func(f *flag.Flag) {
		name := variable(f.Name)
		value, ok := environment(name)
		if !ok || value == "" && !isText(f) {
			return
		}
		if err := flags.Set(f.Name, value); err != nil {
			errs = append(errs, fmt.Errorf("%s=%s: %w", name, value, err))
		}
	})
	return errors.Join(errs...)
}

func isText(f *flag.Flag) bool {
	getter, ok := f.Value.(flag.Getter)
	if !ok {
		return false
	}
	_, ok = getter.Get().(string)
	return ok
}

// variable is the environment variable of a flag.
func variable(name string) string {
	return "TRACKER_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

func (o *options) define(flags *flag.FlagSet) {
	flags.StringVar(&o.listen, "listen", ":8080", "`address` that visitors and the shop reach, host:port")
	flags.StringVar(&o.opsListen, "ops-listen", "",
		"`address` that serves /healthz, /readyz and /metrics alone (default: they are served at --listen, like the rest)")
	flags.IntVar(&o.clientConnections, "max-client-connections", 1000,
		"connections of clients at a time. While there are more, a new one takes the place of the one that has been idle, "+
			"or in the middle of a header, for longest, else of one whose client leaves its answer unread")
	flags.StringVar(&o.publicURL, "public-url", "http://localhost:8080",
		"`URL` that visitors know the tracker by; links begin with it")
	flags.StringVar(&o.cookieDomain, "cookie-domain", "",
		"`domain` all of whose hosts get the visitor's cookie (default: the public URL's host alone)")
	flags.StringVar(&o.fallbackURL, "fallback-url", "", "`URL` that unknown, expired and disabled links lead to (default: they answer 404)")
	flags.StringVar(&o.parameters, "parameters", "r,ref",
		"comma-separated `names` of parameters that have a code on any URL of the shop")
	flags.StringVar(&o.pageParameters, "landing-parameters", "utm_*",
		"comma-separated `names` of the query parameters that are stored with landing pages and referers, "+
			"beside those of --parameters; one that ends in * is the beginning of names. All others are left out; empty: none beside those of --parameters")
	flags.BoolVar(&o.respectGPC, "respect-gpc", false,
		"do not remember visitors whose browser sends Sec-GPC: 1 (Global Privacy Control)")
	flags.StringVar(&o.consentCookie, "require-consent-cookie", "",
		"`name` of a cookie without which visitors are not remembered (default: all are)")
	flags.BoolVar(&o.ignoreBots, "ignore-bots", true,
		"record no touch for crawlers and link previews, which their User-Agent names; they are redirected as usual")

	flags.StringVar(&o.keysFile, "keys-file", "",
		"`file` with keys of visitor tokens, one a line (openssl rand -hex 32 makes one), or Tink keysets in JSON. The first "+
			"encrypts new tokens; all keys read tokens. To change it, add the new key at the end in all replicas, then move it to the "+
			"beginning. Read again when it changes (default: a key that is forgotten when the tracker ends)")
	flags.StringVar(&o.tokensFile, "tokens-file", "",
		"`file` with API tokens, one a line: \"shop: <token>\" or \"shop sha256:<hex>\". "+
			"Read again when it changes (default: /v1 refuses every request)")
	flags.StringVar(&o.addressKeyFile, "address-key-file", "",
		"`file` with a secret that clients' addresses are hashed with, under another key each day, in the access log "+
			"(default: the log has no clients). Addresses themselves are not logged")
	flags.StringVar(&o.trustedProxies, "trusted-proxies", privateRanges,
		"comma-separated addresses and `ranges` of gateways, whose X-Forwarded-For and X-Original-URL are trusted; empty: none")

	flags.StringVar(&o.schema, "schema", "referral", "`schema` of the attribution database")
	flags.StringVar(&o.databaseCAFile, "database-ca-file", "",
		"`file` with the certificates of authorities that the database's certificate is verified with. "+
			"Read again when it changes, for new connections (default: sslmode in DATABASE_URL decides)")
	flags.IntVar(&o.connections, "max-connections", 10, "connections to the database; three of them are kept for visitors, and a third of the others for reads")

	flags.IntVar(&o.touchPace, "touches-per-second", 5000,
		"most touches written per second, so that a flood of clicks does not become a flood of writes (--total-touches-per-second "+
			"limits how many are stored at all). Touches beyond the queue's capacity are counted as shed; only their visitors' tokens remember them. "+
			"0: as many as the database takes")

	flags.IntVar(&o.clientTouches, "client-touches-per-minute", 60,
		"touches of one client (an IPv4 address or an IPv6 /64) to store a minute in the long run, and twice as many at once. "+
			"Beyond that only visitors' tokens remember them. 0: no limit, for a load balancer that hides clients' addresses")

	flags.IntVar(&o.totalTouches, "total-touches-per-second", 200,
		"touches of all clients together to store a second in the long run, and a hundred times as many at once. Set it above the visits of "+
			"your busiest hour: a flood from many addresses uses it up. Beyond that only visitors' tokens remember them. 0: no limit")

	flags.DurationVar(&o.drainDelay, "drain-delay", 0,
		"how long to go on serving after SIGTERM, unready, until gateways have stopped sending requests")
	flags.DurationVar(&o.drainTimeout, "drain-timeout", 20*time.Second,
		"how long requests in progress and waiting touches may take after that")
	flags.StringVar(&o.accessLog, "access-log", "errors",
		"`which` requests to log: none, errors (status 500 and above) or all. A line has method, route, status and duration and, "+
			"with --address-key-file, a hash of the client's address")
	flags.TextVar(&o.logLevel, "log-level", slog.LevelInfo, "least `level` to log: debug, info, warn or error")
	flags.BoolVar(&o.showVersion, "version", false, "print the version and exit")
}
