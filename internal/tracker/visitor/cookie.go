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
)

// Cookie is how browsers are asked to keep a token.
type Cookie struct {
	Name   string
	Domain string // empty: only the host that set it
	Secure bool   // only ever false on a developer's own machine

	before, after string // of the lifetime, in the header
}

const (
	cookieName = "referral"
	hostPrefix = "__Host-" // browsers require Secure, Path=/ and no Domain with it
)

// domainName has at least one dot: browsers take no cookie for a top-level domain.
var domainName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$`)

// NewCookie picks the strictest cookie that works under the public URL. With a
// domain every host under it gets the cookie; without one only the host that
// set it, and no other can put one in its place.
//
// Under http:// on a name of this machine or of a test, the cookie is not
// Secure, since browsers would not send it. Elsewhere it stays so: TLS may end
// in front of a tracker that was told the wrong URL.
func NewCookie(public *url.URL, domain string) (Cookie, error) {
	c := Cookie{Name: hostPrefix + cookieName, Secure: public.Scheme == "https" || !local(public.Hostname())}
	if domain = strings.ToLower(strings.TrimPrefix(domain, ".")); domain != "" {
		host := strings.ToLower(public.Hostname())
		switch {
		case !domainName.MatchString(domain) || net.ParseIP(domain) != nil:
			return Cookie{}, errors.New("the cookie's domain is no domain name such as shop.example: correct it or leave it out")
		case host != domain && !strings.HasSuffix(host, "."+domain):
			return Cookie{}, fmt.Errorf("the public URL's host %s is not under the cookie's domain %s, so browsers would refuse it: "+
				"correct one of them", host, domain)
		}
		c.Domain = domain
	}
	if c.Domain != "" || !c.Secure {
		c.Name = cookieName
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

// local reports whether a host is this machine, or a name reserved for it or for tests.
func local(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	host = "." + strings.ToLower(host)
	return strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".test")
}

// Header is the Set-Cookie that plants a token.
func (c Cookie) Header(token string, lifetime time.Duration) string {
	return c.Name + "=" + token + c.before + strconv.FormatInt(int64(lifetime/time.Second), 10) + c.after
}
