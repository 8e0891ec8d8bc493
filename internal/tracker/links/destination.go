package links

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Destination returns the URL that a visitor of the link is redirected to: the requested one (to)
// if it is on the host of the link's or the campaign's destination, else that destination. It is
// empty if neither has one.
//
// to comes from the visitor and is not trusted. It must be a path that begins with one slash, or an
// absolute http or https URL; path, query and fragment are kept. Anything else is ignored, because
// browsers read some texts as another host that Go reads as a path.
func Destination(link *Link, to string) string {
	home := link.Destination
	if home == "" {
		home = link.CampaignDestination
	}
	if to == "" || len(to) > longestRequested || !plain(to) {
		return home
	}
	for _, own := range []string{link.Destination, link.CampaignDestination} {
		if target := within(own, to); target != "" {
			return target
		}
	}
	return home
}

// WithQuery adds parameters of a requested link to its destination, for the campaign parameters of
// the page. Parameters that the destination has, and those that skip reports, are left out.
func WithQuery(destination, query string, skip func(name string) bool) string {
	if destination == "" || query == "" {
		return destination
	}
	base, fragment, hasFragment := strings.Cut(destination, "#")
	_, own, _ := strings.Cut(base, "?")
	taken := map[string]bool{}
	for pair := range strings.SplitSeq(own, "&") {
		taken[parameterName(pair)] = true
	}
	var added strings.Builder
	for pair := range strings.SplitSeq(query, "&") {
		pair = strings.TrimPrefix(pair, "amp;") // of a link that was escaped for HTML
		if name := parameterName(pair); name == "" || taken[name] || skip(name) {
			continue
		}
		if added.Len() > 0 {
			added.WriteByte('&')
		}
		added.WriteString(pair)
	}
	text := escape(strings.ReplaceAll(added.String(), "#", "%23")) // what a client sends begins no fragment
	if text == "" || len(base)+len(text) >= longestRequested {
		return destination
	}
	separator := "?"
	switch {
	case strings.HasSuffix(base, "?"):
		separator = ""
	case strings.Contains(base, "?"):
		separator = "&"
	}
	if base += separator + text; hasFragment {
		base += "#" + fragment
	}
	return base
}

// parameterName returns the decoded name of a parameter; empty for one that cannot be decoded.
func parameterName(pair string) string {
	name, _, _ := strings.Cut(pair, "=")
	text, err := url.QueryUnescape(name)
	if err != nil {
		return ""
	}
	return text
}

const (
	longestDestination = 2048 // characters, as in the database
	longestRequested   = 2048 // bytes of a destination with what a visitor requests of it
)

// CheckDestination returns an error if a text may not be a link's destination. The error says what
// a destination must be, and does not name it.
func CheckDestination(text string) error {
	u, err := url.Parse(text)
	switch {
	case utf8.RuneCountInString(text) > longestDestination:
		return fmt.Errorf("must have at most %d characters", longestDestination)
	case err != nil, !plain(text):
		return errors.New("must be a URL such as https://shop.example/welcome")
	case u.User != nil:
		return errors.New("must have no user name")
	case !web(u):
		return errors.New("must be an absolute URL with a host, and begin with https:// or http://")
	}
	return nil
}

// plain reports whether a text is free of characters that browsers drop or take for a slash: they
// read "/\t/evil" and "/\evil" as "//evil".
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == 0x7f || c == '\\' {
			return false
		}
	}
	return text == strings.TrimSpace(text)
}

// web reports whether a URL leads to a host by http or https, without a user name.
func web(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Opaque == "" && u.User == nil && u.Hostname() != ""
}

// within returns the requested URL in absolute form if it is on the host of own, else an empty
// string. Scheme and host are always as own has them, so that no spelling of a host in the request
// can lead to another one.
func within(own, to string) string {
	home, err := url.Parse(own)
	if err != nil || !web(home) {
		return ""
	}
	target, err := url.Parse(to)
	switch {
	case err != nil:
		return ""
	case strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "//"):
	case !web(target) || address(target) != address(home):
		return ""
	}
	target.Scheme, target.Host = home.Scheme, home.Host
	return escape(target.String())
}

// address is a URL's host and port, where ASCII letters are lower case.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(lowerASCII(u.Hostname()), port)
}

// lowerASCII lowers the letters A to Z, and leaves all other characters. How these are lowered
// differs between Go, browsers and databases: U+0130 is an i in Go, and an i and a dot above it in
// browsers.
func lowerASCII(text string) string {
	lower := []byte(text)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] += 'a' - 'A'
		}
	}
	return string(lower)
}

// escape escapes a URL for use in a header.
func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
