package links

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// Destination is where a visitor of the link is sent: to what was asked for if
// that is on the host of the link's or its campaign's own destination, else to
// that destination. It is empty where neither has one.
//
// What is asked for comes from anybody. It is a path that begins with one slash,
// or a whole http or https URL; path, query and fragment are kept. All else is
// not even looked at twice: browsers read many a text as another host that Go
// reads as a path.
func Destination(link *Link, to string) string {
	home := link.Destination
	if home == "" {
		home = link.CampaignDestination
	}
	if to == "" || len(to) > longestDestination || !plain(to) {
		return home
	}
	for _, own := range []string{link.Destination, link.CampaignDestination} {
		if target := within(own, to); target != "" {
			return target
		}
	}
	return home
}

const longestDestination = 2048 // as in the database

// CheckDestination tells what keeps a text from being a link's destination.
func CheckDestination(text string) error {
	if len(text) > longestDestination {
		return errors.New("the destination must have at most 2048 characters")
	}
	if u, err := url.Parse(text); err != nil || !plain(text) || !web(u) {
		return errors.New("the destination must be a URL such as https://shop.example/welcome")
	}
	return nil
}

// plain tells that a text has nothing in it that browsers drop, or take for a
// slash: they read "/\t/evil" and "/\evil" as "//evil".
func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c == 0x7f || c == '\\' {
			return false
		}
	}
	return text == strings.TrimSpace(text)
}

// web tells whether a URL leads to a host by http or https, as nobody in particular.
func web(u *url.URL) bool {
	return (u.Scheme == "https" || u.Scheme == "http") && u.Opaque == "" && u.User == nil && u.Hostname() != ""
}

// within is what was asked for as a whole URL, if it is on own's host; else it
// is empty.
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
		target.Scheme, target.Host = home.Scheme, home.Host
	case !web(target) || address(target) != address(home):
		return ""
	}
	return escape(target.String())
}

// address is a URL's host and port, in one way of writing.
func address(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// escape makes of a URL one that may stand in a header.
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
