package edge

import (
	"iter"
	"net/http"
	"strings"
)

// cookies yields the values of the cookies of a name. Unlike net/http it has no limit of its own on
// their number: another host of the domain may set many, and the size of a header is limited
// already.
func cookies(r *http.Request, name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range r.Header["Cookie"] {
			for line != "" {
				var cookie string
				cookie, line, _ = strings.Cut(line, ";")
				key, value, ok := strings.Cut(cookie, "=")
				if ok && strings.TrimSpace(key) == name && !yield(strings.Trim(strings.TrimSpace(value), `"`)) {
					return
				}
			}
		}
	}
}
