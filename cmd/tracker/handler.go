package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/referral-operator/referral-operator/internal/explain"
	"github.com/referral-operator/referral-operator/internal/tracker/api"
	"github.com/referral-operator/referral-operator/internal/tracker/clients"
	"github.com/referral-operator/referral-operator/internal/tracker/edge"
	"github.com/referral-operator/referral-operator/internal/tracker/facts"
	"github.com/referral-operator/referral-operator/internal/tracker/ops"
	"github.com/referral-operator/referral-operator/internal/tracker/visitor"
)

// handler serves --listen: links and gateways first, then the API of facts and, without
// --ops-listen, probes and metrics.
func (t *tracker) handler() (http.Handler, error) {
	public, err := url.Parse(t.options.publicURL)
	if err != nil {
		return nil, errors.New("--public-url: must be a URL such as https://go.shop.example") // check has refused it before
	}
	proxies, err := clients.ParseProxies(t.options.trustedProxies)
	if err != nil {
		return nil, fmt.Errorf("--trusted-proxies: %w", err)
	}
	rest := http.NewServeMux()
	api.Register(rest, api.Options{
		Store: facts.New(t.pools.writes, t.pools.reads),
		Explain: func(ctx context.Context, userID string) (explain.Explanation, error) {
			return explain.Of(ctx, t.pools.reads, userID)
		},
		Tokens: t.secrets.tokens, Keys: t.secrets.keys, PublicURL: t.options.publicURL, Version: version(), Log: t.log,
		// The link may be remembered as unknown.
		LinkMade: t.directory.Forget, TokenRefused: t.tokenRefused,
	})
	if t.options.opsListen == "" {
		t.health.Register(rest)
		t.metrics.Register(rest)
	}
	visitors, err := edge.New(edge.Options{
		PublicURL: public, CookieDomain: t.options.cookieDomain, FallbackURL: t.options.fallbackURL,
		Parameters: list(t.options.parameters), RespectGPC: t.options.respectGPC, ConsentCookie: t.options.consentCookie,
		IgnoreBots: t.options.ignoreBots,
		Keys:       t.secrets.keys, Links: t.directory, Touches: t.queue, Proxies: proxies,
		Limiter:        clients.NewLimiter(clients.DefaultLimit, clients.DefaultTotal),
		Stored:         clients.NewTouchLimiter(t.options.clientLimit(), clients.DefaultVisitor, t.options.totalLimit()),
		PageParameters: list(t.options.pageParameters),
		Observer: edge.Observer{
			Arrived:      func(arrival edge.Arrival) { t.metrics.Arrived(string(arrival)) },
			TokenRefused: t.tokenRefused,
		},
		Next: rest,
	})
	if err != nil {
		return nil, err
	}
	if !visitors.SecureCookie() {
		t.log.Warn("Browsers send visitors' cookies without TLS: --public-url must be for a developer's own machine", "public_url", t.options.publicURL)
	}
	return ops.Observe(visitors, t.metrics, t.accessLog(proxies)), nil
}

func (t *tracker) tokenRefused(reason visitor.Reason) { t.metrics.TokenRefused(string(reason)) }

func (t *tracker) accessLog(proxies *clients.Proxies) ops.Log {
	log := ops.Log{Logger: t.log, Which: ops.AccessLog(t.options.accessLog)}
	if key := t.secrets.addressKey; key != nil {
		log.Client = func(r *http.Request) string {
			return clients.NewAddressHash(key()).Of(proxies.Address(r), time.Now())
		}
	}
	return log
}
