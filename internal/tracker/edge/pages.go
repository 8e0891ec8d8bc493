package edge

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// longestPage is the most bytes of an address that is stored with a touch.
const longestPage = 1 << 10

// pages reduces addresses of pages to what is stored with a touch: http and https only, without
// user name, password and fragment, of the query only some parameters, at most longestPage bytes.
type pages struct {
	exact    map[string]bool
	prefixes []string
}

// newPages keeps the parameters of these names; one that ends in * is the beginning of names.
func newPages(names ...string) pages {
	p := pages{exact: map[string]bool{}}
	for _, name := range names {
		if prefix, ok := strings.CutSuffix(name, "*"); ok {
			p.prefixes = append(p.prefixes, prefix)
		} else {
			p.exact[name] = true
		}
	}
	return p
}

// reduce returns what is stored of an address; empty: nothing.
func (p pages) reduce(text string) string {
	if text == "" {
		return ""
	}
	return p.reduced(parseAddress(text))
}

func (p pages) reduced(a webAddress) string {
	if a.host == "" || web(a.scheme) == "" {
		return ""
	}
	a.query = p.query(a.query)
	text := a.String()
	if len(text) <= longestPage {
		return text
	}
	end := longestPage
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// query returns the kept parameters, as they were given.
func (p pages) query(query string) string {
	var kept strings.Builder
	for query != "" {
		var pair string
		pair, query, _ = strings.Cut(query, "&")
		key, _, _ := strings.Cut(pair, "=")
		if !p.keeps(key) {
			continue
		}
		if kept.Len() > 0 {
			kept.WriteByte('&')
		}
		kept.WriteString(pair)
	}
	return kept.String()
}

func (p pages) keeps(key string) bool {
	if strings.ContainsAny(key, "%+") {
		text, err := url.QueryUnescape(key)
		if err != nil {
			return false
		}
		key = text
	}
	key = strings.TrimPrefix(key, "amp;")
	if p.exact[key] {
		return true
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}
