package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/referral-operator/referral-operator/internal/postgres"
	"github.com/referral-operator/referral-operator/internal/tracker/clients"
	"github.com/referral-operator/referral-operator/internal/tracker/ops"
)

const privateRanges = clients.PrivateRanges

// check returns the errors of the flags. Each names the flag and the values it takes. edge.New
// checks the other flags of the edge.
func (o *options) check() error {
	errs := []error{
		o.checkDatabase(),
		checkAddress("listen", o.listen),
		checkPublicURL(o.publicURL),
		checkBetween("max-connections", o.connections, 5, 200),
		checkBetween("max-client-connections", o.clientConnections, 10, 100_000),
		checkBetween("touches-per-second", o.touchPace, 0, 1_000_000),
		checkBetween("client-touches-per-minute", o.clientTouches, 0, 1_000_000),
		checkBetween("total-touches-per-second", o.totalTouches, 0, 1_000_000),
		checkBetween("drain-delay", o.drainDelay, 0, time.Hour),
		checkBetween("drain-timeout", o.drainTimeout, time.Second, time.Hour),
	}
	if o.opsListen != "" {
		errs = append(errs, checkAddress("ops-listen", o.opsListen))
	}
	if !slices.Contains([]ops.AccessLog{ops.LogNone, ops.LogErrors, ops.LogAll}, ops.AccessLog(o.accessLog)) {
		errs = append(errs, fmt.Errorf("--access-log=%s: must be none, errors or all", o.accessLog))
	}
	if len(list(o.parameters)) == 0 {
		errs = append(errs, errors.New("--parameters=: must name at least one, such as r"))
	}
	return errors.Join(errs...)
}

func (o *options) checkDatabase() error {
	if o.databaseURL == "" {
		return errors.New("the environment variable DATABASE_URL is not set: " +
			"it must be postgresql://user:password@host:5432/database, of a role in the AttributionDatabase's spec.roles.writers")
	}
	if _, err := postgres.ParseConfig(o.databaseURL, nil); err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	if _, err := postgres.ParseSchema(o.schema); err != nil {
		return fmt.Errorf("--schema: %w", err)
	}
	return nil
}

func checkAddress(name, address string) error {
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		return fmt.Errorf("--%s=%s: must be host:port or :port, such as :8080", name, address)
	}
	return nil
}

// checkPublicURL checks the beginning of links: a code and parameters must fit behind it.
func checkPublicURL(text string) error {
	public, err := url.Parse(text)
	if err != nil || public.Scheme != "https" && public.Scheme != "http" || public.Host == "" {
		return fmt.Errorf("--public-url=%s: must be a URL such as https://go.shop.example", shown(text))
	}
	if public.User != nil || strings.ContainsAny(text, "?#") {
		return fmt.Errorf("--public-url=%s: leave out user name, query and fragment, as in https://go.shop.example", shown(text))
	}
	return nil
}

// shown returns a text that may be a URL, or what to show in its place: what is written before an @
// may be a password, also where the text is no valid URL.
func shown(text string) string {
	if strings.Contains(text, "@") {
		return "…"
	}
	return text
}

func checkBetween[T int | time.Duration](name string, value, low, high T) error {
	if value < low || value > high {
		return fmt.Errorf("--%s=%v: must be between %v and %v", name, value, low, high)
	}
	return nil
}

// list are the texts of a flag that are separated by commas; never nil.
func list(text string) []string {
	texts := strings.Split(text, ",")
	for i := range texts {
		texts[i] = strings.TrimSpace(texts[i])
	}
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

// clientLimit is --client-touches-per-minute as a limit: two minutes' touches may come at once.
func (o *options) clientLimit() clients.Limit {
	return clients.Limit{Burst: 2 * o.clientTouches, PerSec: float64(o.clientTouches) / time.Minute.Seconds()}
}

// totalLimit is --total-touches-per-second as a limit. What may come at once is above the peak after
// a mail to many people.
func (o *options) totalLimit() clients.Limit {
	return clients.Limit{Burst: 100 * o.totalTouches, PerSec: float64(o.totalTouches)}
}
