package visitor

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Cookie is the cookie that holds a token.
type Cookie struct {
	Name   string
	Domain string // empty: only the host that set it
	Secure bool   // only ever false on a developer's own machine

	names         []string // Name, and the other name that is read
	before, after string   // of the lifetime, in the header
}

const (
	cookieName = "referral"
	hostPrefix = "__Host-" // browsers require Secure, Path=/ and no Domain with it
)

// domainName has at least one dot: browsers take no cookie for a top-level domain.
var domainName = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(\.[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)+$`)

// NewCookie returns the strictest cookie that works under the public URL. With a domain every host
// under it gets the cookie; without one only the host that set it, and no other host can replace
// it.
//
// Under http:// on a name of this machine or of a test, the cookie is not Secure, since browsers
// would not send it. Elsewhere it is always Secure, because TLS may end at a proxy in front of the
// tracker.
func NewCookie(public *url.URL, domain string) (Cookie, error) {
	c := Cookie{Name: hostPrefix + cookieName, Secure: public.Scheme == "https" || !local(public.Hostname())}
	if domain = strings.TrimPrefix(domain, "."); domain != "" {
		host := public.Hostname()
		switch {
		case !domainName.MatchString(domain) || net.ParseIP(domain) != nil:
			return Cookie{}, errors.New("--cookie-domain: must be a domain name such as shop.example: correct it or leave the flag out")
		case !under(host, domain):
			return Cookie{}, fmt.Errorf("--cookie-domain=%s: the host %s of --public-url is not under this domain, so browsers would refuse "+
				"the cookie: correct one of the flags", domain, host)
		}
		c.Domain = strings.ToLower(domain) // all ASCII
		if suffix, _ := publicsuffix.PublicSuffix(c.Domain); suffix == c.Domain {
			return Cookie{}, fmt.Errorf("--cookie-domain=%s: this domain is a public suffix, under which anyone may have a name, so browsers would "+
				"refuse the cookie: name a domain of your own, such as %s, or leave the flag out", c.Domain, host)
		}
	}
	c.names = []string{c.Name}
	if c.Domain != "" || !c.Secure {
		c.Name = cookieName
		// Visitors that came before the domain was set. The other way round would let any host of
		// the domain replace the token.
		c.names = []string{c.Name, hostPrefix + cookieName}
	}
	c.before, c.after = "; Path=/; Max-Age=", "; HttpOnly; SameSite=Lax"
	if c.Domain != "" {
		c.before = "; Domain=" + c.Domain + c.before
	}
	if c.Secure {
		c.after += "; Secure"
	}
	return c, nil
}

// under reports whether a host is a domain or a host of it, in any case. Unlike strings.ToLower,
// strings.EqualFold takes U+0130 for no i, as browsers do.
func under(host, domain string) bool {
	subdomain := len(host) - len(domain) - 1
	return strings.EqualFold(host, domain) || subdomain > 0 && strings.EqualFold(host[subdomain:], "."+domain)
}

// local reports whether a host is this machine, or a name reserved for it or for tests.
func local(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	host = "." + strings.ToLower(host)
	return strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".test")
}

// Names returns the names under which a token is read, the current one first.
func (c Cookie) Names() []string { return c.names }

// Header is the Set-Cookie header that sets a token. The cookie lives no shorter than the lifetime.
func (c Cookie) Header(token string, lifetime time.Duration) string {
	seconds := int64(lifetime / time.Second)
	if lifetime%time.Second > 0 {
		seconds++
	}
	return c.Name + "=" + token + c.before + strconv.FormatInt(seconds, 10) + c.after
}
