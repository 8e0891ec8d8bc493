package edge

import (
	"iter"
	"net/url"
	"regexp"
	"strings"
)

// webAddress is a requested address, parsed leniently: shops answer addresses that a strict parser
// refuses.
type webAddress struct {
	scheme, host string // either may be missing
	path         string // begins with a slash
	query        string
}

var schemeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*$`)

// parseAddress parses any text. It drops user name and password, and the fragment.
func parseAddress(text string) webAddress {
	var a webAddress
	text, _, _ = strings.Cut(text, "#")
	text, a.query, _ = strings.Cut(text, "?")
	if scheme, rest, ok := strings.Cut(text, "://"); ok && schemeName.MatchString(scheme) {
		host, path, _ := strings.Cut(rest, "/")
		a.scheme, a.host = strings.ToLower(scheme), host[strings.LastIndexByte(host, '@')+1:]
		text = "/" + path
	}
	if a.path = text; !strings.HasPrefix(text, "/") {
		a.path = "/" + text
	}
	return a
}

// String formats the address.
func (a webAddress) String() string {
	text := a.path
	if a.host != "" {
		text = a.scheme + "://" + a.host + a.path
	}
	if a.query != "" {
		text += "?" + a.query
	}
	return text
}

// parameter returns the first non-empty value of a query parameter.
func parameter(query, name string) string {
	for value := range values(query, name) {
		return value
	}
	return ""
}

// values yields the non-empty values of a query parameter.
func values(query, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for query := query; query != ""; {
			var pair string
			pair, query, _ = strings.Cut(query, "&")
			key, value, _ := strings.Cut(pair, "=")
			if value == "" || !named(key, name) {
				continue
			}
			text, err := url.QueryUnescape(value)
			if err != nil {
				text = value // a sentence may go on with % after a link
			}
			if text != "" && !yield(text) {
				return
			}
		}
	}
}

// named reports whether a key of a query is the name. It accepts "amp;name" from a link that was
// escaped for HTML.
func named(key, name string) bool {
	key = strings.TrimPrefix(key, "amp;")
	if key == name {
		return true
	}
	if strings.IndexByte(key, '%') < 0 && strings.IndexByte(key, '+') < 0 {
		return false
	}
	text, err := url.QueryUnescape(key)
	return err == nil && text == name
}
