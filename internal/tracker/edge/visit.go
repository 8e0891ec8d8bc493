package edge

import (
	"net/http"
	"strings"
)

// noVisit returns why a request with a code is not a visit: Prefetch, Embedded, Probe or Bot. It is
// empty for a visit. Only a visit leaves a touch and a cookie.
func (e *Edge) noVisit(r *http.Request, method string) Arrival {
	switch {
	case prefetches(r.Header):
		return Prefetch
	case embedded(r.Header):
		return Embedded
	case method == http.MethodHead:
		return Probe
	case e.IgnoreBots && isBot(r.Header.Get("User-Agent")):
		return Bot
	}
	return ""
}

// purposeHeaders say that a browser loads a page before its user asks for it: Sec-Purpose is the
// standard, Purpose is of older Chrome, X-Moz of older Firefox, X-Purpose of Safari, and
// X-Sec-Purpose of the script Turbo.
var purposeHeaders = [...]string{"Sec-Purpose", "Purpose", "X-Moz", "X-Purpose", "X-Sec-Purpose"}

// prefetches reports whether a browser prefetches, prerenders or previews the page.
func prefetches(header http.Header) bool {
	for _, name := range purposeHeaders {
		for _, value := range header[name] {
			value = strings.ToLower(value)
			for _, purpose := range [...]string{"prefetch", "prerender", "preview"} {
				if strings.Contains(value, purpose) {
					return true
				}
			}
		}
	}
	return false
}

// embedded reports whether a browser requests a part of another page, and not a page that its user
// opens. Otherwise <img src="/r/mallory"> in a review would be the last touch of all its readers.
//
// Browsers say in Sec-Fetch-Dest what a request is for, and no page or script can change it. A
// browser that does not send it counts as opening a page. In a shop with a service worker that
// passes requests on, all of them have the destination "empty"; only opening a page or frame then
// has the mode "navigate".
func embedded(header http.Header) bool {
	switch header.Get("Sec-Fetch-Dest") {
	case "", "document":
		return false
	case "empty":
		return header.Get("Sec-Fetch-Mode") != "navigate"
	}
	return true
}

// bots are parts of the User-Agent of crawlers and of link previews, in lower case. Programs such
// as curl are not among them: a shop may follow links for its visitors.
var bots = [...]string{
	"bot", "crawl", "spider", "slurp", "preview", "facebookexternalhit", "facebookcatalog", "whatsapp/", "embedly", "vkshare",
	"mediapartners-google",
}

// isBot reports whether a User-Agent names a crawler or a link preview.
func isBot(userAgent string) bool {
	text := strings.ReplaceAll(strings.ToLower(userAgent), "cubot", "") // a brand of telephones
	for _, bot := range bots {
		if strings.Contains(text, bot) {
			return true
		}
	}
	return false
}
